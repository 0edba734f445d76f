/* The door's "sign" (front/client.h). */
#ifndef FRONT_SIGN_H
#define FRONT_SIGN_H

#include "door.h"

enum rc sign_files(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
