/* A real SoftHSM of the test's own: tokens in a private temporary folder. */
#ifndef SUPPORT_SOFTHSM_H
#define SUPPORT_SOFTHSM_H

#include "base/secret.h"
#include "support/support.h"

#define SOFTHSM_SO_PIN "12345678"
#define SOFTHSM_PIN "1234"

struct softhsm {
	char *dir;  /* holds softhsm2.conf and tokens/ */
	char *conf; /* what SOFTHSM2_CONF is set to */
};

/* Make the folder, set SOFTHSM2_CONF for this process and its children, and
 * initialise a token (label NULL: none). Fails the test if it cannot. Call it
 * while the module is not open. */
void softhsm_start(struct softhsm *h, const char *label);
void softhsm_add_token(const char *label, const char *so_pin, const char *pin);
void softhsm_stop(struct softhsm *h); /* removes the folder */

/* The path of the PKCS#11 module. */
const char *softhsm_module(void);

struct secret *softhsm_secret(const char *text); /* secret_free() it */

/*
 * Run a program (argv ends with NULL; found in PATH) with its output, standard
 * and error, in out (cap bytes with the NUL; NULL: dropped). Returns its exit
 * status; fails the test if it does not run or dies of a signal.
 */
int support_run(const char *const argv[], char *out, size_t cap);

#endif
