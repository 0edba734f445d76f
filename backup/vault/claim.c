#include "vault/vault.h"
#include "base/num.h"
#include <sodium.h>
#include <string.h>

/* Lengths come first, so that no two claims have the same bytes. */
static void hash_text(crypto_generichash_state *h, const char *text)
{
	uint8_t n[4];
	struct writer w = writer_of(n, sizeof n);

	write_u32(&w, num_u32(strlen(text)));
	crypto_generichash_update(h, n, sizeof n);
	crypto_generichash_update(h, (const uint8_t *)text, strlen(text));
}

void vault_claim(const char *vault, const char *name,
		 const uint8_t digest[VAULT_DIGEST_LEN],
		 uint8_t out[VAULT_DIGEST_LEN])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, VAULT_DIGEST_LEN);
	hash_text(&h, vault);
	hash_text(&h, name);
	crypto_generichash_update(&h, digest, VAULT_DIGEST_LEN);
	crypto_generichash_final(&h, out, VAULT_DIGEST_LEN);
}
