#include "backups.h"
#include "base/errjson.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/num.h"
#include "watch.h"
#include <string.h>

/* ---- what counts ---- */

/* Opened with the password of now. A keyd that lost its state counts passwords
 * from 1 again; but what was proved before one was set, was not by that one. */
static bool same_password(const struct backup_state *st, const struct backup *b)
{
	return b->security == st->security && b->proved >= st->security_set;
}

bool backup_opens(const struct backup_state *st, const struct backup *b)
{
	return st->known && st->has_key && same_password(st, b) &&
	       !memcmp(b->key_id, st->key_id, sizeof b->key_id);
}

/* Nobody has seen it for so long that it may be anywhere. */
static bool is_forgotten(const struct backup_state *st, const struct backup *b)
{
	int64_t seen = b->checked > b->proved ? b->checked : b->proved;

	return st->now - seen > BACKUP_DAYS * CLOCK_DAY;
}

/* As far as anybody knows. */
static bool is_sound(const struct backup_state *st, const struct backup *b)
{
	return backup_opens(st, b) && b->error.rc == RC_OK;
}

bool backup_counts(const struct backup_state *st, const struct backup *b)
{
	return is_sound(st, b) && !is_forgotten(st, b);
}

/* The one that says best what to do, for none counts: one that need only be proved
 * again, or else the newest. NULL: there is none. */
static const struct backup *most_telling(const struct backup_state *st)
{
	for (size_t i = 0; i < st->nbackups; i++)
		if (is_sound(st, &st->backups[i]))
			return &st->backups[i];
	return st->nbackups ? &st->backups[0] : NULL;
}

/* Why it does not count. */
static const char *fault(const struct backup_state *st, const struct backup *b)
{
	if (memcmp(b->key_id, st->key_id, sizeof b->key_id) != 0)
		return "its backups are of an older recovery key";
	if (!same_password(st, b))
		return "the cluster security password has changed since its last backup";
	static_assert(BACKUP_DAYS == 30, "these words say it too");
	if (b->error.rc == RC_OK)
		return "its backup was neither proved nor checked for 30 days";
	return b->error.rc == RC_NOTFOUND ? "its last backup is gone from the vault"
					  : "its last backup has changed in the vault";
}

void backup_judge(struct backup_state *st)
{
	const char *next = "run `itlvault backup`", *why;
	const struct backup *b = most_telling(st);
	char key[LABEL_MAX], text[200];

	st->good = false;
	for (size_t i = 0; i < st->nbackups && !st->good; i++)
		st->good = backup_counts(st, &st->backups[i]);
	st->why[0] = '\0';
	if (st->good)
		return;
	if (!st->known) {
		(void)snprintf(st->why, sizeof st->why,
			       "keyd cannot be asked, so nobody knows what counts: %s",
			       err_text(&st->away, text, sizeof text));
		return;
	}
	if (!st->has_key) {
		(void)snprintf(st->why, sizeof st->why,
			       "there is no recovery key yet: run `itlctl cluster init`, or, if there was one, with --restore VAULT");
		return;
	}
	why = b ? fault(st, b) : "it was never backed up";
	if (st->security == 0)
		next = "set one with `set password user security`, then run `itlvault backup`";
	if (st->security == 0 && !st->nbackups)
		why = "there is no cluster security password to back it up under";
	if (st->sealed)
		next = "it is sealed and cannot leave any more: `set cert regen ITLRecovery` makes one that can";
	if (b && is_sound(st, b))
		next = "prove it again: `itlvault verify`";
	label_text(&st->key, key);
	(void)snprintf(st->why, sizeof st->why, "%s is not backed up: %s; %s", key,
		       why, next);
}

const struct backup *backup_newest(const struct backup *b, size_t n,
				   const char *vault)
{
	const struct backup *newest = NULL;
	struct vault_name is, best = {0};

	for (size_t i = 0; i < n; i++)
		if (!strcmp(b[i].vault, vault) &&
		    vault_name_read(b[i].name, &is) &&
		    (!newest || is.time > best.time ||
		     (is.time == best.time && strcmp(b[i].name, newest->name) > 0))) {
			newest = &b[i];
			best = is;
		}
	return newest;
}

/* ---- asking ---- */

static void ask_keyd(struct service *s, struct backup_state *st)
{
	struct keyd_status status;

	if (service_keyd_status(s, &status, &st->away) != RC_OK ||
	    service_keys(s, &st->keys, &st->nkeys, &st->away) != RC_OK)
		return;
	st->known = true;
	st->sealed = status.sealed;
	st->security = status.security;
	st->security_set = status.security_set;
}

static void find_key(struct backup_state *st)
{
	const struct keyd_key *k =
		keyd_key_current(st->keys, st->nkeys, UNIT_ITLRECOVERY, NULL);

	if (!k)
		return;
	st->has_key = true;
	st->key = k->label;
	memcpy(st->key_id, k->id, sizeof st->key_id);
	st->bits = (unsigned)EVP_PKEY_get_bits(X509_get0_pubkey(k->cert));
}

enum rc backup_state_get(struct service *s, struct backup_state *out,
			 struct err *e)
{
	struct backup_state CLEANUP(backup_state_clear) st = {0};

	st.now = clock_now(&s->clock).wall;
	ask_keyd(s, &st);
	if (!st.known && store_keys(s->store, &st.keys, &st.nkeys, e) != RC_OK)
		return e->rc;
	if (store_backups(s->store, &st.backups, &st.nbackups, e) != RC_OK)
		return e->rc;
	find_key(&st);
	backup_judge(&st);
	*out = st;
	st = (struct backup_state){0};
	return RC_OK;
}

void backup_state_clear(struct backup_state *st)
{
	keyd_keys_free(st->keys, st->nkeys);
	free(st->backups);
	*st = (struct backup_state){0};
}

/* ---- the door ---- */

static json_t *show_backup(const struct backup_state *st, const struct backup *b)
{
	char digest[2 * sizeof b->digest + 1];

	hex_of(bytes_of(b->digest, sizeof b->digest), digest, sizeof digest);
	return json_pack("{s:I, s:s, s:s, s:s, s:I, s:b, s:s, s:I, s:s, s:I, s:I, s:I, s:o, s:b}",
			 "id", (json_int_t)b->id, "vault", b->vault, "name",
			 b->name, "digest", digest, "bytes", (json_int_t)b->bytes, "plain",
			 b->plain, "key", b->key, "security",
			 (json_int_t)b->security, "route", b->route, "made",
			 (json_int_t)b->made, "proved", (json_int_t)b->proved,
			 "checked", (json_int_t)b->checked, "error",
			 err_json(&b->error), "counts", backup_counts(st, b));
}

static json_t *show_recovery_key(const struct backup_state *st)
{
	char label[LABEL_MAX];

	if (!st->known || !st->has_key)
		return json_null();
	label_text(&st->key, label);
	return json_pack("{s:s, s:i, s:b}", "label", label, "bits",
			 (int)st->bits, "sealed", st->sealed);
}

enum rc show_backups(struct call *c, json_t **result, struct err *e)
{
	struct backup_state CLEANUP(backup_state_clear) st = {0};
	const struct vault_conf *vaults = c->service->vaults;
	json_t *names, *backups;

	if (call_members(c, e, "{}") != RC_OK ||
	    backup_state_get(c->service, &st, e) != RC_OK)
		return e->rc;
	names = json_array();
	for (size_t i = 0; i < vaults->n; i++)
		(void)json_array_append_new(names,
					    json_string(vaults->entries[i].name));
	backups = json_array();
	for (size_t i = 0; i < st.nbackups; i++)
		(void)json_array_append_new(backups,
					    show_backup(&st, &st.backups[i]));
	*result = json_pack("{s:o, s:{s:b, s:I, s:I}, s:b, s:o, s:o, s:o, s:o}", "key",
			    show_recovery_key(&st), "security", "set",
			    st.security != 0, "number",
			    (json_int_t)st.security, "set_at",
			    (json_int_t)st.security_set, "good", st.good, "why",
			    json_words(st.why), "vaults", names, "backups", backups, "error",
			    st.known ? json_null() : err_json(&st.away));
	return RC_OK;
}

/* Short, and nothing that a terminal or a log would stumble over. */
static bool is_word(const char *text, size_t cap)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
		    *p == '/' || *p == '"')
			return false;
	return text[0] && strlen(text) < cap;
}

/* A vault as it is kept: however the client wrote it. */
static enum rc read_place(const char *vault, const char *name, struct backup *b,
			  struct err *e)
{
	struct vault_target t;

	if (vault_target_read(vault, &t, e) != RC_OK)
		return e->rc;
	vault_target_text(&t, b->vault);
	if (!is_word(name, sizeof b->name))
		return err_set(e, RC_USAGE, "request",
			       "is no name of an object", NULL, "\"name\"");
	(void)snprintf(b->name, sizeof b->name, "%s", name);
	return RC_OK;
}

static enum rc read_proved(struct call *c, struct backup *b, struct err *e)
{
	const char *vault, *name, *digest, *route;
	json_int_t bytes, made;
	int plain;

	if (call_members(c, e, "{s:s, s:s, s:s, s:I, s:b, s:s, s:I}", "vault",
			 &vault, "name", &name, "digest", &digest, "bytes",
			 &bytes, "plain", &plain, "route", &route, "made",
			 &made) != RC_OK ||
	    read_place(vault, name, b, e) != RC_OK)
		return e->rc;
	if (!hex_read(digest, b->digest, sizeof b->digest))
		return err_set(e, RC_USAGE, "request", "is no BLAKE2b-256", NULL,
			       "\"digest\"");
	/* "": who proves an object that was there does not know it. */
	if (route[0] && !is_word(route, sizeof b->route))
		return err_set(e, RC_USAGE, "request", "is no route", NULL,
			       "\"route\"");
	if (bytes < 1 || bytes > VAULT_OBJECT_MAX || made < 1 ||
	    made > clock_now(&c->service->clock).wall + CLOCK_DAY)
		return err_set(e, RC_USAGE, "request", "out of range", NULL,
			       "\"bytes\" or \"made\"");
	(void)snprintf(b->route, sizeof b->route, "%s", route);
	b->bytes = (uint64_t)bytes;
	b->made = made;
	b->plain = plain;
	return RC_OK;
}

/* Which key, which password, and when: keyd's word, never the client's. keyd gives
 * it once, to the user who proved just this. */
static enum rc ask_proof(struct call *c, struct backup *b, struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	uint8_t claim[VAULT_DIGEST_LEN];
	struct keyd_proof proof;

	if (keyd_open(c->service->keyd, &k, e) != RC_OK)
		return e->rc;
	vault_claim(b->vault, b->name, b->digest, claim);
	if (keyd_proof(k, claim, c->peer.uid, &proof, e) != RC_OK) {
		if (e->rc != RC_NOTFOUND)
			return e->rc;
		return err_set(e, RC_REFUSED, "backup-proved",
			       "keyd has not proved this object of this vault for this user, or not lately",
			       "prove it again: `itlvault verify`", "%.100s: %.60s",
			       b->vault, b->name);
	}
	label_text(&proof.label, b->key);
	memcpy(b->key_id, proof.id, sizeof b->key_id);
	b->security = proof.security;
	b->proved = proof.proved;
	return RC_OK;
}

/* Fetched back just now: if it is the vault's newest, its check has been done. */
static enum rc vault_was_seen(struct service *s, const struct backup_state *st,
			      const struct backup *b, struct err *e)
{
	const struct backup *newest =
		backup_newest(st->backups, st->nbackups, b->vault);
	struct vault_seen seen = {.checked = clock_now(&s->clock).wall};

	if (!newest || strcmp(newest->name, b->name) != 0)
		return RC_OK;
	(void)snprintf(seen.name, sizeof seen.name, "%s", b->name);
	return store_vault_checked(s->store, b->vault, &seen, NULL, 0, e);
}

static bool is_same_place(const struct backup *a, const struct backup *b)
{
	return !strcmp(a->vault, b->vault) && !strcmp(a->name, b->name);
}

/* Beside the new one: the oldest go first, and those that count last. */
static enum rc make_room(struct service *s, struct backup_state *st,
			 const struct backup *new, struct err *e)
{
	size_t over = st->nbackups > BACKUPS_MAX ? st->nbackups - BACKUPS_MAX : 0;

	for (int counts = 0; counts <= 1; counts++)
		for (size_t i = st->nbackups; over && i-- > 0;) {
			struct backup *b = &st->backups[i];

			if (backup_counts(st, b) != counts || is_same_place(b, new))
				continue;
			if (store_backup_remove(s->store, b->vault, b->name, e) !=
				    RC_OK &&
			    e->rc != RC_NOTFOUND)
				return e->rc;
			log_info("event=backup-removed vault=\"%s\" name=%s why=\"over %u\"",
				 service_quotable(b->vault), b->name, BACKUPS_MAX);
			over--;
		}
	return RC_OK;
}

enum rc op_backup_proved(struct call *c, json_t **result, struct err *e)
{
	struct backup_state CLEANUP(backup_state_clear) st = {0};
	struct service *s = c->service;
	struct backup b = {0};

	if (read_proved(c, &b, e) != RC_OK || ask_proof(c, &b, e) != RC_OK ||
	    store_backup_put(s->store, &b, e) != RC_OK ||
	    backup_state_get(s, &st, e) != RC_OK ||
	    make_room(s, &st, &b, e) != RC_OK ||
	    vault_was_seen(s, &st, &b, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < st.nbackups; i++)
		if (is_same_place(&st.backups[i], &b))
			*result = show_backup(&st, &st.backups[i]);
	log_info("event=backup vault=\"%s\" name=%s key=%s uid=%u",
		 service_quotable(b.vault), b.name, b.key, c->peer.uid);
	watch_poke(s);
	return RC_OK;
}

enum rc op_backup_removed(struct call *c, json_t **result, struct err *e)
{
	const char *vault, *name;
	struct backup b = {0};

	if (call_members(c, e, "{s:s, s:s}", "vault", &vault, "name", &name) !=
		    RC_OK ||
	    read_place(vault, name, &b, e) != RC_OK ||
	    store_backup_remove(c->service->store, b.vault, b.name, e) != RC_OK)
		return e->rc;
	log_info("event=backup-removed vault=\"%s\" name=%s uid=%u",
		 service_quotable(b.vault), b.name, c->peer.uid);
	watch_poke(c->service);
	*result = json_object();
	return RC_OK;
}
