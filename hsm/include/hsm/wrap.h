/*
 * A key's way out of the token and back, wrapped (PKCS#11 5.14, C_WrapKey and
 * C_UnwrapKey; spec: pkcs11, "Wrapping an RSA private key").
 *
 * What mechanisms a token claims is not believed: routes are tried, best first.
 */
#ifndef HSM_WRAP_H
#define HSM_WRAP_H

#include "hsm/key.h"
#include "wrapped/wrapped.h"

enum hsm_route {
	HSM_ROUTE_CBC_PAD, /* CKM_AES_CBC_PAD: the token does it all */
	HSM_ROUTE_CBC,     /* CKM_AES_CBC in the token; a padding block added here */
	HSM_ROUTE_CONVERT, /* RFC 5649 under a random key, converted here: one copy
			      in locked memory, for less than a millisecond */
	HSM_ROUTE_COUNT
};
/* "token-cbc-pad", "token-cbc", "converted"; NULL for a number that is none. */
const char *hsm_route_name(enum hsm_route r);

/*
 * Wrap key under w->kek and w->iv (both set by the caller): w->bytes and w->n.
 * The key-encryption key is a session object (sensitive, wrap only) and is
 * destroyed in any case. *by_length (NULL is fine): the token itself would have
 * done it, were the key's DER of another length; a new key may have it.
 * RC_REFUSED if the key is not extractable; RC_TOKEN if no route works.
 */
enum rc hsm_key_wrap(struct hsm_session *s, struct hsm_key *key,
		     struct wrapped_key *w, enum hsm_route *route,
		     bool *by_length, struct err *e) MUST_CHECK;

/*
 * Prove that w opens and is the private key of cert: unwrap it as a session
 * object, sign a constant text, verify that with cert's key in software, destroy
 * it. RC_VERIFY if it does not open, or does not match; RC_REFUSED for another
 * key size than 1024, 2048, 3072, 4096 bits (3072 cannot sign a list). That the key's numbers agree with
 * each other (a token may sign with some of them alone) is checked on the way of
 * HSM_ROUTE_CONVERT, where they are at hand; on the others a changed bit is what
 * the file's MAC tells, before.
 */
enum rc hsm_wrapped_prove(struct hsm_session *s, const struct wrapped_key *w,
			  X509 *cert, enum hsm_route *route,
			  struct err *e) MUST_CHECK;

/*
 * The same, but to stay: private key, public key, and, once a test signature
 * verified, the certificate, under a fresh id. Usage as in hsm_key_generate().
 * On failure nothing of it is left in the token.
 */
enum rc hsm_key_import(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		       const char *label, const struct wrapped_key *w, X509 *cert,
		       unsigned usage, struct hsm_key **out,
		       enum hsm_route *route, struct err *e) MUST_CHECK;

/* Whether the key can leave (CKA_EXTRACTABLE). */
enum rc hsm_key_extractable(struct hsm_session *s, struct hsm_key *key,
			    bool *out, struct err *e) MUST_CHECK;

/*
 * Never again: CKA_EXTRACTABLE to false, which no token takes back. Proved by a
 * wrap that must fail; RC_TOKEN if the token does not keep to it. Whoever signs
 * with the key meanwhile finds its handle stale, once.
 */
enum rc hsm_key_seal(struct hsm_session *s, struct hsm_key *key,
		     struct err *e) MUST_CHECK;

#endif
