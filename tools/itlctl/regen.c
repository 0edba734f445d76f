/* set cert regen (spec: commands). */
#include "itlctl/regen.h"
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include <string.h>

#define HELD "HELD" /* the name of a hold's error (front/client.h) */

enum rc regen_unit(struct ctl *c, struct regen *r, struct err *e)
{
	if (unit_from_name(c->args[0], &r->unit, e) != RC_OK)
		return e->rc;
	if (!unit_is_of_node(r->unit) && !ctl_on_publisher(c))
		return ctl_not_publisher(c, r->name, e);
	r->node = unit_is_of_node(r->unit) ? c->node->id : NULL;
	return RC_OK;
}

enum rc regen_refused(const struct regen *r, struct err *e)
{
	const char *lower = ". Please re-try ";
	char *second = strstr(e->why, lower);

	if (e->rc != RC_REFUSED || strcmp(e->name, HELD) != 0 || r->c->json || !second)
		return e->rc;
	second += strlen(lower);
	(void)fprintf(r->c->out, "%.*s\n%s\n%lu second%s left.\n",
		      (int)(second - 1 - e->why), e->why, second, e->code,
		      e->code == 1 ? "" : "s");
	return e->rc;
}

enum rc regen_plan(struct regen *r, struct err *e)
{
	if (ctl_call(r->c, json_pack("{s:s, s:s, s:s?, s:b}", "do", "generate-plan",
				     "unit", unit_name(r->unit), "node", r->node,
				     "force", r->c->opt.value[OPT_FORCE] != NULL),
		     NULL, NULL, &r->plan, e) != RC_OK)
		return regen_refused(r, e);
	if (answer_has(r->plan, "overrides"))
		(void)fprintf(r->c->session->err, "itlctl: warning: --force overrides: %s\n",
			      answer_text(r->plan, "overrides"));
	return RC_OK;
}

enum rc regen_agree(const struct regen *r, const char *question, const char *hint,
		    struct err *e)
{
	bool yes = false;

	(void)fflush(ctl_words(r->c));
	if (ask_yes(question, r->c->opt.value[OPT_YES] != NULL, &yes, e) != RC_OK)
		return e->rc;
	return yes ? RC_OK
		   : err_set(e, RC_REFUSED, r->name, "was not wanted", hint, "%s, %s",
			     unit_name(r->unit), r->c->node->host);
}

/* Phones that hold an older list know neither the new key nor, once the old one is
 * retired everywhere, whom to trust in need. */
static enum rc ask_recovery(const struct regen *r, struct err *e)
{
	(void)fprintf(ctl_words(r->c),
		      "\nWARNING: A phone that does not hold the list in force, with the present\n"
		      "ITLRecovery certificate in it, may not accept the lists that will follow,\n"
		      "and the new key cannot recover it.\n");
	return regen_agree(r, "Do all phones hold the list in force (yes|no)?",
			  "nothing was changed: restart the TFTP service of each node, reset all phones, and see that they hold its list; then repeat it",
			  e);
}

static enum rc ask_regen(const struct regen *r, struct err *e)
{
	if (r->unit == UNIT_ITLRECOVERY && ask_recovery(r, e) != RC_OK)
		return e->rc;
	(void)fprintf(ctl_words(r->c),
		      "\nWARNING: This operation will overwrite any CA signed certificate\n"
		      "previously imported for %s\n", unit_name(r->unit));
	return regen_agree(r, "Proceed with regeneration (yes|no)?",
			  "nothing was changed", e);
}

void regen_next(const struct regen *r)
{
	FILE *out = r->c->out;

	if (answer_true(r->plan, "locks")) {
		(void)fprintf(out, "\nPhones do not accept a list of the new certificate yet. So first\n"
				   "itlctl utils itl reset localkey\n"
				   "which brings it to them; then reset the phones; then, if there is a CTL,\n"
				   "itlctl utils ctl update CTLFile\n"
				   "and only then restart the TFTP service of %s.\n",
			      r->unit == UNIT_CALLMANAGER ? r->c->node->host : "each node");
		return;
	}
	(void)fprintf(out, "\nThe lists that phones get change when the TFTP service is restarted:\n");
	if (r->unit == UNIT_CALLMANAGER)
		(void)fprintf(out, "itlctl --node %s utils service restart Cisco Tftp\n",
			      r->c->node->host);
	else
		(void)fprintf(out, "itlctl --node NODE utils service restart Cisco Tftp, for each node\n");
	if (r->unit == UNIT_ITLRECOVERY)
		(void)fprintf(out, "Then reset all phones, so that each holds the new certificate before it is\n"
				   "needed; they are not reset for it by themselves. Until then keep the old key.\n");
	else if (answer_true(r->plan, "phone_reset"))
		(void)fprintf(out, "Phones are reset then (phone-reset in cluster.conf).\n");
	else
		(void)fprintf(out, "Then reset the phones by hand: cluster.conf has no phone-reset.\n");
	if (r->unit != UNIT_ITLRECOVERY)
		(void)fprintf(out, "For 5 minutes no other certificate of %s is regenerated.\n",
			      r->c->node->host);
}

static void tell_done(const struct regen *r, const json_t *cert)
{
	const char *name = unit_name(r->unit);
	char tries[CERTS_TRIES_MAX];

	(void)fprintf(r->c->out,
		      "\nSuccessfully Regenerated Certificate for %s.%s\n"
		      "Please do a backup of the server as soon as possible. Failure to do\n"
		      "so can stale the cluster in case of a crash.\n"
		      "You must restart services related to %s for the regenerated\n"
		      "certificates to become active.\n",
		      name, certs_tries(cert, tries), name);
	regen_next(r);
}

enum rc set_cert_regen(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	struct regen CLEANUP(regen_clear) r = {.c = c, .name = "set cert regen"};
	unsigned how = CERTS_REGENERATE |
		       (c->opt.value[OPT_FORCE] ? CERTS_FORCE : 0u);
	json_auto_t *cert = NULL;

	if (regen_unit(c, &r, e) != RC_OK)
		return e->rc;
	if (r.unit == UNIT_AUDIT)
		return err_set(e, RC_USAGE, r.name, "the unit cannot be regenerated",
			       "CallManager, TVS, CAPF and ITLRecovery can", "%s",
			       unit_name(r.unit));
	if (regen_plan(&r, e) != RC_OK ||
	    ctl_password(c, &password, e) != RC_OK || ask_regen(&r, e) != RC_OK)
		return e->rc;
	if (certs_generate(c, password, r.unit, r.node, how, &cert, e) != RC_OK)
		return regen_refused(&r, e);
	if (c->json)
		return ctl_result(c, json_incref(cert), e);
	tell_done(&r, cert);
	return RC_OK;
}
