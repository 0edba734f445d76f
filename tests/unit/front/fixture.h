/*
 * A cluster of two nodes in a private folder: real in.tftpd servers on loopback
 * ports, root's part of the restarts played by a thread, and front's service
 * with its door in this process. Needs root (in.tftpd does).
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "support/server.h"
#include "support/support.h"

#include "cluster/cluster.h"
#include "door.h"
#include "front/client.h"
#include "service.h"
#include <pthread.h>

struct fixture {
	char *dir;
	char folder[2][256];
	struct server tftpd[2];
	struct cluster *cluster;
	struct front_conf conf; /* its syslog: DIR/syslog, where nobody listens */
	struct vault_conf *vaults; /* DIR/vault.conf, read by each start */
	struct service *service; /* NULL: not running */
	struct door *door;
	pthread_t door_thread, root_thread;
	int door_end;

	/* Simulated clocks: they stand still until a test sets them. */
	volatile int64_t wall, mono;
	char boot[16]; /* the machine's start: another one for the next fixture_front() */
	char syslog[256];

	/* Root's part. */
	volatile bool root_end;
	volatile bool root_deaf;      /* answers nothing */
	volatile int status[2];       /* what the restart command "exits" with */
	volatile unsigned bounces[2]; /* how often it was asked */
	volatile int phone_status;    /* the same of the phones' reset */
	volatile unsigned phone_resets;
};

/* Folders, configuration, TFTP servers, root's part; front is not started.
 * `extra` goes into [cluster]. */
struct fixture *fixture_new(const char *extra);
void fixture_free(struct fixture *f);

/* A test's teardown: of the fixture, if there is one, and of the fake keyd. */
int fixture_stop(void **state);

/* Without root there is no fixture. */
#define NEEDS_ROOT(state)                                                      \
	do                                                                     \
		if (!*(state))                                                 \
			skip();                                                \
	while (0)

void fixture_tftpd(struct fixture *f, int node, bool run);
void fixture_front(struct fixture *f, bool run);

/* From now on both clocks, or the one on the wall alone, go on (or back). */
void fixture_pass(struct fixture *f, int64_t seconds);
void fixture_set_back(struct fixture *f, int64_t seconds);

/* Ask the door: the request is taken over. The result, or NULL and *e. */
json_t *fixture_ask(struct fixture *f, json_t *request, struct err *e);
/* The same, with what happened as an array of events (a new reference). */
json_t *fixture_ask_events(struct fixture *f, json_t *request, json_t **events,
			   struct err *e);
/* A node of "status"; the caller frees it. */
json_t *fixture_node(struct fixture *f, int node);
/* Until its loop has tried, and it serves what it shall (or does not). */
void fixture_wait_settled(struct fixture *f, int node, bool settled);

/* The list file of a node's folder; n == 0: none. */
struct bytes fixture_served(struct fixture *f, int node);
void fixture_serve(struct fixture *f, int node, struct bytes list);
/* The same of any file. */
void fixture_path(struct fixture *f, int node, const char *name, char path[300]);
struct bytes fixture_read(struct fixture *f, int node, const char *name);
void fixture_write(struct fixture *f, int node, const char *name, struct bytes content);

#endif
