/* A key and its certificate from files: PEM or PKCS#12. */
#ifndef ITLCTL_PEMFILE_H
#define ITLCTL_PEMFILE_H

#include "itlctl/ctl.h"
#include <openssl/x509.h>

struct pemfile {
	struct wrapped_key key; /* owned; the key lies nowhere in the clear */
	X509 *cert;             /* owned */
};
void pemfile_clear(struct pemfile *f);
static inline void pemfile_clear_at(struct pemfile *f)
{
	pemfile_clear(f);
}

/* The password of a file that has one: from --p12-password-file, else asked for. */
enum rc pemfile_p12(const struct ctl *c, const char *path, struct pemfile *out,
		    struct err *e) MUST_CHECK;
/* `key` may be the same file as `cert`. They must belong together. */
enum rc pemfile_pair(const struct ctl *c, const char *cert, const char *key,
		     struct pemfile *out, struct err *e) MUST_CHECK;

/* Does a PEM file hold a private key? */
bool pemfile_has_key(const char *path);

#endif
