/* What sealing and opening have in common. */
#include "internal.h"
#include <errno.h>
#include <string.h>

#define TEXT(field)                                                            \
	{                                                                      \
		offsetof(struct envelope_manifest, field),                     \
			sizeof((struct envelope_manifest *)0)->field           \
	}

const struct envelope_text envelope_texts[MANIFEST_TEXTS] = {
	TEXT(name), TEXT(cluster), TEXT(publisher), TEXT(program), TEXT(key), TEXT(serial),
};

const struct envelope_cost envelope_moderate = {
	crypto_pwhash_OPSLIMIT_MODERATE,
	crypto_pwhash_MEMLIMIT_MODERATE,
};

const struct envelope_cost envelope_minimum = {
	crypto_pwhash_OPSLIMIT_MIN,
	crypto_pwhash_MEMLIMIT_MIN,
};

enum rc envelope_bad(struct err *e, enum rc rc, const char *why, const char *hint)
{
	return err_set(e, rc, "open", why, hint, "the envelope");
}

enum rc envelope_check_cost(const struct envelope_cost *cost, struct err *e)
{
	if (cost->passes >= envelope_minimum.passes &&
	    cost->passes <= ENVELOPE_PASSES_MAX &&
	    cost->memory >= envelope_minimum.memory &&
	    cost->memory <= ENVELOPE_MEMORY_MAX)
		return RC_OK;
	return err_set(e, RC_REFUSED, "derive key", "the costs are out of range",
		       "at most 10 passes over 1 GiB; fetch another copy",
		       "the envelope: %u passes over %zu bytes", cost->passes,
		       cost->memory);
}

bool envelope_is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

enum rc envelope_key(const struct secret *password, const struct envelope_cost *cost,
		     const uint8_t salt[crypto_pwhash_SALTBYTES], struct secret **out,
		     struct err *e)
{
	struct secret CLEANUP(secret_free) *key = NULL;

	if (secret_new(crypto_secretstream_xchacha20poly1305_KEYBYTES, &key, e) != RC_OK)
		return e->rc;
	if (crypto_pwhash(key->p, key->n, (const char *)password->p, password->n, salt,
			  cost->passes, cost->memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_errno(e, RC_ERROR, "Argon2id",
				 "free that much memory and try again",
				 "%zu bytes of memory", cost->memory);
	*out = key;
	key = NULL;
	return RC_OK;
}

bool envelope_is(struct bytes file)
{
	return file.n >= MAGIC_LEN && memcmp(file.p, MAGIC, MAGIC_LEN) == 0;
}
