/*
 * carry, run for one job (carry/carry.h): for front, and for whoever opens a
 * vault. A hostile server reaches only the child.
 */
#ifndef CARRY_RUN_H
#define CARRY_RUN_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include <jansson.h>

/*
 * A dialogue, for a job that has one (carry.h). heard() gets each message of the
 * child's, on the thread that runs the job, and answers by carry_say(). It takes as long
 * as it takes; an error of its own becomes that of the job, whose child is hung up on
 * and has a moment to end by itself, so that it leaves nothing half done.
 */
struct carry_voice;
struct carry_talk {
	size_t max; /* bytes of a message; a longer one ends the job */
	enum rc (*heard)(void *arg, struct carry_voice *v, struct bytes message,
			 struct err *e);
	void *arg;
};
/* It is copied. */
enum rc carry_say(struct carry_voice *v, struct bytes message, struct err *e) MUST_CHECK;

struct carry_job {
	const char *program;  /* the path of carry: proc_sibling() */
	json_t *job;          /* taken over; "parent" is added */
	struct bytes content; /* what it carries there; may be empty */
	const struct secret *password; /* NULL: none. It goes through a pipe. */
	int agent_fd;         /* borrowed; -1: none */
	size_t max;           /* bytes that it may bring back; 0: it brings nothing */
	double seconds;       /* its deadline; with a dialogue: from one message to the next */
	const struct carry_talk *talk; /* NULL: none */
	int stop_fd;          /* readable: it is killed; -1: never */
};

/* What it begins with: CARRY_JOB(.max = 100). A zero would be standard input. */
#define CARRY_JOB(...) {.agent_fd = -1, .stop_fd = -1, __VA_ARGS__}

/*
 * Run it and wait. result == NULL if it brings nothing; else malloc()ed. The
 * child's own error becomes *e; RC_STALE at the deadline. A job with "seconds" of
 * its own gives up by itself and says why; it is killed if it does not.
 */
enum rc carry_run(const struct carry_job *j, uint8_t **result, size_t *n,
		  struct err *e) MUST_CHECK;

#endif
