/* Back: fetch, open, prove, import. */
#include "internal.h"
#include "base/hex.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

void recovery_file_free(struct recovery_file *f)
{
	if (!f)
		return;
	p12_free(f->p12);
	envelope_free(f->envelope);
	free(f);
}

/* ---- open ---- */

/* Somebody put another object, or an older one, in this one's place. */
static enum rc renamed(const char *name, const char *real, struct err *e)
{
	return err_set(e, RC_VERIFY, "open",
		       "is another backup under this name",
		       "do not trust this vault before somebody looked at it; `itlvault list` shows its other objects",
		       "%.100s: really %.80s", name, real);
}

static enum rc check_manifest(const struct recovery_file *f, const char *name,
			      struct err *e)
{
	const struct envelope_manifest *m = &f->envelope->manifest;
	uint8_t sha256[32];

	if (name && strcmp(name, m->name) != 0)
		return renamed(name, m->name, e);
	if (cert_sha256(f->p12->cert, sha256, e) != RC_OK)
		return e->rc;
	if (memcmp(sha256, m->fingerprint, sizeof sha256) != 0)
		return err_set(e, RC_VERIFY, "open",
			       "the certificate is not the one of its manifest",
			       "take another backup", "%s", m->name);
	return RC_OK;
}

/* A bare p12 says who it is by its certificate alone. */
static enum rc check_serial(const struct recovery_file *f, const char *name,
			    struct err *e)
{
	struct vault_name n;
	char serial[65];

	if (!name || !vault_name_read(name, &n))
		return RC_OK;
	if (cert_serial(f->p12->cert, serial, sizeof serial, e) != RC_OK)
		return e->rc;
	return strcmp(serial, n.serial) == 0 ? RC_OK : renamed(name, serial, e);
}

enum rc recovery_open(struct bytes file, const char *name,
		      const struct secret *password, const struct secret *inner,
		      struct recovery_file **out, struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = calloc(1, sizeof *f);
	enum rc rc;

	if (!f)
		return err_errno(e, RC_ERROR, "calloc", NULL, "a backup");
	(void)crypto_generichash(f->digest, sizeof f->digest, file.p, file.n,
				 NULL, 0);
	if (envelope_is(file)) {
		if (envelope_open(file, password, &f->envelope, e) != RC_OK)
			return name ? err_within(e, name) : e->rc;
		file = f->envelope->p12;
	}
	if (p12_open(file, inner ? inner : password, &f->p12, e) != RC_OK)
		return name ? err_within(e, name) : e->rc;
	rc = f->envelope ? check_manifest(f, name, e)
			 : check_serial(f, name, e);
	if (rc != RC_OK)
		return rc;
	*out = f;
	f = NULL;
	return RC_OK;
}

/* ---- fetch ---- */

enum rc recovery_newest(struct vault *v, struct vault_object *out, struct err *e)
{
	struct vault_object CLEANUP_FREE *all = NULL;
	size_t n = 0;

	if (vault_list(v, &all, &n, e) != RC_OK)
		return e->rc;
	if (n == 0)
		return err_set(e, RC_NOTFOUND, "vault", "holds no backup",
			       "make one: itlvault backup; or is it another folder?",
			       "the vault");
	*out = all[0];
	return RC_OK;
}

/* The object's bytes; *object gets its name and size. */
static enum rc get(const struct recovery *r, struct vault *v, const char *name,
		   struct vault_object *object, uint8_t **bytes, size_t *n,
		   struct err *e)
{
	struct vault_object o = {0};
	double since = step_begin(r, RECOVERY_FETCH);

	if (name) {
		(void)snprintf(o.name, sizeof o.name, "%s", name);
		(void)vault_name_read(o.name, &o.is);
	} else if (recovery_newest(v, &o, e) != RC_OK) {
		return e->rc;
	}
	if (vault_get(v, o.name, VAULT_OBJECT_MAX, bytes, n, e) != RC_OK)
		return e->rc;
	step_end(r, RECOVERY_FETCH, since);
	o.size = *n;
	*object = o;
	return RC_OK;
}

enum rc recovery_fetch(const struct recovery *r, struct vault *v,
		       const char *name, const struct secret *inner,
		       struct vault_object *object, struct recovery_file **out,
		       struct err *e)
{
	uint8_t CLEANUP_FREE *bytes = NULL;
	struct vault_object o;
	size_t n = 0;
	double since;

	if (get(r, v, name, &o, &bytes, &n, e) != RC_OK)
		return e->rc;
	since = step_begin(r, RECOVERY_OPEN);
	if (recovery_open(bytes_of(bytes, n), o.name, r->pw.security, inner, out,
			  e) != RC_OK)
		return e->rc;
	step_end(r, RECOVERY_OPEN, since);
	*object = o;
	return RC_OK;
}

/* ---- prove ---- */

/* front asks keyd whether it is so. */
static enum rc record(const struct recovery *r, const struct recovery_made *m,
		      struct err *e)
{
	char digest[2 * sizeof m->digest + 1];
	json_t *answer = NULL, *request;
	enum rc rc;

	if (!r->front)
		return err_set(e, RC_TOKEN, "record", "front was not asked",
			       "start the service, then: itlvault verify", "%s",
			       m->name);
	request = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:I}", "do",
			    "backup-proved", "vault", m->vault, "name", m->name,
			    "digest",
			    hex_of(bytes_of(m->digest, sizeof m->digest), digest,
				   sizeof digest),
			    "bytes", (json_int_t)m->bytes, "plain", m->plain,
			    "route", m->route, "made", (json_int_t)m->made);
	rc = front_call(r->front, request, NULL, NULL, &answer, e);
	json_decref(request);
	json_decref(answer);
	return rc;
}

static int64_t made_at(const struct recovery_file *f,
		       const struct vault_object *o)
{
	if (f->envelope)
		return f->envelope->manifest.time;
	return o->is.time ? o->is.time : (int64_t)time(NULL);
}

enum rc recovery_prove(const struct recovery *r, struct vault *v,
		       const char *where, const char *name,
		       struct recovery_made *m, struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = NULL;
	char label[LABEL_MAX], unwrapped[KEYD_ROUTE_MAX];
	uint8_t claim[VAULT_DIGEST_LEN];
	struct vault_object o = {0};
	double since;

	if (recovery_fetch(r, v, name, NULL, &o, &f, e) != RC_OK)
		return e->rc;
	since = step_begin(r, RECOVERY_PROVE);
	vault_claim(where, o.name, f->digest, claim);
	if (keyd_prove(r->keyd, &r->pw, &f->p12->key, f->p12->cert, claim,
		       label, unwrapped, e) != RC_OK)
		return err_within(e, o.name);
	if (!label[0])
		return err_set(e, RC_NOTFOUND, "prove",
			       "opens, but its key is not in this token",
			       "is it another cluster's? itlvault restore brings the key back",
			       "%s", o.name);
	step_end(r, RECOVERY_PROVE, since);
	(void)snprintf(m->vault, sizeof m->vault, "%s", where);
	(void)snprintf(m->name, sizeof m->name, "%s", o.name);
	(void)snprintf(m->key, sizeof m->key, "%s", label);
	memcpy(m->digest, f->digest, sizeof m->digest);
	m->bytes = (size_t)o.size;
	m->plain = !f->envelope;
	m->made = m->made ? m->made : made_at(f, &o);
	m->recorded = record(r, m, &m->record) == RC_OK;
	return RC_OK;
}

enum rc recovery_verify(const struct recovery *r, struct vault *v,
			const char *where, const char *name,
			struct recovery_made *out, struct err *e)
{
	struct recovery_made m = {0};

	if (recovery_prove(r, v, where, name, &m, e) != RC_OK)
		return e->rc;
	*out = m;
	return RC_OK;
}

/* ---- import ---- */

enum rc recovery_import(const struct recovery *r, const struct recovery_file *f,
			bool replace, struct keyd_key *out, bool *present,
			char route[KEYD_ROUTE_MAX], struct err *e)
{
	double since = step_begin(r, RECOVERY_IMPORT);

	if (keyd_import(r->keyd, &r->pw, UNIT_ITLRECOVERY, NULL, &f->p12->key,
			f->p12->cert, replace, out, present, route, e) != RC_OK)
		return e->rc;
	step_end(r, RECOVERY_IMPORT, since);
	return RC_OK;
}
