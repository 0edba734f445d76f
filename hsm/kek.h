/* Key-encryption keys in the token, and what tokens say of the mechanisms that
 * use them: between wrap.c and unwrap.c. */
#ifndef HSM_KEK_H
#define HSM_KEK_H

#include "base/secret.h"
#include "object.h"
#include "wrapped/wrapped.h"

#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210bUL /* PKCS#11 3.0 */
#endif

/* The mechanisms that wrap as RFC 5649, in the order in which they are tried. */
struct kek_mechanism {
	CK_MECHANISM_TYPE type;
	const char *name;
};
#define KEK_MECHANISMS 2
extern const struct kek_mechanism kek_mechanisms[KEK_MECHANISMS];

/* As a session object that can do nothing but this; destroyed with *out. */
enum kek_use { KEK_WRAPS, KEK_UNWRAPS };
enum rc kek_new(struct hsm_session *s, const struct secret *key,
		enum kek_use use, struct temporary *out,
		struct err *e) MUST_CHECK;

/* What the token said to each mechanism that was tried, for the message. */
struct answers {
	size_t n;
	CK_RV last;
	bool differ;
	char text[200];
};
void answers_add(struct answers *a, const char *mechanism, CK_RV rv,
		 const char *why);
/* None of them worked: RC_TOKEN. If the token said one thing to all, that is the
 * error's code. */
enum rc answers_err(const struct answers *a, struct hsm_session *s,
		    const char *op, const char *label, struct err *e);

#endif
