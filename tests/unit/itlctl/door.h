/* A cluster of three nodes, a door that answers what a test recorded, and a
 * keyd that knows one password: what itlctl sees of the service. */
#ifndef ITLCTL_DOOR_H
#define ITLCTL_DOOR_H

#include "itlctl/ctl.h"
#include "keyd/client.h"
#include <pthread.h>

#define PASSWORD "correct horse"
/* What scripts give beside the administrator's. */
#define FILES " --security-password-file %d/security"

/* What the door says to {"do": NAME}: JSON messages, the last one the result or
 * the error; NULL ends them. "NAME forced" is what it says with force, if that is
 * something else. */
struct reply {
	const char *name;
	const char *messages[24];
};

struct world {
	char *dir;       /* holds cluster.conf, run/, and the passwords' files */
	int listener, stop; /* stop: an eventfd */
	const struct reply *replies; /* ended by one without a name */
	json_t *requests; /* an array of all that was asked */
	pthread_t thread;
	bool open;
};

/* What the fake keyd was asked, and what it shall answer. */
extern struct keyd_seen {
	bool password_set;
	size_t ntickets;
	struct keyd_intent tickets[16];
	char new_password[64]; /* what was set; "": nothing */
	bool with_old;
	uint32_t security; /* which cluster security password is set */
	char old_security[64], new_security[64]; /* what was given and set */
	char override[400]; /* "": nothing */
	struct keyd_key keys[4]; /* that the token has; the test's own certificates */
	size_t nkeys;
} keyd_seen;

int world_setup(void **state);    /* *state: a struct world */
int world_teardown(void **state);
/* Let the door listen (replies must live until world_teardown()). */
void world_open(struct world *w, const struct reply *replies);
/* Write vault.conf; "%d" in it is the world's folder. */
void world_vaults(const struct world *w, const char *conf);
/* The n-th request, or NULL. */
json_t *world_request(struct world *w, size_t n);

struct output {
	char *out, *err; /* free() them */
	int code;
};
/* Run one line of itlctl with the world's configuration and password; "%d" in it
 * is the world's folder. */
struct output world_run(struct world *w, const char *line);
/* The same at a terminal, without the password's file: what is asked and typed is
 * in `out`. All answers (ended by NULL) must be asked for. */
struct output world_talk(struct world *w, const char *line,
			 const char *const *answers);
void output_clear(struct output *o);

/* A copy with every run of white space as one blank, and none at the ends. */
char *squeezed(const char *text);
/* Fail unless the two are the same but for white space. */
void check_squeezed(const char *out, const char *expected);

#endif
