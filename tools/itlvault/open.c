/* Which vaults the words mean. */
#include "itlvault.h"

enum rc place_open(struct itlvault *a, const char *word, struct place *out,
		   struct err *e)
{
	struct vault_target t;
	const struct options *o = &a->o;

	*out = (struct place){.ask = {.out = o->json ? stderr : stdout,
				      .password_file = o->sftp_file,
				      .identity = o->identity,
				      .known_hosts = o->known_hosts}};
	if (ask_vault_named(a->conf, word, &t, &out->entry, e) != RC_OK)
		return e->rc;
	vault_target_text(&t, out->text);
	out->ask.entry = out->entry;
	return ask_vault_open(&out->ask, &t, &out->vault, e);
}

static enum rc no_vault(struct err *e)
{
	return err_set(e, RC_USAGE, "itlvault", "there is no vault",
		       "write one into vault.conf (man itlkeeper-vault.conf), or name a folder or sftp://USER@HOST/FOLDER",
		       VAULT_CONF);
}

static const char *word_at(const struct itlvault *a, size_t i)
{
	if (a->nargs > 0)
		return i < (size_t)a->nargs ? a->args[i] : NULL;
	return a->conf && i < a->conf->n ? a->conf->entries[i].name : NULL;
}

enum rc places_each(struct itlvault *a,
		    enum rc (*run)(struct itlvault *a, struct place *p,
				   struct err *e),
		    struct err *e)
{
	struct err first = {0};
	const char *word;

	if (!word_at(a, 0))
		return no_vault(e);
	for (size_t i = 0; (word = word_at(a, i)); i++) {
		struct place CLEANUP(place_clear) p = {0};
		struct err failed;

		if (place_open(a, word, &p, &failed) == RC_OK &&
		    run(a, &p, &failed) == RC_OK)
			continue;
		if (p.text[0])
			(void)err_within(&failed, p.text);
		if (first.rc == RC_OK)
			first = failed; /* the caller tells it */
		else
			report_error(&failed, a->o.json);
	}
	if (first.rc != RC_OK)
		*e = first;
	return first.rc;
}

enum rc place_and_object(struct itlvault *a, struct place *out,
			 const char **object, struct err *e)
{
	const char *word = word_at(a, 0);

	if (!word)
		return no_vault(e);
	if (a->nargs == 0 && word_at(a, 1))
		return err_set(e, RC_USAGE, "itlvault",
			       "vault.conf has several vaults",
			       "say which one", "%s, %s, ...", word,
			       word_at(a, 1));
	*object = a->nargs > 1 ? a->args[1] : NULL;
	return place_open(a, word, out, e);
}
