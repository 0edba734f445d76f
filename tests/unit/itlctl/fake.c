#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "ask/ask.h"
#include "base/num.h"
#include "recovery/recovery.h"
#include <string.h>

struct fake fake;

void fake_reset(void)
{
	fake = (struct fake){0};
}

enum rc fake_call(struct err *e, const char *step, const char *what)
{
	size_t n = strlen(fake.calls);

	(void)snprintf(fake.calls + n, sizeof fake.calls - n, "%s%s%s;",
		       step, what[0] ? " " : "", what);
	if (!fake.fail || strcmp(fake.fail, step) != 0)
		return RC_OK;
	if (fake.fail_times && --fake.fail_times == 0)
		fake.fail = NULL;
	return err_set(e, fake.rc, step, fake.why, NULL, "the %s", step);
}

/* ---- people ---- */

static enum rc answer(const char *prompt, bool echo, const char **out, struct err *e)
{
	if (!fake.terminal)
		return err_set(e, RC_USAGE, "ask", "there is no terminal", NULL,
			       "%s", prompt);
	*out = fake.answers ? *fake.answers : NULL;
	if (!*out)
		fail_msg("asked, and nobody answers: %s", prompt);
	fake.answers++;
	(void)fprintf(fake.terminal, "%s %s\n", prompt, echo ? *out : "");
	if (!strcmp(*out, "!"))
		return err_set(e, RC_ERROR, "ask", "interrupted", NULL, "%s", prompt);
	return RC_OK;
}

enum rc ask_secret(const char *prompt, const char *file, const char *option,
		   struct secret **out, struct err *e)
{
	const char *text = "";

	if (file)
		return secret_read_file(file, out, e);
	if (answer(prompt, false, &text, e) != RC_OK)
		return e->rc == RC_USAGE ? err_hint(e, option) : e->rc;
	if (secret_new(strlen(text), out, e) != RC_OK)
		return e->rc;
	memcpy((*out)->p, text, (*out)->n);
	return RC_OK;
}

enum rc ask_new_secret(const char *prompt, const char *again, const char *file,
		       const char *option, struct secret **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *second = NULL;

	if (ask_secret(prompt, file, option, out, e) != RC_OK ||
	    (!file && ask_secret(again, NULL, option, &second, e) != RC_OK))
		return e->rc;
	return RC_OK;
}

enum rc ask_line(const char *prompt, const char *preset, char *to, size_t cap,
		 const char *option, struct err *e)
{
	const char *text = "";

	if (answer(prompt, true, &text, e) != RC_OK)
		return e->rc == RC_USAGE ? err_hint(e, option) : e->rc;
	assert_true(strlen(text) < cap);
	(void)snprintf(to, cap, "%s", text[0] || !preset ? text : preset);
	return RC_OK;
}

enum rc ask_yes(const char *prompt, bool sure, bool *yes, struct err *e)
{
	const char *text = "";

	*yes = sure;
	if (sure)
		return RC_OK;
	if (answer(prompt, true, &text, e) != RC_OK)
		return e->rc;
	*yes = text[0] == 'y';
	return RC_OK;
}

/* ---- a vault ---- */

struct vault {
	int unused;
};

static void note_access(const struct vault_access *a)
{
	(void)snprintf(fake.sftp_password, sizeof fake.sftp_password, "%.*s",
		       a->password ? num_int(a->password->n) : 0,
		       a->password ? (const char *)a->password->p : "");
	(void)snprintf(fake.known_hosts, sizeof fake.known_hosts, "%s",
		       a->known_hosts ? a->known_hosts : "");
	(void)snprintf(fake.identity, sizeof fake.identity, "%s",
		       a->identity ? a->identity : "");
	fake.seconds = a->seconds;
}

enum rc vault_open(const struct vault_target *t, const struct vault_access *a,
		   struct vault **out, struct err *e)
{
	const struct ask_vault *asks = a->arg;
	char text[VAULT_TEXT_MAX];

	note_access(a);
	if (fake_call(e, "open", vault_target_text(t, text)) != RC_OK)
		return e->rc;
	if (t->remote) /* where its key would be shown */
		(void)fprintf(asks->out, "(host key)\n");
	*out = calloc(1, sizeof **out);
	assert_non_null(*out);
	return RC_OK;
}

void vault_free(struct vault *v)
{
	free(v);
}

enum rc vault_get(struct vault *v, const char *name, size_t max, uint8_t **out,
		  size_t *n, struct err *e)
{
	const char *content = fake.content ? fake.content : "a p12";

	(void)v;
	assert_int_equal(max, VAULT_OBJECT_MAX);
	if (fake_call(e, "get", name) != RC_OK)
		return e->rc;
	*n = strlen(content);
	*out = (uint8_t *)strdup(content);
	return RC_OK;
}

/* ---- out ---- */

static bool is_text(const struct secret *s, const char *text)
{
	return s && s->n == strlen(text) && !memcmp(s->p, text, s->n);
}

/* Whose passwords they are, in words. */
static const char *with(const struct recovery *r)
{
	bool good = is_text(r->pw.admin, PASSWORD);

	if (!good)
		return "a wrong password";
	return is_text(r->pw.security, SECURITY) ? "security" : "a new security";
}

enum rc recovery_make(const struct recovery *r, enum recovery_form form,
		      struct recovery_object *out, struct err *e)
{
	assert_non_null(r->keyd);
	assert_non_null(r->front);
	assert_int_equal(form, RECOVERY_TFTP);
	if (fake_call(e, "make", with(r)) != RC_OK)
		return e->rc;
	*out = (struct recovery_object){.name = "ITLRecovery.p12",
					.plain = true,
					.n = fake.size ? fake.size : 1709,
					.bytes = malloc(1)};
	return RC_OK;
}

void recovery_object_clear(struct recovery_object *o)
{
	free(o->bytes);
	o->bytes = NULL;
}

static void steps(const struct recovery *r, enum recovery_step from,
		  enum recovery_step to)
{
	for (enum recovery_step s = from; r->step && s <= to; s++) {
		r->step(r->arg, s, -1);
		r->step(r->arg, s, 0.5);
	}
}

static struct recovery_made proved(const char *where, const char *name)
{
	struct recovery_made m = {.bytes = 1709,
				  .key = "ITLRecovery/test10/1",
				  .route = "token-cbc",
				  .made = 1393439067,
				  .recorded = !fake.unrecorded};

	(void)snprintf(m.vault, sizeof m.vault, "%s", where);
	(void)snprintf(m.name, sizeof m.name, "%s", name);
	if (fake.unrecorded)
		err_set(&m.record, RC_STALE, "record", "front is gone", NULL, "%s", name);
	return m;
}

enum rc recovery_store(const struct recovery *r, struct vault *v,
		       const char *where, const struct recovery_object *o,
		       struct recovery_made *out, struct err *e)
{
	assert_non_null(v);
	steps(r, RECOVERY_STORE, RECOVERY_PROVE);
	if (fake_call(e, "store", where) != RC_OK)
		return e->rc;
	*out = proved(where, o->name);
	return RC_OK;
}

enum rc recovery_backup(const struct recovery *r, struct vault *v,
			const char *where, enum recovery_form form,
			struct recovery_made *out, struct err *e)
{
	assert_non_null(v);
	assert_int_equal(form, RECOVERY_ENVELOPE);
	if (fake_call(e, "backup", with(r)) != RC_OK)
		return e->rc;
	*out = proved(where, FAKE_NEWEST);
	return RC_OK;
}

/* ---- back ---- */

enum rc recovery_newest(struct vault *v, struct vault_object *out, struct err *e)
{
	assert_non_null(v);
	if (fake_call(e, "newest", "") != RC_OK)
		return e->rc;
	*out = (struct vault_object){.name = FAKE_NEWEST};
	return RC_OK;
}

enum rc recovery_open(struct bytes file, const char *name,
		      const struct secret *password, const struct secret *inner,
		      struct recovery_file **out, struct err *e)
{
	const char *opens = fake.p12_password ? fake.p12_password : SECURITY;
	struct recovery_file *f;

	assert_true(file.n > 0);
	if (fake_call(e, "decrypt", name ? name : "") != RC_OK)
		return e->rc;
	if (!is_text(inner ? inner : password, opens))
		return err_set(e, RC_VERIFY, "open", "does not open", NULL, "a p12");
	f = calloc(1, sizeof *f);
	assert_non_null(f);
	f->p12 = calloc(1, sizeof *f->p12);
	assert_non_null(f->p12);
	f->p12->cert = X509_new();
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(f->p12->cert), "CN",
					 MBSTRING_ASC,
					 (const unsigned char *)"ITLRECOVERY_old",
					 -1, -1, 0);
	if (fake.trust) {
		static struct envelope_item items[] = {{.kind = ENVELOPE_CONF},
						       {.kind = ENVELOPE_TRUST}};
		static struct envelope envelope = {.items = items, .nitems = 2};

		f->envelope = &envelope;
	}
	*out = f;
	return RC_OK;
}

void recovery_file_free(struct recovery_file *f)
{
	if (!f)
		return;
	X509_free(f->p12->cert);
	free(f->p12);
	free(f);
}

enum rc recovery_import(const struct recovery *r, const struct recovery_file *f,
			bool replace, struct keyd_key *out, bool *present,
			char route[KEYD_ROUTE_MAX], struct err *e)
{
	assert_non_null(f->p12);
	assert_true(is_text(r->pw.admin, PASSWORD));
	if (fake_call(e, "import", replace ? "replace" : "") != RC_OK)
		return e->rc;
	*out = (struct keyd_key){.label = {UNIT_ITLRECOVERY, "test10", 2}};
	*present = fake.present;
	(void)snprintf(route, KEYD_ROUTE_MAX, "token-cbc-pad");
	return RC_OK;
}
