/* The TVS key of a node: TLS handshakes of tvs, and nothing else. */
#include "service.h"
#include "base/num.h"
#include "hsm/sign.h"
#include "tls.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

/* Of a node that there is, and of whatever generation: a phone that was shown the
 * certificate before this one has its handshake finished. */
static enum rc tvs_key(struct request *q, struct held_key **out, struct err *e)
{
	char text[LABEL_MAX];
	struct label l;

	read_text(&q->in, text, sizeof text);
	if (q->in.bad)
		return request_read_done(q, e);
	note_detail(&q->note, "asked=%s", text);
	if (!label_read(text, strlen(text), &l) || l.unit != UNIT_TVS ||
	    !label_in_use(&l, q->service->config->cluster))
		return err_set(e, RC_REFUSED, q->note.event,
			       "is no TVS key of a node of keyd's configuration",
			       "keyd takes a changed cluster.conf up in a moment; its log says what is wrong with the file",
			       "%s", text);
	*out = keyring_by_label(&q->service->keys, &l);
	if (!*out)
		return err_set(e, RC_NOTFOUND, q->note.event,
			       "the token has no such key with a certificate", NULL, "%s",
			       text);
	note_key(&q->note, *out);
	return RC_OK;
}

enum rc request_tls_sign(struct request *q, struct err *e)
{
	uint8_t signature[HSM_SIGNATURE_MAX];
	struct held_key *k;
	struct bytes message;
	char digest[16];
	bool pss;
	size_t n;

	if (tvs_key(q, &k, e) != RC_OK)
		return e->rc;
	read_text(&q->in, digest, sizeof digest);
	pss = read_u8(&q->in) == 1;
	message = read_bytes32(&q->in);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (message.n > TLS_MESSAGE_MAX ||
	    !tls_message_fits(digest, pss, message))
		return err_set(e, RC_REFUSED, "tls-sign",
			       "is no message of a TLS handshake", NULL,
			       "%zu bytes under %s", message.n, digest);
	n = (size_t)EVP_PKEY_get_size(k->key->public_key);
	if (hsm_sign(q->session, k->key, digest, pss ? HSM_PSS : HSM_PKCS1,
		     &message, 1, signature, n, e) != RC_OK)
		return e->rc;
	note_digest(&q->note, message);
	write_bytes32(&q->out, bytes_of(signature, n));
	return RC_OK;
}

/* 0, 1, n - 1 and what is no less than the modulus n are nobody's ciphertext: the
 * client's fault, which some tokens answer as if they were broken. Both sides of this
 * are public. */
static bool is_ciphertext(struct bytes in, EVP_PKEY *key)
{
	BIGNUM *n = NULL, *c = BN_bin2bn(in.p, num_int(in.n), NULL);
	bool is = c && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) &&
		  BN_sub_word(n, 1) && BN_cmp(c, BN_value_one()) > 0 && BN_cmp(c, n) < 0;

	BN_free(c);
	BN_free(n);
	return is;
}

enum rc request_tls_decrypt(struct request *q, struct err *e)
{
	uint8_t block[HSM_SIGNATURE_MAX] = {0}, random[KEYD_PREMASTER_LEN];
	uint8_t premaster[KEYD_PREMASTER_LEN];
	struct held_key *k;
	unsigned version;
	struct bytes in;
	size_t n;

	if (tvs_key(q, &k, e) != RC_OK)
		return e->rc;
	version = read_u16(&q->in);
	in = read_bytes32(&q->in);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	note_digest(&q->note, in);
	n = (size_t)EVP_PKEY_get_size(k->key->public_key);
	if (in.n != n || n > sizeof block)
		return err_set(e, RC_REFUSED, "tls-decrypt",
			       "is not as long as the key", NULL, "%zu bytes",
			       in.n);
	/* Drawn before anything can fail, so that no fault shows in the time. */
	randombytes_buf(random, sizeof random);
	/* Any fault of the client's leaves a block of zeros, which has no padding
	 * and so looks like any other. */
	if (is_ciphertext(in, k->key->public_key) &&
	    hsm_decrypt_raw(q->session, k->key, in, block, n, e) != RC_OK)
		return e->rc;
	tls_unpad(bytes_of(block, n), version, random, premaster);
	write_bytes(&q->out, bytes_of(premaster, sizeof premaster));
	sodium_memzero(block, sizeof block);
	sodium_memzero(premaster, sizeof premaster);
	return RC_OK;
}
