/* utils ctl update CTLFile: ticket, update. */
#include "itlctl/commands.h"
#include "itlctl/dialogue.h"
#include "itlctl/outcome.h"
#include <time.h>

static json_t *request(const struct ctl *c, uint32_t timestamp, const char *ticket)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:b, s:b}", "do", "ctl-update", "node",
			 c->node->id, "timestamp", (json_int_t)timestamp,
			 "ticket", ticket, "force",
			 c->opt.value[OPT_FORCE] != NULL, "all_or_none",
			 c->opt.value[OPT_ALL_OR_NONE] != NULL);
}

static enum rc update(struct ctl *c, const struct secret *password,
		      json_t **result, struct err *e)
{
	uint32_t timestamp = (uint32_t)time(NULL);
	struct keyd_intent intent = keyd_intent_ctl(timestamp);
	char ticket[TICKET_HEX];

	if (ctl_ticket(c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	return dialogue_call(c, NULL, request(c, timestamp, ticket), result, e);
}

static void print_names(FILE *out, const char *label, const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		(void)fprintf(out, "%s %s\n", label, json_string_value(name));
}

/* What would change; nobody needs a password to see it. */
static enum rc show_plan(struct ctl *c, struct err *e)
{
	json_auto_t *plan = NULL;
	const json_t *adds, *drops;

	if (ctl_call(c, json_pack("{s:s, s:s}", "do", "ctl-plan", "node", c->node->id), NULL,
		     NULL, &plan, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(plan), e);
	adds = json_object_get(plan, "adds");
	drops = json_object_get(plan, "drops");
	if (!json_is_string(json_object_get(plan, "sha1")))
		(void)fprintf(c->out, "%s serves no CTL; a new one would name\n",
			      c->node->host);
	else if (json_array_size(adds) + json_array_size(drops) == 0)
		(void)fprintf(c->out, "The CTL names the present certificates, and no others.\n");
	print_names(c->out, "+", adds);
	print_names(c->out, "-", drops);
	(void)fprintf(c->out, "Nothing was changed.\n");
	return RC_OK;
}

enum rc ctl_update(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	json_auto_t *result = NULL;

	if (!ctl_on_publisher(c))
		return ctl_not_publisher(c, "utils ctl update", e);
	if (c->opt.value[OPT_DRY_RUN])
		return show_plan(c, e);
	if (ctl_password(c, &password, e) != RC_OK ||
	    update(c, password, &result, e) != RC_OK)
		return e->rc;
	outcome_show(c, result);
	if (c->json)
		return ctl_result(c, json_incref(result), e);
	outcome_warnings(c, json_object_get(result, "warnings"));
	return RC_OK;
}
