#include "ticket.h"
#include "base/num.h"
#include "base/secret.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define NAME_LEN 16 /* OpenSSL's */

struct ticket_key {
	uint8_t name[NAME_LEN];
	uint8_t aes[32], mac[32];
};

static struct {
	pthread_rwlock_t lock;
	struct secret *memory; /* what `keys` is in */
	struct ticket_key *keys; /* the newest, and the one before */
	double drawn;
} ring = {.lock = PTHREAD_RWLOCK_INITIALIZER};

enum rc tickets_open(struct err *e)
{
	if (secret_new(2 * sizeof *ring.keys, &ring.memory, e) != RC_OK)
		return e->rc;
	randombytes_buf(ring.memory->p, ring.memory->n);
	ring.keys = (void *)ring.memory->p;
	return RC_OK;
}

void tickets_rotate(double now)
{
	if (ring.drawn != 0 && now - ring.drawn < TICKET_SECONDS)
		return;
	(void)pthread_rwlock_wrlock(&ring.lock);
	if (ring.drawn != 0) {
		memcpy(&ring.keys[1], &ring.keys[0], sizeof ring.keys[0]);
		randombytes_buf(&ring.keys[0], sizeof ring.keys[0]);
	}
	ring.drawn = now;
	(void)pthread_rwlock_unlock(&ring.lock);
}

static bool begin(const struct ticket_key *k, uint8_t *iv, EVP_CIPHER_CTX *cipher,
		  EVP_MAC_CTX *mac, int make)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_END,
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv, make) == 1 &&
	       EVP_MAC_init(mac, k->mac, sizeof k->mac, params) == 1;
}

/* 0: a ticket of nobody's: a full handshake. 2: take it, and give a newer one: TLS 1.3
 * clients use each once (RFC 8446 C.4). */
static int choose(const SSL *ssl, const uint8_t *name, size_t *which)
{
	for (*which = 0; *which < 2; ++*which)
		if (!CRYPTO_memcmp(ring.keys[*which].name, name, NAME_LEN))
			return *which == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
	return 0;
}

static int ticket_key(SSL *ssl, unsigned char name[NAME_LEN], unsigned char iv[EVP_MAX_IV_LENGTH],
		      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int make)
{
	size_t which = 0;
	int answer = 1;

	(void)pthread_rwlock_rdlock(&ring.lock);
	if (!make)
		answer = choose(ssl, name, &which);
	else if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
		answer = -1;
	else
		memcpy(name, ring.keys[0].name, NAME_LEN);
	if (answer > 0 && !begin(&ring.keys[which], iv, cipher, mac, make))
		answer = -1;
	(void)pthread_rwlock_unlock(&ring.lock);
	return answer;
}

enum rc tickets_use(SSL_CTX *ctx, struct err *e)
{
	if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1)
		return RC_OK;
	return err_set(e, RC_ERROR, "session tickets", "OpenSSL failed", NULL, "a listener");
}
