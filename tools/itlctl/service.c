#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/dialogue.h"
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

		(void)snprintf(name, sizeof name, "%.30s[%.20s]",
			       answer_text(s, "name"), answer_text(s, "state"));
		(void)fprintf(c->out, "%-36s %-18s %s\n", name,
			      ctl_host(c, answer_text(s, "node")),
			      answer_text(s, "detail"));
	}
	return RC_OK;
}

enum rc service_restart(struct ctl *c, const struct cluster_node *node,
			json_t **result, struct err *e)
{
	struct dialogue CLEANUP(dialogue_free) *d =
		c->json ? NULL : dialogue_new(c->out, c->cluster, node);

	if (!c->json && !d)
		return err_set(e, RC_ERROR, "restart", "out of memory", NULL, "dialogue");
	return ctl_call(c, json_pack("{s:s, s:s, s:b}", "do", "tftp-restart",
				     "node", node->id, "force",
				     c->opt.value[OPT_FORCE] != NULL),
			c->json ? ctl_event_json : dialogue_event,
			c->json ? (void *)c : (void *)d, result, e);
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
	json_auto_t *result = NULL;

	if (service_restart(c, c->node, &result, e) != RC_OK)
		return e->rc;
	if (!c->json)
		(void)fprintf(c->out, "\n%s serves %s\nSHA-1 of the list: %s\n",
			      c->node->host,
			      json_is_true(json_object_get(result, "built"))
				      ? "a new list of its own"
				      : "the list that it had",
			      answer_text(result, "sha1"));
	tell_phones(c, json_object_get(result, "phones"));
	return c->json ? ctl_result(c, json_incref(result), e) : RC_OK;
}
