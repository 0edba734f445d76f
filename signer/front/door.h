/* front's door: the table of requests, and who may ask (front/client.h). */
#ifndef FRONT_DOOR_H
#define FRONT_DOOR_H

#include "base/sock.h"
#include "front/client.h"
#include "judge.h"
#include "service.h"

/* One connection, and the request that it has now; on a thread of its own. */
struct call {
	struct service *service;
	const char *name;
	struct sock_peer peer;
	json_t *request; /* its members, without "do" and, if the row says so, "node" */
	const struct cluster_node *node; /* the one that the request names */
	int files[FRONT_FILES_MAX]; /* that came with it, if its row takes any; the door
				     closes them */
	size_t nfiles;
	int give; /* goes with the result, and is closed; -1: none */
	bool tvs_asked;      /* in this request, and what came of it (tvs_answers.h): */
	enum judge_tvs tvs;
	int fd;
	bool gone; /* the client does not read any more; the call goes on */
};

/* json_unpack() of all members, by a JSON_STRICT format. */
enum rc call_members(struct call *c, struct err *e, const char *fmt,
		     ...) MUST_CHECK;
/* Tell the client; the event is taken over. `arg` is a struct call. */
void call_event(void *arg, json_t *event);

/* A message of the client's, who is c->peer: its answer is sent to c->fd, events first.
 * What it names of this request is of no use afterwards. */
void door_answer(struct call *c, const char *text, size_t n);

struct door;

/* Listens on the cluster's front socket. */
enum rc door_open(struct service *s, struct door **out, struct err *e) MUST_CHECK;
/* Serves until wake_fd is readable. */
enum rc door_serve(struct door *d, int wake_fd, struct err *e) MUST_CHECK;
/* Hangs up on everybody and waits for their threads; after service_halt(). */
void door_free(struct door *d);

#endif
