/* Phones of a test, as itlphone plays them, and the server that they fetch from. */
#ifndef PHONES_H
#define PHONES_H

#include "base/bytes.h"
#include "support/server.h"
#include <jansson.h>

#define PHONE "SEP001122330000" /* the first */

extern char *dir, *root;   /* the test's folder, in which state/ is; the server's */
extern struct server tftp;

void phones_setup(void);
void phones_teardown(void);

/* A cmocka setup: every test has its own phones and an empty server. */
int fresh(void **state);

/* Without bytes: no such file any more. */
void serve(const char *name, struct bytes content);

/* A reset of one phone, with these options beside: its report. */
json_t *reset_with(const char *more, int *code);
json_t *reset(int *code); /* over TFTP */

/* A member of a report; "(null)" if it is no text. */
const char *text(const json_t *o, const char *key);
const char *last_status(const json_t *report);

/* The list in the phone's folder is this one (or there is none). */
void check_installed(struct bytes want);

#endif
