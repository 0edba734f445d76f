/* Logs as keyd writes them, and Audit keys in memory. */
#ifndef TEST_AUDIT_LOG_H
#define TEST_AUDIT_LOG_H

#include "audit/verify.h"
#include "support/support.h"

#define LOG_LINES 64
#define LOG_TIME 1763900000

struct log {
	char text[LOG_LINES * AUDIT_LINE_MAX];
	size_t n;
	size_t at[LOG_LINES + 1]; /* offset of each line, and of the end */
	size_t lines;
	struct audit_chain chain;
};

/* A key with its certificate. */
struct auditor {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t *der;
	size_t n;
	uint8_t sha256[32];
};

/* Made once for the program, 0 to 3. */
struct auditor *auditor(unsigned i);
void auditors_free(void);

struct log *log_new(void); /* free() it */
struct bytes log_bytes(const struct log *l);
void log_add(struct log *l, const char *detail);
/* cluster "lab", the chain's present point; by == NULL: not linked. */
void log_certificate(struct log *l, struct auditor *a, struct auditor *by);
void log_checkpoint(struct log *l, struct auditor *a, const struct audit_point *upto,
		    const char *cluster);
/* The text of line i is replaced, hashes of it and all that follows are made anew:
 * what somebody can do who can write the file. text == NULL: the line goes. */
void log_forge(struct log *l, size_t i, const char *text);

#endif
