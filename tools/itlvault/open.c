/* Which vaults the words mean. */
#include "itlvault.h"
#include <string.h>

static const struct vault_entry *find_entry(const struct itlvault *a,
					    const char *word)
{
	for (size_t i = 0; a->conf && i < a->conf->n; i++)
		if (!strcmp(a->conf->entries[i].name, word))
			return &a->conf->entries[i];
	return NULL;
}

static enum rc find_target(struct itlvault *a, const char *word,
			   struct place *p, struct vault_target *t, struct err *e)
{
	p->entry = find_entry(a, word);
	if (p->entry)
		*t = p->entry->target;
	else if (vault_target_read(word, t, e) != RC_OK)
		return err_hint(e, "name a vault of vault.conf, a folder from its / on, or sftp://USER@HOST[:PORT]/FOLDER");
	vault_target_text(t, p->text);
	return RC_OK;
}

enum rc place_open(struct itlvault *a, const char *word, struct place *out,
		   struct err *e)
{
	struct vault_target t;
	const struct options *o = &a->o;

	*out = (struct place){.ask = {.out = o->json ? stderr : stdout,
				      .yes = o->yes,
				      .password_file = o->sftp_file,
				      .identity = o->identity,
				      .known_hosts = o->known_hosts}};
	if (find_target(a, word, out, &t, e) != RC_OK)
		return e->rc;
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
	struct err failed = {0};
	const char *word;

	if (!word_at(a, 0))
		return no_vault(e);
	for (size_t i = 0; (word = word_at(a, i)); i++) {
		struct place CLEANUP(place_clear) p = {0};
		struct err this;

		if (place_open(a, word, &p, &this) == RC_OK &&
		    run(a, &p, &this) == RC_OK)
			continue;
		if (p.text[0])
			(void)err_within(&this, p.text);
		if (failed.rc != RC_OK)
			report_error(&failed, a->o.json);
		failed = this;
	}
	*e = failed;
	return e->rc;
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
