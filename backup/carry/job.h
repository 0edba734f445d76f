/* carry's jobs: each a function of the job's members (without "do", "parent"). */
#ifndef CARRY_JOB_H
#define CARRY_JOB_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include <jansson.h>
#include <stdbool.h>

enum rc job_put(json_t *job, struct err *e) MUST_CHECK;
enum rc job_writable(json_t *job, struct err *e) MUST_CHECK;
enum rc job_fetch(json_t *job, struct err *e) MUST_CHECK;
enum rc job_hostkey(json_t *job, struct err *e) MUST_CHECK;
enum rc job_probe(json_t *job, struct err *e) MUST_CHECK;
enum rc job_store(json_t *job, struct err *e) MUST_CHECK;
enum rc job_replace(json_t *job, struct err *e) MUST_CHECK;
enum rc job_again(json_t *job, struct err *e) MUST_CHECK;
enum rc job_exec(json_t *job, struct err *e) MUST_CHECK;
enum rc job_load(json_t *job, struct err *e) MUST_CHECK;
enum rc job_list(json_t *job, struct err *e) MUST_CHECK;
enum rc job_remove(json_t *job, struct err *e) MUST_CHECK;
enum rc job_mail(json_t *job, struct err *e) MUST_CHECK;
enum rc job_tvs(json_t *job, struct err *e) MUST_CHECK;

/* json_unpack() of all members, by a JSON_STRICT format. */
enum rc job_members(json_t *job, struct err *e, const char *fmt, ...) MUST_CHECK;

/* A member that may be null, unpacked as an object. *out: NULL, or its text. */
enum rc job_text(json_t *member, const char *name, const char **out,
		 struct err *e) MUST_CHECK;

/* What the job carries there (CARRY_CONTENT_FD), to its end; malloc()ed. */
enum rc job_content(size_t max, uint8_t **out, size_t *n,
		    struct err *e) MUST_CHECK;

/* A descriptor that the job says it has. Ask before others are opened, which would
 * get its number. */
enum rc job_has(int fd, struct err *e) MUST_CHECK;

/* The password (CARRY_SECRET_FD), ended by a NUL as libraries want it. */
enum rc job_password(struct secret **out, struct err *e) MUST_CHECK;

/* What it brings (CARRY_RESULT_FD): the next bytes, or a whole JSON value. */
enum rc job_bring(struct bytes b, struct err *e) MUST_CHECK;
enum rc job_bring_json(const json_t *j, struct err *e) MUST_CHECK;

/* A dialogue (CARRY_TALK_FD): a message of a letter and these bytes; the next one, of at
 * most max bytes, malloc()ed. RC_STALE when the parent has hung up. */
enum rc job_say(char letter, struct bytes head, struct bytes rest, struct err *e) MUST_CHECK;
enum rc job_hear(size_t max, uint8_t **out, size_t *n, struct err *e) MUST_CHECK;
/* It has: what is begun is ended, and no more. */
bool job_hung_up(void);

#endif
