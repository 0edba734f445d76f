/* carry's jobs: each a function of the job's members (without "do", "parent"). */
#ifndef CARRY_JOB_H
#define CARRY_JOB_H

#include "base/err.h"
#include <jansson.h>

enum rc job_put(json_t *job, struct err *e) MUST_CHECK;
enum rc job_fetch(json_t *job, struct err *e) MUST_CHECK;

/* json_unpack() of all members, by a JSON_STRICT format. */
enum rc job_members(json_t *job, struct err *e, const char *fmt, ...) MUST_CHECK;

#endif
