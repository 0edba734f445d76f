/* utils itl rollback: what each node gets back, consent, and that. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/dialogue.h"
#include "itlctl/outcome.h"
#include "base/hex.h"
#include <string.h>

static enum rc plan(struct ctl *c, json_t **answer, json_t **nodes, struct err *e)
{
	if (ctl_call(c, json_pack("{s:s, s:s}", "do", "rollback-plan", "node",
				  c->node->id),
		     NULL, NULL, answer, e) != RC_OK)
		return e->rc;
	return answer_unpack(*answer, "rollback-plan", e, "{s:o}", "nodes", nodes);
}

/* What the ticket is for, and the same for front: each node's list. */
static enum rc agreed(const json_t *nodes, struct keyd_place places[CLUSTER_MAX_NODES],
		      size_t *n, json_t *lists, struct err *e)
{
	json_t *node;
	size_t i;

	*n = 0;
	json_array_foreach(nodes, i, node) {
		const json_t *then = json_object_get(node, "then");
		const char *id = answer_text(node, "id");
		const char *sha1 = answer_text(then, "sha1");

		if (!json_is_object(then))
			continue;
		if (*n == CLUSTER_MAX_NODES || strlen(id) > CLUSTER_ID_MAX ||
		    !hex_read(sha1, places[*n].sha1, sizeof places[*n].sha1))
			return err_set(e, RC_ERROR, "rollback-plan",
				       "the answer cannot be read",
				       "are itlctl and the service of the same version?",
				       "node %.40s: %.48s", id, sha1);
		(void)snprintf(places[(*n)++].node, sizeof places[0].node, "%s", id);
		(void)json_object_set_new(lists, id, json_string(sha1));
	}
	return RC_OK;
}

/* Those that keep what they have, and why. */
static void show_kept(struct ctl *c, const json_t *nodes)
{
	char text[1200];
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
		if (!json_is_object(json_object_get(node, "then")))
			(void)fprintf(ctl_words(c), "%s keeps its list: %s\n",
				      answer_text(node, "host"),
				      answer_any(node, "kept", text, sizeof text));
}

/* Of these, one is enough that none gets its list back. */
static void show_locks(struct ctl *c, const json_t *nodes)
{
	char text[1200];
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
		if (json_is_object(json_object_get(node, "locks")))
			(void)fprintf(c->out, "Refused without --force: %s\n",
				      answer_any(node, "locks", text, sizeof text));
}

static enum rc dry_run(struct ctl *c, json_t *nodes, struct err *e)
{
	char made[ANSWER_TIME];
	json_t *node;
	size_t i;

	if (c->json)
		return ctl_result(c, json_pack("{s:b, s:O}", "dry_run", 1, "nodes",
					       nodes), e);
	(void)fprintf(c->out, "%-18s %-40s %s\n", "Node", "SHA-1 now", "SHA-1 then");
	json_array_foreach(nodes, i, node) {
		const json_t *then = json_object_get(node, "then");

		(void)fprintf(c->out, "%-18s %-40s %s\n", answer_text(node, "host"),
			      answer_text(node, "sha1"), answer_text(then, "sha1"));
		if (json_is_object(then))
			(void)fprintf(c->out, "    signed by %s, made %s\n",
				      answer_text(then, "signer"),
				      answer_time(then, "made", made));
	}
	(void)fprintf(c->out, "\n");
	show_kept(c, nodes);
	show_locks(c, nodes);
	(void)fprintf(c->out, "This was a dry run: nothing was changed.\n");
	return RC_OK;
}

/* After the dialogue: which list each node serves now. */
static void show_served(struct ctl *c, const json_t *nodes)
{
	json_t *node;
	size_t i;

	(void)fprintf(c->out, "\n");
	json_array_foreach(nodes, i, node)
		if (answer_true(node, "ok"))
			(void)fprintf(c->out, "%s serves %s\n",
				      answer_text(node, "host"),
				      answer_text(node, "sha1"));
}

static enum rc put_back(struct ctl *c, const json_t *nodes,
			const struct secret *password, json_t **result, struct err *e)
{
	json_auto_t *lists = json_object();
	struct keyd_place places[CLUSTER_MAX_NODES];
	struct keyd_intent intent;
	char ticket[TICKET_HEX];
	size_t n;

	if (!lists)
		return err_set(e, RC_ERROR, "rollback", "out of memory", NULL, "lists");
	if (agreed(nodes, places, &n, lists, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_rollback(places, n);
	if (ctl_ticket(c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	return dialogue_call(c, NULL,
			     json_pack("{s:s, s:s, s:O, s:s, s:b}", "do", "rollback",
				       "node", c->node->id, "lists", lists, "ticket",
				       ticket, "force",
				       c->opt.value[OPT_FORCE] != NULL),
			     result, e);
}

enum rc itl_rollback(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	json_auto_t *answer = NULL, *result = NULL;
	json_t *nodes, *outcome;

	if (!ctl_on_publisher(c))
		return ctl_not_publisher(c, "utils itl rollback", e);
	if (c->opt.value[OPT_DRY_RUN]) /* nothing to consent to */
		return plan(c, &answer, &nodes, e) == RC_OK ? dry_run(c, nodes, e)
							    : e->rc;
	if (ctl_password(c, &password, e) != RC_OK ||
	    plan(c, &answer, &nodes, e) != RC_OK)
		return e->rc;
	show_kept(c, nodes);
	if (put_back(c, nodes, password, &result, e) != RC_OK ||
	    answer_unpack(result, "rollback", e, "{s:o}", "nodes", &outcome) != RC_OK)
		return e->rc;
	if (!c->json)
		show_served(c, outcome);
	outcome_nodes(c, outcome);
	return c->json ? ctl_result(c, json_incref(result), e) : RC_OK;
}
