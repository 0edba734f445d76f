#include "itlctl/trustset.h"
#include "base/num.h"
#include "itlctl/answer.h"
#include <sodium.h>
#include <string.h>
#include <strings.h>

/* ---- what there is ---- */

/* With any Audit key that the token has: it signed it, when it was the current one. But
 * TVS takes the current one's alone. */
static enum rc verify(struct trustset *s, struct bytes file, struct err *e)
{
	bool asked = false;

	for (size_t i = 0; i < s->nkeys; i++) {
		const struct keyd_key *k = &s->keys[i];

		if (k->label.unit != UNIT_AUDIT)
			continue;
		asked = true;
		if (trust_read(file, k->cert, &s->was, e) != RC_OK)
			continue;
		s->renew = !k->current;
		return RC_OK;
	}
	return asked ? e->rc
		     : err_set(e, RC_NOTFOUND, s->command, "the token has no Audit key",
			       "itlctl cluster init makes what is missing", "%s", s->file);
}

static enum rc take_plan(struct trustset *s, const json_t *plan, bool whole, struct err *e)
{
	uint8_t CLEANUP_FREE *bytes = NULL;
	size_t n = 0;

	(void)snprintf(s->file, sizeof s->file, "%s", answer_text(plan, "file"));
	s->timestamp = (uint32_t)answer_int(plan, "timestamp");
	if (!answer_has(plan, "bytes"))
		return RC_OK;
	if (answer_base64(answer_text(plan, "bytes"), "trust-plan", &bytes, &n, e) != RC_OK)
		return e->rc;
	(void)itl_sha1_hex(bytes_of(bytes, n), s->base);
	if (verify(s, bytes_of(bytes, n), e) == RC_OK)
		return RC_OK;
	s->renew = true;
	if (e->rc != RC_VERIFY || whole)
		return e->rc == RC_VERIFY ? RC_OK : e->rc;
	return err_set(e, RC_VERIFY, s->command,
		       "the trust file is not signed by an Audit key of this token; TVS does not use it",
		       "look at what it holds, and have it signed anew: itlctl trust add that file",
		       "%s", s->file);
}

enum rc trustset_open(struct ctl *c, const char *command, bool whole,
		      struct trustset *s, struct err *e)
{
	json_auto_t *plan = NULL;

	*s = (struct trustset){.c = c, .command = command};
	if (keyd_keys(c->keyd, &s->keys, &s->nkeys, e) != RC_OK ||
	    ctl_call(c, json_pack("{s:s}", "do", "trust-plan"), NULL, NULL, &plan, e) !=
		    RC_OK ||
	    take_plan(s, plan, whole, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; s->was && i < s->was->n; i++) {
		s->entries[s->n] = s->was->entries[i];
		(void)X509_up_ref(s->entries[s->n++].cert);
	}
	return RC_OK;
}

void trustset_clear(struct trustset *s)
{
	for (size_t i = 0; i < s->n; i++)
		X509_free(s->entries[i].cert);
	trust_free(s->was);
	keyd_keys_free(s->keys, s->nkeys);
	*s = (struct trustset){.n = 0};
}

/* ---- what it shall hold ---- */

static enum rc refuse_own(const struct trustset *s, const X509 *cert, struct err *e)
{
	char label[LABEL_MAX];

	for (size_t i = 0; i < s->nkeys; i++)
		if (!X509_issuer_and_serial_cmp(s->keys[i].cert, cert)) {
			label_text(&s->keys[i].label, label);
			return err_set(e, RC_REFUSED, s->command,
				       "it is a certificate of this cluster, or has the issuer and serial number of one: these come by themselves",
				       "itlctl trust list shows them", "%s", label);
		}
	return RC_OK;
}

enum rc trustset_add(struct trustset *s, const struct trust_entry *entry, struct err *e)
{
	struct trust_entry *there = (struct trust_entry *)(uintptr_t)trustset_find(
		s->entries, s->n, entry->cert);

	if (trust_check_entry(entry, e) != RC_OK ||
	    refuse_own(s, entry->cert, e) != RC_OK)
		return e->rc;
	if (there) {
		there->roles = entry->roles;
		there->ttl = entry->ttl;
		return RC_OK;
	}
	if (s->n == COUNT_OF(s->entries))
		return trust_check(s->entries, s->n, e); /* says that it is too much */
	(void)X509_up_ref(entry->cert);
	s->entries[s->n++] = *entry;
	return RC_OK;
}

static bool is_named(const X509 *cert, const char *which)
{
	char hex[SHA1_HEX], name[ITL_MAX_NAME], *end;

	if (!strcasecmp(trustset_sha1(cert, hex), which) ||
	    !strcmp(trustset_subject(cert, name), which))
		return true;
	end = strchr(name, ';');
	if (end)
		*end = '\0';
	return !strncmp(name, "CN=", 3) && !strcmp(name + 3, which);
}

enum rc trustset_remove(struct trustset *s, const char *which, struct err *e)
{
	size_t found = 0, at = 0;

	for (size_t i = 0; i < s->n; i++)
		if (is_named(s->entries[i].cert, which)) {
			found++;
			at = i;
		}
	if (found != 1)
		return err_set(e, found ? RC_USAGE : RC_NOTFOUND, s->command,
			       found ? "several certificates have this name"
				     : "no certificate that was added has this SHA-1 or name",
			       "itlctl trust list names them: give the SHA-1", "%.100s",
			       which);
	X509_free(s->entries[at].cert);
	s->n--;
	memmove(&s->entries[at], &s->entries[at + 1], (s->n - at) * sizeof s->entries[0]);
	return RC_OK;
}

/* ---- consent, and doing it ---- */

static enum rc agree(const struct trustset *s, struct err *e)
{
	bool yes = false;

	if (ask_yes("TVS will vouch for them to all phones. Proceed (yes|no)?",
		    s->c->opt.value[OPT_YES] != NULL, &yes, e) != RC_OK)
		return e->rc;
	return yes ? RC_OK
		   : err_set(e, RC_REFUSED, s->command, "was not wanted",
			     "nothing was changed", "%s", s->file);
}

struct request {
	struct keyd_trust set;
	struct keyd_trust_entry entries[TRUST_MAX_ENTRIES];
	unsigned char *der[TRUST_MAX_ENTRIES];
	char change[KEYD_TRUST_CHANGE];
	json_t *json; /* the entries for front */
};

static void request_clear_at(struct request *r)
{
	for (size_t i = 0; i < r->set.n; i++)
		OPENSSL_free(r->der[i]);
	json_decref(r->json);
}

static bool add_entry(struct request *r, const struct trust_entry *entry)
{
	char text[sodium_base64_ENCODED_LEN(TRUST_MAX_CERT,
					    sodium_base64_VARIANT_ORIGINAL)];
	char roles[TRUST_ROLES_TEXT];
	size_t i = r->set.n;
	int n = i2d_X509(entry->cert, &r->der[i]);

	if (n <= 0)
		return false;
	r->set.n++;
	r->entries[i] = (struct keyd_trust_entry){bytes_of(r->der[i], num_size(n)),
						  entry->roles, entry->ttl};
	(void)sodium_bin2base64(text, sizeof text, r->der[i], num_size(n),
				sodium_base64_VARIANT_ORIGINAL);
	return json_array_append_new(
		       r->json, json_pack("{s:s, s:s, s:I}", "cert", text, "roles",
					  trust_roles_text(entry->roles, roles), "ttl",
					  (json_int_t)entry->ttl)) == 0;
}

/* What the ticket is for, and what front is asked: of the same entries. */
static enum rc make_request(const struct trustset *s, struct request *r, struct err *e)
{
	bool ok = (r->json = json_array()) != NULL;

	trustset_words(s, r->change);
	r->set = (struct keyd_trust){s->timestamp, r->change, r->entries, 0};
	for (size_t i = 0; ok && i < s->n; i++)
		ok = add_entry(r, &s->entries[i]);
	return ok ? RC_OK
		  : err_set(e, RC_ERROR, s->command, "out of memory", NULL, "%s", s->file);
}

static enum rc do_it(struct trustset *s, const struct secret *password, json_t **answer,
		     struct err *e)
{
	struct request r CLEANUP(request_clear) = {.json = NULL};
	char ticket[TICKET_HEX];
	struct keyd_intent intent;

	if (make_request(s, &r, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_trust(&r.set);
	if (ctl_ticket(s->c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	return ctl_call(s->c,
			json_pack("{s:s, s:I, s:s?, s:s, s:O, s:s}", "do", "trust-set",
				  "timestamp", (json_int_t)s->timestamp, "base",
				  s->base[0] ? s->base : NULL, "change", r.change,
				  "entries", r.json, "ticket", ticket),
			NULL, NULL, answer, e);
}

/* answer: NULL: nothing was done. */
static enum rc tell(struct trustset *s, const json_t *answer, const char *words,
		    struct err *e)
{
	json_t *j;

	if (!s->c->json) {
		(void)fprintf(s->c->out, "%s\n", words);
		return RC_OK;
	}
	j = trustset_json(s);
	if (j) {
		(void)json_object_set_new(j, "done", json_boolean(answer != NULL));
		(void)json_object_set_new(j, "sha1",
					  answer ? json_string(answer_text(answer, "sha1"))
						 : s->base[0] ? json_string(s->base)
							      : json_null());
	}
	return ctl_result(s->c, j, e);
}

enum rc trustset_apply(struct trustset *s, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	json_auto_t *answer = NULL;

	if (trust_check(s->entries, s->n, e) != RC_OK)
		return e->rc;
	if (!s->renew && !trustset_changes(s))
		return tell(s, NULL, "The trust store is so already: nothing was changed.", e);
	trustset_show(s, ctl_words(s->c));
	if (s->c->opt.value[OPT_DRY_RUN])
		return tell(s, NULL, "Nothing was changed.", e);
	if (ctl_password(s->c, &password, e) != RC_OK || agree(s, e) != RC_OK ||
	    do_it(s, password, &answer, e) != RC_OK)
		return e->rc;
	return tell(s, answer, "The trust store is signed and written; TVS takes it up by itself.",
		    e);
}
