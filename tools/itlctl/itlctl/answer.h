/* Reading the door's answers. Nothing here fails on a missing member: what is
 * only shown shows "-"; what is needed is asked for with answer_unpack(). */
#ifndef ITLCTL_ANSWER_H
#define ITLCTL_ANSWER_H

#include "base/bytes.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* json_unpack() with an error that says what is missing. `what` names the
 * answer. */
enum rc answer_unpack(json_t *j, const char *what, struct err *e,
		      const char *fmt, ...) MUST_CHECK;

/* A member that says something: there, not null, no empty text. */
bool answer_has(const json_t *j, const char *key);
bool answer_true(const json_t *j, const char *key);

/* A member's text, "-" if there is none. */
const char *answer_text(const json_t *j, const char *key);
int64_t answer_int(const json_t *j, const char *key);

/* Any member as text into buf: a text as it is, a number, an error object as
 * err_text() says it; "-" for null. Returns buf. */
char *answer_any(const json_t *j, const char *key, char *buf, size_t cap);

/* A member that is Unix time as local time, "2014-02-26 10:24"; a text as it
 * is; "-" if there is none. Returns buf. */
#define ANSWER_TIME 24
char *answer_time(const json_t *j, const char *key, char buf[ANSWER_TIME]);

/* Base64 to malloc()ed bytes. */
enum rc answer_base64(const char *text, const char *what, uint8_t **out,
		      size_t *n, struct err *e) MUST_CHECK;

/* Bytes that may be no UTF-8 as a JSON text: what is none is written \xHH;
 * closing NULs are left out. */
json_t *answer_bytes(struct bytes b);

#endif
