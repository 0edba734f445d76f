/* An error as JSON, as it crosses from one process to another (and front's
 * state): {"rc","op","what","why","name","code","hint"}. */
#ifndef BASE_ERRJSON_H
#define BASE_ERRJSON_H

#include "base/err.h"
#include <jansson.h>

/* Words of servers and commands are in it, on their way to a terminal: control
 * characters, and bytes of a text that is not UTF-8, become '?'. NULL out of
 * memory. */
json_t *err_json(const struct err *e);

/* Returns e->rc, which is never RC_OK; RC_ERROR if j is no such object. */
enum rc err_from_json(json_t *j, struct err *e);

#endif
