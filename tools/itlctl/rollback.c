/* utils itl rollback: what each node gets back, consent, and that. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/dialogue.h"
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
	(void)fprintf(c->out, "This was a dry run: nothing was changed.\n");
	return RC_OK;
}

/* After the dialogue: which list each node serves now, and which does not. */
static bool show_outcome(struct ctl *c, const json_t *nodes)
{
	bool failed = false;
	char text[1200];
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node) {
		bool ok = answer_true(node, "ok");

		failed = failed || !ok;
		if (c->json)
			continue;
		if (ok)
			(void)fprintf(c->out, "%s%s serves %s\n", i ? "" : "\n",
				      answer_text(node, "host"),
				      answer_text(node, "sha1"));
		else
			(void)fprintf(c->out, "%sFailed on host %s: %s\n", i ? "" : "\n",
				      answer_text(node, "host"),
				      answer_any(node, "error", text, sizeof text));
	}
	if (failed && !c->json)
		(void)fprintf(c->out,
			      "The service tries again by itself: show status says when it is done.\n");
	return failed;
}

static enum rc put_back(struct ctl *c, const json_t *nodes,
			const struct secret *password, json_t **result, struct err *e)
{
	struct dialogue CLEANUP(dialogue_free) *d =
		c->json ? NULL : dialogue_new(c->out, c->cluster, NULL);
	json_auto_t *lists = json_object();
	struct keyd_place places[CLUSTER_MAX_NODES];
	struct keyd_intent intent;
	char ticket[TICKET_HEX];
	size_t n;

	if (!lists || (!c->json && !d))
		return err_set(e, RC_ERROR, "rollback", "out of memory", NULL, "%s",
			       "dialogue");
	if (agreed(nodes, places, &n, lists, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_rollback(places, n);
	if (ctl_ticket(c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	return ctl_call(c, json_pack("{s:s, s:s, s:O, s:s, s:b}", "do", "rollback",
				     "node", c->node->id, "lists", lists, "ticket",
				     ticket, "force",
				     c->opt.value[OPT_FORCE] != NULL),
			c->json ? ctl_event_json : dialogue_event,
			c->json ? (void *)c : (void *)d, result, e);
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
	c->exit = show_outcome(c, outcome) ? 1 : 0;
	return c->json ? ctl_result(c, json_incref(result), e) : RC_OK;
}
