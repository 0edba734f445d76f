/* Objects of a token: finding, reading, destroying. */
#ifndef HSM_OBJECT_H
#define HSM_OBJECT_H

#include "base/bytes.h"
#include "hsm/key.h"

/* Of one attribute: a certificate's value is by far the longest. */
#define MAX_ATTRIBUTE (64u << 10)

/* A template's row. PKCS#11 takes pointers to what it does not write to. */
#define ATTRIBUTE(type, at, n)                                                 \
	(CK_ATTRIBUTE)                                                         \
	{                                                                      \
		(type), (void *)(uintptr_t)(at), (n)                           \
	}

/* What an error is about: the token alone, or with a key's label. */
#define ON_TOKEN(s)                                                            \
	"token \"%s\"", hsm_token_info(hsm_session_token(s))->label
#define ON_KEY(s, name)                                                        \
	"token \"%s\", key \"%s\"",                                            \
		hsm_token_info(hsm_session_token(s))->label, (name)

/* Every object that matches; *found is malloc()ed. */
enum rc objects_find(struct hsm_session *s, const CK_ATTRIBUTE *template,
		     CK_ULONG n, CK_OBJECT_HANDLE **found, size_t *count,
		     struct err *e) MUST_CHECK;
/* Every object of a class that has the id. */
enum rc objects_with_id(struct hsm_session *s, CK_OBJECT_CLASS class,
			const uint8_t id[HSM_ID_LEN], CK_OBJECT_HANDLE **found,
			size_t *count, struct err *e) MUST_CHECK;

/* Objects of any class that have the id, of the session too. */
enum rc objects_of_id(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		      CK_OBJECT_HANDLE **found, size_t *count,
		      struct err *e) MUST_CHECK;
/* RC_REFUSED if there is one: a new key with this label cannot have it. */
enum rc id_check_free(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		      const char *label, struct err *e) MUST_CHECK;

/* One attribute, malloc()ed, with a NUL behind it (not counted). */
enum rc object_read(struct hsm_session *s, CK_OBJECT_HANDLE object,
		    CK_ATTRIBUTE_TYPE type, uint8_t **out, size_t *n,
		    struct err *e) MUST_CHECK;

/* The RSA public key that a public key object holds, in software. */
enum rc object_public_key(struct hsm_session *s, CK_OBJECT_HANDLE object,
			  EVP_PKEY **out, struct err *e) MUST_CHECK;

/* An object that shall not stay: destroyed when it goes out of scope. */
struct temporary {
	struct hsm_session *s; /* NULL: none */
	CK_OBJECT_HANDLE object;
};
void temporary_clear_at(struct temporary *t);

/* After RC_STALE in *e: find again what the token lost, the session if it says
 * so, and the key. RC_STALE if it is gone. */
enum rc key_find_again(struct hsm_session *s, struct hsm_key *key,
		       struct err *e) MUST_CHECK;

CLEANUP_DEFINE(EVP_PKEY *, EVP_PKEY_free);
CLEANUP_DEFINE(X509 *, X509_free);

/* How many C_FindObjectsInit this process has called; for tests. */
unsigned long hsm_find_count(void);

#endif
