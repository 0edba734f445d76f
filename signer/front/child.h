/* carry, run for one job (carry/carry.h). */
#ifndef FRONT_CHILD_H
#define FRONT_CHILD_H

#include "base/bytes.h"
#include "base/err.h"
#include <jansson.h>

/*
 * Run `program` with this job (taken over; "parent" is added) and content, and
 * wait. At the deadline, or when stop_fd becomes readable, it is killed.
 * result == NULL: the job brings nothing; else malloc()ed, at most
 * CARRY_CONTENT_MAX bytes. Its own error becomes *e; RC_STALE at the deadline.
 */
enum rc child_run(const char *program, json_t *job, struct bytes content,
		  double seconds, int stop_fd, uint8_t **result, size_t *n,
		  struct err *e) MUST_CHECK;

#endif
