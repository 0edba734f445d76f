/* What several tests share. Include it before cmocka.h is needed: it brings it. */
#ifndef SUPPORT_SUPPORT_H
#define SUPPORT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"

/* Fail the test with the error's text unless rc is RC_OK. */
#define assert_ok(rc, e) support_assert_ok((rc), (e), __FILE__, __LINE__)
void support_assert_ok(enum rc rc, const struct err *e, const char *file, int line);

/* A file of tests/data, malloc()ed. */
uint8_t *support_data(const char *name, size_t *n);

/* A private folder below TMPDIR, removed with all that it holds. */
char *support_tmpdir(void);        /* malloc()ed path */
void support_tmpdir_remove(char *path); /* frees it too */

/* A TCP socket of the loopback with unsent data that its close() would wait for,
 * for 30 seconds; *listener keeps its other end. Close both. */
int support_lingering(int *listener);

/* The seed of a random test: ITLKEEPER_SEED or the clock; printed. */
uint64_t support_seed(void);
uint64_t support_random(uint64_t *state); /* splitmix64 */
/* How many rounds: full when ITLKEEPER_LONG is set, else a tenth. */
size_t support_rounds(size_t full);

#endif
