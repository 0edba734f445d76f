/*
 * Keys: a private key, its public key and its certificate, held together by a
 * random CKA_ID; the label is for display and carries the meaning.
 */
#ifndef HSM_KEY_H
#define HSM_KEY_H

#include "hsm/token.h"
#include <openssl/x509.h>
#include <stdint.h>

#define HSM_ID_LEN 16
#define HSM_LABEL_MAX 64

enum hsm_usage {
	HSM_SIGN = 1,
	HSM_DECRYPT = 2,
	HSM_EXTRACTABLE = 4, /* can leave, wrapped; still CKA_SENSITIVE */
};

struct hsm_key {
	uint8_t id[HSM_ID_LEN];
	char label[HSM_LABEL_MAX];
	unsigned bits;
	CK_OBJECT_HANDLE private_handle; /* found once; see hsm_key_refind() */
	EVP_PKEY *public_key; /* from the certificate; owned */
	X509 *cert;           /* owned */
};

void hsm_key_clear(struct hsm_key *k);
void hsm_key_free(struct hsm_key *k); /* one that was malloc()ed; NULL is fine */
CLEANUP_DEFINE(struct hsm_key *, hsm_key_free);

/* Fresh random ID of HSM_ID_LEN bytes. */
void hsm_id_new(uint8_t id[HSM_ID_LEN]);

/*
 * Generate a pair in the token (C_GenerateKeyPair) under id and label. The
 * templates name every usage; nothing is left to a token's defaults. Bits are
 * 1024, 2048, 3072 or 4096; e = 65537. RC_REFUSED if the token already has an
 * object with this id. On success only the pair exists: store the certificate
 * with hsm_key_commit(), or remove the pair with hsm_key_remove().
 * *key has no cert yet; public_key is read from the token.
 */
enum rc hsm_key_generate(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
			 const char *label, unsigned bits, unsigned usage,
			 struct hsm_key **out, struct err *e) MUST_CHECK;

/* Write the certificate object: this is what makes the generation count. Then
 * key->cert is a copy of cert. */
enum rc hsm_key_commit(struct hsm_session *s, struct hsm_key *key, X509 *cert,
		       struct err *e) MUST_CHECK;

/* A pair that has no certificate yet, found by its id, as hsm_key_generate() gave
 * it: hsm_key_commit() makes it a key. RC_NOTFOUND if a part is gone; RC_TOKEN if
 * two have the id. hsm_key_free() it. */
enum rc hsm_pair_find(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		      const char *label, struct hsm_key **out,
		      struct err *e) MUST_CHECK;

/* Destroy every object with this id. */
enum rc hsm_key_remove(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		       struct err *e) MUST_CHECK;

/* What an id has that is no key: a generation or import that was cut off, or a key
 * that lost a part. */
enum hsm_part { HSM_PRIVATE = 1, HSM_PUBLIC = 2, HSM_CERTIFICATE = 4 };
struct hsm_half {
	uint8_t id[HSM_ID_LEN];
	char label[HSM_LABEL_MAX];
	unsigned have;    /* enum hsm_part, ORed */
	const char *lack; /* goes on from "it lacks ", as in "a certificate"; a literal */
};

/*
 * Every complete triple of the token whose label `wanted` accepts, as a
 * malloc()ed array of malloc()ed keys, sorted by label. `incomplete` (NULL is
 * fine) is called for each id that is none. RC_TOKEN if two objects of a class
 * share an id, or two triples a label: the message lists both. Keys are not
 * test-signed here.
 */
enum rc hsm_keys_load(struct hsm_session *s, bool (*wanted)(const char *label),
		      void (*incomplete)(void *arg, const struct hsm_half *half),
		      void *arg, struct hsm_key ***keys, size_t *n,
		      struct err *e) MUST_CHECK;
void hsm_keys_free(struct hsm_key **keys, size_t n);

/* Look the private key up again by its id, once, after RC_STALE. RC_NOTFOUND if
 * it is gone; RC_TOKEN if two have the id. */
enum rc hsm_key_refind(struct hsm_session *s, struct hsm_key *k,
		       struct err *e) MUST_CHECK;

#endif
