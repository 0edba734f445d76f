/* What the service knows of backups, held against what the vaults have. */
#include "itlvault.h"
#include "base/hex.h"
#include <sodium.h>
#include <string.h>

enum rc front_backups(struct itlvault *a, json_t **out, struct err *e)
{
	json_t *request;
	enum rc rc;

	if (!a->front)
		return err_set(e, RC_TOKEN, "backups",
			       "the service does not say which backups are proved",
			       "start the service, then ask again", "front");
	request = json_pack("{s:s}", "do", "backups");
	rc = front_call(a->front, request, NULL, NULL, out, e);
	json_decref(request);
	return rc;
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "";
}

const json_t *front_backup_of(const json_t *backups, const char *vault,
			      const char *name)
{
	json_t *b;
	size_t i;

	json_array_foreach(json_object_get(backups, "backups"), i, b)
		if (!strcmp(text_of(b, "vault"), vault) &&
		    !strcmp(text_of(b, "name"), name))
			return b;
	return NULL;
}

bool front_counts(const json_t *backup)
{
	return json_is_true(json_object_get(backup, "counts"));
}

enum rc front_backup_is_there(struct place *p, const json_t *backup,
			      struct err *e)
{
	const char *name = text_of(backup, "name");
	uint8_t CLEANUP_FREE *bytes = NULL;
	uint8_t digest[32], known[32];
	size_t n = 0;

	if (vault_get(p->vault, name, VAULT_OBJECT_MAX, &bytes, &n, e) != RC_OK)
		return e->rc;
	(void)crypto_generichash(digest, sizeof digest, bytes, n, NULL, 0);
	if (hex_read(text_of(backup, "digest"), known, sizeof known) &&
	    memcmp(digest, known, sizeof known) == 0)
		return RC_OK;
	return err_set(e, RC_VERIFY, "fetch", "is not the object that was proved",
		       "make another backup: itlvault backup", "%s: %s", p->text,
		       name);
}
