/* Out: export, file, vault, proof, record. */
#include "internal.h"
#include "base/num.h"
#include "base/proc.h"
#include <string.h>
#include <time.h>

void recovery_object_clear(struct recovery_object *o)
{
	free(o->bytes);
	*o = (struct recovery_object){0};
}

/* The bare p12, and the certificate that it is about. */
struct export {
	uint8_t *p12;
	size_t n;
	X509 *cert;
	double seconds; /* that RECOVERY_SEAL took so far */
};

static void export_clear_at(struct export *x)
{
	free(x->p12);
	X509_free(x->cert);
}

static enum rc export_key(const struct recovery *r, struct recovery_object *o,
			  struct export *out, struct err *e)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	struct keyd_key key = {0};
	struct p12_kdf kdf;
	double since = step_begin(r, RECOVERY_DERIVE);

	if (p12_begin(r->pw.security, P12_ITERATIONS, &kdf, &w, e) != RC_OK)
		return e->rc;
	step_end(r, RECOVERY_DERIVE, since);
	since = step_begin(r, RECOVERY_WRAP);
	if (keyd_export(r->keyd, &r->pw, &w, &key, o->route, e) != RC_OK)
		return e->rc;
	step_end(r, RECOVERY_WRAP, since);
	out->cert = key.cert;
	label_text(&key.label, o->key);
	since = step_begin(r, RECOVERY_SEAL);
	if (p12_build(r->pw.security, &kdf, &w, out->cert, "ITLRecovery",
		      &out->p12, &out->n, e) != RC_OK)
		return e->rc;
	out->seconds = proc_now() - since;
	return RC_OK;
}

static enum rc name_object(struct recovery_object *o, enum recovery_form form,
			   const X509 *cert, struct err *e)
{
	struct vault_name n = {.time = o->made, .plain = o->plain};
	char stamp[32];
	struct tm tm;
	time_t t = (time_t)o->made;

	if (cert_serial(cert, n.serial, sizeof n.serial, e) != RC_OK)
		return e->rc;
	if (form != RECOVERY_TFTP) {
		vault_name_text(&n, o->name);
		return RC_OK;
	}
	(void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&t, &tm));
	(void)snprintf(o->name, sizeof o->name, P12_NAME);
	(void)snprintf(o->aside, sizeof o->aside, P12_NAME ".%s-%s", n.serial,
		       stamp);
	return RC_OK;
}

static enum rc fill_manifest(const struct recovery *r,
			     const struct recovery_object *o, X509 *cert,
			     struct envelope_manifest *m, struct err *e)
{
	*m = (struct envelope_manifest){
		.bits = (unsigned)EVP_PKEY_get_bits(X509_get0_pubkey(cert)),
		.time = o->made};
	(void)snprintf(m->name, sizeof m->name, "%s", o->name);
	(void)snprintf(m->cluster, sizeof m->cluster, "%s", r->cluster->name);
	(void)snprintf(m->publisher, sizeof m->publisher, "%s",
		       r->cluster->publisher);
	(void)snprintf(m->program, sizeof m->program, "%s", ITLKEEPER_VERSION);
	(void)snprintf(m->key, sizeof m->key, "%s", o->key);
	if (cert_serial(cert, m->serial, sizeof m->serial, e) != RC_OK)
		return e->rc;
	return cert_sha256(cert, m->fingerprint, e);
}

static enum rc seal(const struct recovery *r, struct export *x,
		    struct recovery_object *o, struct err *e)
{
	struct state *s = calloc(1, sizeof *s);
	struct envelope_manifest m;
	double since = proc_now();
	enum rc rc;

	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "an envelope");
	rc = fill_manifest(r, o, x->cert, &m, e);
	if (rc == RC_OK)
		rc = state_gather(r, s, e);
	if (rc == RC_OK)
		rc = envelope_seal(r->pw.security, &envelope_moderate, &m,
				   bytes_of(x->p12, x->n), s->items, s->n,
				   &o->bytes, &o->n, e);
	x->seconds += proc_now() - since;
	state_clear(s);
	free(s);
	return rc;
}

enum rc recovery_make(const struct recovery *r, enum recovery_form form,
		      struct recovery_object *out, struct err *e)
{
	struct recovery_object CLEANUP(recovery_object_clear) o = {
		.made = (int64_t)time(NULL), .plain = form != RECOVERY_ENVELOPE};
	struct export CLEANUP(export_clear) x = {0};

	if (export_key(r, &o, &x, e) != RC_OK ||
	    name_object(&o, form, x.cert, e) != RC_OK)
		return e->rc;
	if (form == RECOVERY_ENVELOPE) {
		if (seal(r, &x, &o, e) != RC_OK)
			return e->rc;
	} else {
		o.bytes = x.p12;
		o.n = x.n;
		x.p12 = NULL;
	}
	step_end(r, RECOVERY_SEAL, proc_now() - x.seconds);
	*out = o;
	o = (struct recovery_object){0};
	return RC_OK;
}

enum rc recovery_store(const struct recovery *r, struct vault *v,
		       const char *where, const struct recovery_object *o,
		       struct recovery_made *out, struct err *e)
{
	struct recovery_made m = {.made = o->made};
	double since = step_begin(r, RECOVERY_STORE);

	if (vault_put(v, o->name, o->aside[0] ? o->aside : NULL,
		      bytes_of(o->bytes, o->n), e) != RC_OK)
		return e->rc;
	step_end(r, RECOVERY_STORE, since);
	(void)snprintf(m.route, sizeof m.route, "%s", o->route);
	if (recovery_prove(r, v, where, o->name, &m, e) != RC_OK)
		return err_hint(e, "the object lies in the vault, but is not proved: it does not count; look at the vault, then make another");
	*out = m;
	return RC_OK;
}

enum rc recovery_backup(const struct recovery *r, struct vault *v,
			const char *where, enum recovery_form form,
			struct recovery_made *out, struct err *e)
{
	struct recovery_object CLEANUP(recovery_object_clear) o = {0};

	if (recovery_make(r, form, &o, e) != RC_OK)
		return e->rc;
	return recovery_store(r, v, where, &o, out, e);
}

enum rc recovery_remove(const struct recovery *r, struct vault *v,
			const char *where, const char *name, struct err *e)
{
	json_t *answer = NULL, *request;
	enum rc rc;

	if (r->front) {
		request = json_pack("{s:s, s:s, s:s}", "do", "backup-removed",
				    "vault", where, "name", name);
		rc = front_call(r->front, request, NULL, NULL, &answer, e);
		json_decref(request);
		json_decref(answer);
		if (rc != RC_OK && rc != RC_NOTFOUND) /* it was never proved */
			return rc;
	}
	return vault_remove(v, name, e);
}
