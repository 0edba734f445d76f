#include "keys.h"
#include "base/num.h"
#include <openssl/evp.h>

void keys_clear(struct keys *k)
{
	keyd_keys_free(k->all, k->n);
	*k = (struct keys){.all = NULL};
}

/* Which keys, and which of them are current. */
static bool digest(const struct keyd_key *keys, size_t n, uint8_t out[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < n; i++) {
		char label[LABEL_MAX] = "";
		uint8_t cert[32];
		unsigned len = sizeof cert;

		label_text(&keys[i].label, label);
		ok = X509_digest(keys[i].cert, EVP_sha256(), cert, &len) == 1 &&
		     EVP_DigestUpdate(ctx, label, sizeof label) == 1 &&
		     EVP_DigestUpdate(ctx, cert, sizeof cert) == 1 &&
		     EVP_DigestUpdate(ctx, &keys[i].current, sizeof keys[i].current) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

enum rc keys_look(struct keys *k, struct keyd *from, bool *changed, struct err *e)
{
	struct keys now = {.all = NULL};

	if (keyd_keys(from, &now.all, &now.n, e) != RC_OK)
		return e->rc;
	if (!digest(now.all, now.n, now.digest)) {
		keys_clear(&now);
		return err_set(e, RC_ERROR, "keys", "OpenSSL failed", NULL, "%zu certificates",
			       now.n);
	}
	*changed = !k->all || memcmp(k->digest, now.digest, sizeof k->digest) != 0;
	keys_clear(k);
	*k = now;
	return RC_OK;
}

const struct keyd_key *keys_current(const struct keys *k, enum unit unit, const char *node)
{
	return keyd_key_current(k->all, k->n, unit, node);
}
