/* What tests of hsm_start() share: one SoftHSM token, its files, what was said. */
#ifndef TEST_HSM_STARTS_H
#define TEST_HSM_STARTS_H

#include "hsm/start.h"
#include "support/softhsm.h"
#include <limits.h>
#include <sys/types.h>

#define STARTS_URI "pkcs11:token=alive"

struct starts {
	struct softhsm softhsm;
	char tokens[PATH_MAX]; /* the folder of the tokens */
	char folder[PATH_MAX]; /* the token's own */
	char object[PATH_MAX]; /* its token.object */
	char keep[PATH_MAX], proved[PATH_MAX], seen[PATH_MAX]; /* the copies */
	char said[1024];       /* events, each with a blank behind it */
	struct err last;       /* of the last event */
	struct hsm_place place;
};

void starts_open(struct starts *s);
void starts_close(struct starts *s);

/* Start with this PIN, and end again: as one process after the other would. */
enum rc starts_once(struct starts *s, const char *pin, struct err *e) MUST_CHECK;
/* Without any guard, as another's program does. */
enum rc starts_naked(struct starts *s, struct err *e) MUST_CHECK;

/* A process of its own; it exits with 0 if start() says RC_OK. */
typedef enum rc starts_function(struct starts *s, struct err *e);
pid_t starts_fork(struct starts *s, starts_function *start, bool forever);
bool starts_wait(pid_t pid); /* true: it exited with 0 */

void starts_set_pin(struct starts *s, const char *old, const char *pin);
void starts_truncate(const char *path, off_t n);
bool starts_same_file(const char *a, const char *b);

#endif
