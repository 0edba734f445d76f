#include "itlvault.h"
#include <string.h>

/* Without a service: the same proof in a token of its own; nothing is recorded. */
static enum rc verify_here(struct itlvault *a, struct place *p,
			   const char *object, struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = NULL;
	struct own_token CLEANUP(own_token_free) *t = NULL;
	struct recovery_made m = {0};
	struct vault_object o;
	const char *route;

	if (recovery_fetch(&a->r, p->vault, object, a->inner, &o, &f, e) != RC_OK ||
	    own_token_open(a, &t, e) != RC_OK ||
	    own_token_prove(t, f->p12, &route, e) != RC_OK)
		return e->rc;
	(void)snprintf(m.vault, sizeof m.vault, "%s", p->text);
	(void)snprintf(m.name, sizeof m.name, "%s", o.name);
	(void)snprintf(m.route, sizeof m.route, "%s", route);
	memcpy(m.digest, f->digest, sizeof m.digest);
	m.bytes = (size_t)o.size;
	m.plain = !f->envelope;
	m.made = o.is.time;
	err_set(&m.record, RC_REFUSED, "record",
		"a token of its own proved it, not the service's",
		"leave --token out", "%s", o.name);
	if (a->o.json)
		return report_json(recovery_made_json(&m), e);
	report_proved(&m);
	return RC_OK;
}

enum rc verb_verify(struct itlvault *a, struct err *e)
{
	struct place CLEANUP(place_clear) p = {0};
	struct recovery_made m;
	const char *object;

	if (place_and_object(a, &p, &object, e) != RC_OK)
		return e->rc;
	if (a->o.token)
		return verify_here(a, &p, object, e);
	if (recovery_verify(&a->r, p.vault, p.text, object, &m, e) != RC_OK)
		return e->rc;
	if (a->o.json)
		return report_json(recovery_made_json(&m), e);
	report_proved(&m);
	return RC_OK;
}
