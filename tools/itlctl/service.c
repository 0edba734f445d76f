#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/dialogue.h"
#include "itlctl/outcome.h"
#include "base/text.h"
#include <string.h>

enum rc service_list(struct ctl *c, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *list, *s;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "services"), NULL, NULL,
		     &answer, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(answer), e);
	if (answer_unpack(answer, "services", e, "{s:o}", "services", &list) != RC_OK)
		return e->rc;
	json_array_foreach(list, i, s) {
		char name[64];

		(void)snprintf(name, sizeof name, "%.40s[%.20s]",
			       answer_text(s, "name"), answer_text(s, "state"));
		(void)fprintf(c->out, "%-42s %-18s %s\n", name,
			      ctl_host(c, answer_text(s, "node")),
			      answer_text(s, "detail"));
	}
	return RC_OK;
}

/* ticket: NULL without force. */
static enum rc restart(struct ctl *c, const struct cluster_node *node,
		       const char *ticket, json_t **result, struct err *e)
{
	return dialogue_call(c, node, json_pack("{s:s, s:s, s:b, s:s*}", "do",
						"tftp-restart", "node", node->id, "force",
						ticket != NULL, "ticket", ticket),
			     result, e);
}

/* The administrator consents to just what `against` says. */
static enum rc consent(struct ctl *c, const struct cluster_node *node,
		       const struct err *against, struct secret **password,
		       char ticket[TICKET_HEX], struct err *e)
{
	char text[KEYD_OVERRIDE_MAX], said[sizeof against->why + sizeof against->hint + 4];
	struct keyd_intent intent;

	(void)snprintf(said, sizeof said, "%s (%s)", against->why, against->hint);
	(void)fprintf(c->session->err, "itlctl: warning: --force overrides: %s\n",
		      text_flatten(said));
	intent = keyd_intent_override(
		keyd_override_text("tftp-restart", node->id, against->why, text));
	if ((!*password && ctl_password(c, password, e) != RC_OK) ||
	    ctl_open(c, NEED_KEYD, e) != RC_OK)
		return e->rc;
	return ctl_ticket(c, *password, &intent, ticket, e);
}

enum rc service_restart(struct ctl *c, const struct cluster_node *node,
			struct secret **password, json_t **result, struct err *e)
{
	char ticket[TICKET_HEX];
	struct err against;

	if (restart(c, node, NULL, result, e) == RC_OK)
		return RC_OK;
	if (!c->opt.value[OPT_FORCE] || e->rc != RC_REFUSED ||
	    strcmp(e->name, FRONT_UNFORCED) != 0)
		return e->rc;
	against = *e;
	if (consent(c, node, &against, password, ticket, e) != RC_OK)
		return e->rc;
	return restart(c, node, ticket, result, e);
}

/* Whether phones were reset for it; a failure is a warning, with --json too. */
static void tell_phones(const struct ctl *c, const json_t *phones)
{
	const char *units = answer_text(phones, "units");
	char text[1200];

	if (!strcmp(answer_text(phones, "reset"), "failed"))
		(void)fprintf(c->session->err, "itlctl: warning: the phones were not reset: %s\n",
			      answer_any(phones, "error", text, sizeof text));
	else if (!c->json && !strcmp(answer_text(phones, "reset"), "done"))
		(void)fprintf(c->out, "The phones were reset (phone-reset): new certificates of %s\n",
			      units);
	else if (!c->json && answer_has(phones, "units"))
		(void)fprintf(c->out,
			      "Reset the phones now, by hand: new certificates of %s\n"
			      "(cluster.conf has no phone-reset)\n", units);
}

enum rc service_restart_tftp(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	json_auto_t *result = NULL;

	if (service_restart(c, c->node, &password, &result, e) != RC_OK)
		return e->rc;
	if (!c->json)
		(void)fprintf(c->out, "\n%s serves %s\nSHA-1 of the list: %s\n",
			      c->node->host,
			      json_is_true(json_object_get(result, "built"))
				      ? "a new list of its own"
				      : "the list that it had",
			      answer_text(result, "sha1"));
	tell_phones(c, json_object_get(result, "phones"));
	outcome_files(c, c->node->host, json_object_get(result, "files"));
	return c->json ? ctl_result(c, json_incref(result), e) : RC_OK;
}
