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

enum rc ctl_update(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	json_auto_t *result = NULL;

	if (!ctl_on_publisher(c))
		return ctl_not_publisher(c, "utils ctl update", e);
	if (ctl_password(c, &password, e) != RC_OK ||
	    update(c, password, &result, e) != RC_OK)
		return e->rc;
	outcome_show(c, result);
	if (c->json)
		return ctl_result(c, json_incref(result), e);
	outcome_warnings(c, json_object_get(result, "warnings"));
	return RC_OK;
}
