/* An error as JSON, as it crosses from one process to another (and front's
 * state): {"rc","op","what","why","name","code","hint"}. */
#ifndef BASE_ERRJSON_H
#define BASE_ERRJSON_H

#include "base/err.h"
#include <jansson.h>

/* Words of servers, commands and tokens on their way to a terminal: JSON takes nothing
 * but UTF-8, and one text that is none would take the whole answer with it. Control
 * characters, and bytes of a text that is not UTF-8, become '?'; a character that is
 * cut off at the end goes. NULL out of memory. */
json_t *json_words(const char *s);

/* Its texts are json_words(); JSON's null if there is none (rc RC_OK). NULL out of
 * memory. */
json_t *err_json(const struct err *e);

/* Returns e->rc, which is never RC_OK; RC_ERROR if j is no such object. */
enum rc err_from_json(json_t *j, struct err *e);

#endif
