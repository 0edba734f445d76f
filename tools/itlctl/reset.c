/* utils itl reset: plan, ticket, reset. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/dialogue.h"
#include "itlctl/outcome.h"
#include "itlctl/reset.h"
#include "itl/itl.h"
#include <string.h>

static const char *how_name(enum keyd_how how)
{
	return how == KEYD_REMOTEKEY ? "remotekey" : "localkey";
}

void reset_plan_clear(struct reset_plan *p)
{
	free(p->source);
	json_decref(p->answer);
	*p = (struct reset_plan){0};
}

static bool all_or_none(const struct ctl *c)
{
	return c->opt.value[OPT_ALL_OR_NONE] != NULL;
}

/* The only events of a plan. */
static void show_missing(void *arg, json_t *event)
{
	dialogue_missing(((struct ctl *)arg)->out, event);
}

/* The ticket is for what keyd will see, so the source must be what it says. */
enum rc reset_plan(struct ctl *c, enum keyd_how how, struct reset_plan *p,
		   struct err *e)
{
	const char *source;
	char sha1[SHA1_HEX];

	reset_plan_clear(p);
	p->how = how;
	if (ctl_call(c, json_pack("{s:s, s:s, s:s, s:b}", "do", "reset-plan", "how",
				  how_name(how), "node", c->node->id,
				  "all_or_none", all_or_none(c)),
		     c->json ? ctl_event_json : show_missing, c, &p->answer,
		     e) != RC_OK ||
	    answer_unpack(p->answer, "reset-plan", e,
			  "{s:s, s:s, s:I, s:s, s:o, s:o}",
			  "source", &source, "source_sha1", &p->sha1,
			  "timestamp", &p->timestamp, "signer", &p->signer,
			  "nodes", &p->nodes, "warnings", &p->warnings) != RC_OK ||
	    answer_base64(source, "reset-plan", &p->source, &p->nsource, e) != RC_OK)
		return e->rc;
	itl_sha1_hex(bytes_of(p->source, p->nsource), sha1);
	if (strcmp(sha1, p->sha1) != 0)
		return err_set(e, RC_VERIFY, "reset-plan",
			       "the list is not the one that its SHA-1 names",
			       "nothing was changed; see the log of front",
			       "%s, not %s", sha1, p->sha1);
	if (p->timestamp < 0 || p->timestamp > UINT32_MAX)
		return err_set(e, RC_ERROR, "reset-plan",
			       "the timestamp is none", NULL, "%lld",
			       (long long)p->timestamp);
	return RC_OK;
}

/* The request that a ticket is for: "reset" or "reset-preview". */
static json_t *request(const struct ctl *c, const struct reset_plan *p,
		       const char *what, const char *ticket)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:b, s:b}", "do", what,
			 "how", how_name(p->how), "node", c->node->id,
			 "timestamp", p->timestamp, "source_sha1", p->sha1,
			 "ticket", ticket, "force",
			 c->opt.value[OPT_FORCE] != NULL, "all_or_none",
			 all_or_none(c));
}

static enum rc ticket_for(struct ctl *c, const struct reset_plan *p, bool preview,
			  const struct secret *password, char ticket[TICKET_HEX],
			  struct err *e)
{
	struct keyd_intent intent =
		keyd_intent_reset(p->how, preview,
				  bytes_of(p->source, p->nsource),
				  (uint32_t)p->timestamp);

	return ctl_ticket(c, password, &intent, ticket, e);
}

/* Members now and then, beside the plan's id and host. */
static json_t *nodes_json(const struct reset_plan *p, const char *sha1)
{
	json_t *list = json_array(), *node;
	size_t i;

	json_array_foreach(p->nodes, i, node)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:O?, s:s?}",
					"id", answer_text(node, "id"),
					"host", answer_text(node, "host"),
					"sha1_now", json_object_get(node, "sha1"),
					"sha1_then", sha1));
	return list;
}

/* The SHA-1 that the new list would have. */
static enum rc new_sha1(struct ctl *c, const struct reset_plan *p,
			const struct secret *password, json_t **answer,
			const char **sha1, struct err *e)
{
	char ticket[TICKET_HEX];

	if (ticket_for(c, p, true, password, ticket, e) != RC_OK ||
	    ctl_call(c, request(c, p, "reset-preview", ticket), NULL, NULL,
		     answer, e) != RC_OK)
		return e->rc;
	return answer_unpack(*answer, "reset-preview", e, "{s:s}", "sha1", sha1);
}

static void show_dry_run(struct ctl *c, const struct reset_plan *p,
			 const char *signer, const char *sha1)
{
	json_t *node;
	size_t i;

	outcome_warnings(c, p->warnings);
	(void)fprintf(c->out, "Signer: %s\n\n%-18s %-40s %s\n", signer, "Node",
		      "SHA-1 now", "SHA-1 then");
	json_array_foreach(p->nodes, i, node)
		(void)fprintf(c->out, "%-18s %-40s %s\n",
			      answer_text(node, "host"),
			      answer_text(node, "sha1"), sha1 ? sha1 : "-");
	if (!sha1)
		(void)fprintf(c->out, "\nThe SHA-1 is known once the key is imported.\n");
	(void)fprintf(c->out, "\nThis was a dry run: nothing was changed.\n");
}

enum rc reset_dry_run(struct ctl *c, const struct reset_plan *p,
		      const struct secret *password, const char *signer,
		      struct err *e)
{
	json_auto_t *answer = NULL;
	const char *sha1 = NULL;

	if (!signer)
		signer = p->signer;
	if (password && new_sha1(c, p, password, &answer, &sha1, e) != RC_OK)
		return e->rc;
	if (!c->json) {
		show_dry_run(c, p, signer, sha1);
		return RC_OK;
	}
	return ctl_result(c, json_pack("{s:b, s:s, s:I, s:s, s:s?, s:o, s:O}",
				       "dry_run", 1, "signer", signer,
				       "timestamp", p->timestamp,
				       "source_sha1", p->sha1, "sha1", sha1,
				       "nodes", nodes_json(p, sha1),
				       "warnings", p->warnings), e);
}

enum rc reset_run(struct ctl *c, const struct reset_plan *p,
		  const struct secret *password, json_t **result, struct err *e)
{
	char ticket[TICKET_HEX];

	if (!c->json)
		outcome_warnings(c, p->warnings);
	if (ticket_for(c, p, false, password, ticket, e) != RC_OK ||
	    dialogue_call(c, NULL, request(c, p, "reset", ticket), result, e) != RC_OK)
		return e->rc;
	outcome_show(c, *result);
	return RC_OK;
}

enum rc reset_localkey(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	struct reset_plan CLEANUP(reset_plan_clear) p = {0};
	json_auto_t *result = NULL;

	if (!ctl_on_publisher(c))
		return ctl_not_publisher(c, "utils itl reset", e);
	if (ctl_password(c, &password, e) != RC_OK ||
	    reset_plan(c, KEYD_LOCALKEY, &p, e) != RC_OK)
		return e->rc;
	if (c->opt.value[OPT_DRY_RUN])
		return reset_dry_run(c, &p, password, NULL, e);
	if (reset_run(c, &p, password, &result, e) != RC_OK)
		return e->rc;
	return c->json ? ctl_result(c, json_incref(result), e) : RC_OK;
}
