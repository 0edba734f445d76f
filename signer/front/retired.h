/*
 * Keys of the token that are retired, and when they may go: not while a phone may
 * hold a list that needs them, to trust what signed it or what it names. keyd knows
 * no lists; so this is front's to decide.
 */
#ifndef FRONT_RETIRED_H
#define FRONT_RETIRED_H

#include "door.h"

enum rc show_keys(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_key_remove(struct call *c, json_t **result, struct err *e) MUST_CHECK;

/* The history of what nodes served, but for what keep-days or the state need. */
void retired_prune(struct service *s);

#endif
