/* The headers declare what the linker has keyd call (wrap, in CMakeLists.txt). */
#define hsm_decrypt_raw __wrap_hsm_decrypt_raw
#define hsm_id_new __wrap_hsm_id_new
#define hsm_key_commit __wrap_hsm_key_commit
#define hsm_key_extractable __wrap_hsm_key_extractable
#define hsm_key_free __wrap_hsm_key_free
#define hsm_key_generate __wrap_hsm_key_generate
#define hsm_key_import __wrap_hsm_key_import
#define hsm_key_remove __wrap_hsm_key_remove
#define hsm_key_seal __wrap_hsm_key_seal
#define hsm_key_wrap __wrap_hsm_key_wrap
#define hsm_keys_free __wrap_hsm_keys_free
#define hsm_keys_load __wrap_hsm_keys_load
#define hsm_pair_find __wrap_hsm_pair_find
#define hsm_route_name __wrap_hsm_route_name
#define hsm_sign __wrap_hsm_sign
#define hsm_token_info __wrap_hsm_token_info
#define hsm_wrapped_prove __wrap_hsm_wrapped_prove

#include "token.h"
#include "base/num.h"
#include "hsm/sign.h"
#include "hsm/wrap.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 32

struct token_counts token_counts;

/* private_handle is the place in here, plus one. */
static struct pair {
	char label[HSM_LABEL_MAX];
	uint8_t id[HSM_ID_LEN];
	EVP_PKEY *key;
	X509 *cert; /* NULL: it is a half */
} pairs[KEYS_MAX];
static size_t npairs, spare; /* the last one is for new keys */
static uint8_t made[HSM_ID_LEN];

/* ---- the file: "# LABEL", a key, and a certificate unless it is a half ---- */

static void read_pair(FILE *f, struct pair *p, const char *label, uint8_t number)
{
	long at;

	(void)snprintf(p->label, sizeof p->label, "%.*s",
		       num_int(strcspn(label, "\n")), label);
	memset(p->id, number, sizeof p->id);
	p->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	at = ftell(f);
	if (!p->key || at < 0)
		abort();
	if (getc(f) == '-') {
		(void)fseek(f, at, SEEK_SET);
		p->cert = PEM_read_X509(f, NULL, NULL, NULL);
		if (!p->cert)
			abort();
	} else {
		(void)fseek(f, at, SEEK_SET);
	}
}

void token_open(void)
{
	FILE *f = fopen(TOKEN_FILE, "re");
	char line[200];

	if (!f)
		abort();
	while (npairs < KEYS_MAX && fgets(line, sizeof line, f))
		if (!strncmp(line, "# ", 2)) {
			read_pair(f, &pairs[npairs], line + 2, (uint8_t)(npairs + 1));
			npairs++;
		}
	(void)fclose(f);
	if (npairs < 2)
		abort();
	spare = --npairs;
}

size_t token_count(void)
{
	return npairs;
}

static struct hsm_key *copy(size_t at, const uint8_t id[HSM_ID_LEN], const char *label,
			    X509 *cert)
{
	struct hsm_key *k = calloc(1, sizeof *k);

	if (!k)
		abort();
	memcpy(k->id, id, sizeof k->id);
	(void)snprintf(k->label, sizeof k->label, "%s", label);
	k->private_handle = at + 1;
	k->public_key = cert ? X509_get_pubkey(cert) : pairs[at].key;
	if (!cert)
		(void)EVP_PKEY_up_ref(pairs[at].key);
	k->bits = (unsigned)EVP_PKEY_get_bits(k->public_key);
	if (cert)
		(void)X509_up_ref(cert);
	k->cert = cert;
	return k;
}

struct hsm_key *token_key(size_t i)
{
	return copy(i, pairs[i].id, pairs[i].label, pairs[i].cert);
}

void token_reset(void)
{
	token_counts = (struct token_counts){0};
	memset(made, 0, sizeof made);
}

/* ---- hsm/key.h ---- */

void hsm_key_free(struct hsm_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->public_key);
	X509_free(k->cert);
	free(k);
}

void hsm_id_new(uint8_t id[HSM_ID_LEN])
{
	memset(id, 0xee, HSM_ID_LEN);
}

enum rc hsm_key_generate(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
			 const char *label, unsigned bits, unsigned usage,
			 struct hsm_key **out, struct err *e)
{
	(void)s, (void)bits, (void)usage, (void)e;
	token_counts.changes++;
	memcpy(made, id, sizeof made);
	*out = copy(spare, id, label, NULL);
	return RC_OK;
}

enum rc hsm_key_commit(struct hsm_session *s, struct hsm_key *key, X509 *cert, struct err *e)
{
	(void)s, (void)e;
	token_counts.changes++;
	(void)X509_up_ref(cert);
	key->cert = cert;
	return RC_OK;
}

enum rc hsm_pair_find(struct hsm_session *s, const uint8_t id[HSM_ID_LEN], const char *label,
		      struct hsm_key **out, struct err *e)
{
	size_t at = memcmp(id, made, sizeof made) != 0 ? npairs : spare;

	(void)s;
	for (size_t i = 0; i < npairs; i++)
		if (!pairs[i].cert && !memcmp(id, pairs[i].id, HSM_ID_LEN))
			at = i;
	if (at == npairs && at != spare)
		return err_set(e, RC_NOTFOUND, "find key", "is gone", NULL, "%s", label);
	*out = copy(at, id, label, NULL);
	return RC_OK;
}

enum rc hsm_key_remove(struct hsm_session *s, const uint8_t id[HSM_ID_LEN], struct err *e)
{
	(void)s, (void)id, (void)e;
	token_counts.changes++;
	return RC_OK;
}

enum rc hsm_keys_load(struct hsm_session *s, bool (*wanted)(const char *label),
		      void (*incomplete)(void *arg, const struct hsm_half *half), void *arg,
		      struct hsm_key ***keys, size_t *n, struct err *e)
{
	(void)s, (void)wanted, (void)e;
	for (size_t i = 0; i < npairs; i++) {
		struct hsm_half h = {.have = HSM_PRIVATE | HSM_PUBLIC,
				     .lack = "a certificate"};

		if (pairs[i].cert)
			continue;
		memcpy(h.id, pairs[i].id, sizeof h.id);
		memcpy(h.label, pairs[i].label, sizeof h.label);
		incomplete(arg, &h);
	}
	*keys = NULL;
	*n = 0;
	return RC_OK;
}

void hsm_keys_free(struct hsm_key **keys, size_t n)
{
	(void)keys, (void)n;
}

/* ---- hsm/sign.h ---- */

/* Of an imported certificate's key nobody has the private half here. */
static enum rc sign(EVP_PKEY *key, const char *digest, enum hsm_padding padding,
		    const struct bytes *parts, size_t nparts, uint8_t *signature,
		    size_t length)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t n = length;
	bool ok = EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) == 1;

	if (ok && padding == HSM_PSS)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	for (size_t i = 0; ok && i < nparts; i++)
		ok = EVP_DigestSignUpdate(ctx, parts[i].p, parts[i].n) == 1;
	ok = ok && EVP_DigestSignFinal(ctx, signature, &n) == 1 && n == length;
	EVP_MD_CTX_free(ctx);
	return ok ? RC_OK : RC_TOKEN;
}

enum rc hsm_sign(struct hsm_session *s, struct hsm_key *key, const char *digest,
		 enum hsm_padding padding, const struct bytes *parts, size_t nparts,
		 uint8_t *signature, size_t length, struct err *e)
{
	EVP_PKEY *private = pairs[key->private_handle - 1].key;

	(void)s;
	token_counts.signatures++;
	if (length != (size_t)EVP_PKEY_get_size(key->public_key) || length > HSM_SIGNATURE_MAX)
		abort();
	if (EVP_PKEY_eq(private, key->public_key) != 1) {
		memset(signature, 0, length);
		return RC_OK;
	}
	if (sign(private, digest, padding, parts, nparts, signature, length) == RC_OK)
		return RC_OK;
	/* PSS with SHA-512 does not fit into 1024 bits. */
	err_set(e, RC_TOKEN, "C_SignInit", "the key is too small", NULL, "%s", digest);
	e->code = CKR_KEY_SIZE_RANGE;
	return e->rc;
}

enum rc hsm_decrypt_raw(struct hsm_session *s, struct hsm_key *key, struct bytes in,
			uint8_t *out, size_t length, struct err *e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pairs[key->private_handle - 1].key, NULL);
	size_t n = length;

	(void)s, (void)e;
	token_counts.decryptions++;
	if (EVP_PKEY_decrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 || in.n != length ||
	    EVP_PKEY_decrypt(ctx, out, &n, in.p, in.n) != 1)
		memset(out, 0, length);
	EVP_PKEY_CTX_free(ctx);
	return RC_OK;
}

/* ---- hsm/wrap.h ---- */

const char *hsm_route_name(enum hsm_route r)
{
	return r == HSM_ROUTE_CBC_PAD ? "token-cbc-pad" : NULL;
}

enum rc hsm_key_wrap(struct hsm_session *s, struct hsm_key *key, struct wrapped_key *w,
		     enum hsm_route *route, bool *by_length, struct err *e)
{
	(void)s, (void)key, (void)by_length, (void)e;
	token_counts.wraps++;
	w->n = 640;
	memset(w->bytes, 0x5a, w->n);
	*route = HSM_ROUTE_CBC_PAD;
	return RC_OK;
}

/* Every other wrapped key opens. */
static enum rc unwrap(const struct wrapped_key *w, X509 *cert, struct err *e)
{
	int bits = EVP_PKEY_get_bits(X509_get0_pubkey(cert));

	if (bits != 1024 && bits != 2048 && bits != 3072 && bits != 4096)
		return err_set(e, RC_REFUSED, "unwrap", "is of another size", NULL, "a key");
	if (w->n == 0 || w->bytes[0] & 1)
		return err_set(e, RC_VERIFY, "unwrap", "does not open", NULL, "a key");
	return RC_OK;
}

enum rc hsm_wrapped_prove(struct hsm_session *s, const struct wrapped_key *w, X509 *cert,
			  enum hsm_route *route, struct err *e)
{
	(void)s;
	token_counts.proofs++;
	*route = HSM_ROUTE_CBC_PAD;
	return unwrap(w, cert, e);
}

enum rc hsm_key_import(struct hsm_session *s, const uint8_t id[HSM_ID_LEN], const char *label,
		       const struct wrapped_key *w, X509 *cert, unsigned usage,
		       struct hsm_key **out, enum hsm_route *route, struct err *e)
{
	(void)s, (void)usage;
	if (unwrap(w, cert, e) != RC_OK)
		return e->rc;
	token_counts.changes++;
	*route = HSM_ROUTE_CBC_PAD;
	*out = copy(spare, id, label, cert);
	return RC_OK;
}

enum rc hsm_key_extractable(struct hsm_session *s, struct hsm_key *key, bool *out,
			    struct err *e)
{
	(void)s, (void)key, (void)e;
	*out = true;
	return RC_OK;
}

enum rc hsm_key_seal(struct hsm_session *s, struct hsm_key *key, struct err *e)
{
	(void)s, (void)key, (void)e;
	token_counts.changes++;
	return RC_OK;
}

/* ---- hsm/token.h ---- */

const struct hsm_token_info *hsm_token_info(const struct hsm_token *t)
{
	static const struct hsm_token_info info = {"software", "itlkeeper", "fuzz", "1", 0};

	(void)t;
	return &info;
}
