/* The client's inside: what its files share. */
#ifndef KEYD_CALL_H
#define KEYD_CALL_H

#include "keyd/client.h"
#include "keyd/wire.h"

#define CALL_ANSWER_MS 60000 /* longer than keyd's own deadline */

struct keyd {
	char path[CLUSTER_PATH_MAX];
	int fd; /* -1: not connected */
	double come_back; /* seconds; keyd_set_patience() */
	int answer_ms;    /* of a call and its tries; 0: see patience() */
	uint32_t next_id;
	uint8_t *answer; /* SOCK_MESSAGE_MAX bytes, of the last call */
	size_t answered; /* of them in use */
};

/* Connect, unless it is connected; a keyd that is starting is waited for. RC_TOKEN
 * if none comes. */
enum rc call_dial(struct keyd *k, struct err *e) MUST_CHECK;
void call_hang_up(struct keyd *k);

/*
 * Ask; if keyd went away meanwhile, connect and, where `again` says that it is
 * safe, ask once more. *r reads the answer's body, which stays until the next
 * call. The body of a secret request (wire_is_secret()) must lie in locked memory;
 * no copy of it lies anywhere else.
 */
enum rc call_keyd(struct keyd *k, unsigned what, const struct writer *body,
		  bool again, struct reader *r, struct err *e) MUST_CHECK;

/* The answer is none that we know: hang up. Returns e->rc. */
enum rc call_malformed(struct keyd *k, struct err *e);

/* The answer held a secret, and was read. */
void call_forget(struct keyd *k);

/* A key as KEYD_KEYS has it. */
bool call_read_key(struct reader *r, struct keyd_key *out);

/* ---- passwords (client_password.c) ---- */

/* Which two requests are one password's. */
struct call_password {
	unsigned salt, set;
	const char *what, *unset_hint;
};
extern const struct call_password call_admin, call_security;

/* The password as keyd wants it: KEYD_DERIVED_LEN bytes. RC_REFUSED if none was
 * set. */
enum rc call_derive(struct keyd *k, const struct call_password *which,
		    const struct secret *password, struct secret **out,
		    struct err *e) MUST_CHECK;

/*
 * A consented request: `body` has room for the ticket in front, and the
 * parameters behind it up to w->n. The ticket is fetched here.
 */
enum rc call_consented(struct keyd *k, const struct secret *admin,
		       enum keyd_op op, unsigned what, struct writer *w,
		       struct reader *r, struct err *e) MUST_CHECK;

/* Its body, in locked memory, for n bytes of parameters. */
enum rc call_body(size_t n, struct secret **out, struct writer *w,
		  struct err *e) MUST_CHECK;

#endif
