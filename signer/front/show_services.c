/* utils service list. */
#include "base/errjson.h"
#include "loop.h"
#include "show.h"
#include "tvs_answers.h"

static json_t *service_line(const char *name, const char *node, const char *state,
			    const struct err *why)
{
	char text[1200];

	return json_pack("{s:s, s:s?, s:s, s:o}", "name", name, "node", node,
			 "state", state, "detail",
			 json_words(why->rc ? err_text(why, text, sizeof text) : ""));
}

static const char *up_or_not(const struct err *e)
{
	return e->rc == RC_OK ? "STARTED" : "FAILED";
}

/* The original's name of it. */
static void tvs_lines(struct service *s, json_t *services)
{
	const struct cluster_node *n;

	for (size_t i = 0; (n = cluster_node_at(s->cluster, i)); i++) {
		struct tvs_answer a;

		tvs_answers_of(s, n, &a);
		if (n->tvs)
			(void)json_array_append_new(
				services,
				service_line("Cisco Trust Verification Service", n->id,
					     !a.seen ? "STOPPED" : up_or_not(&a.error),
					     &a.error));
	}
}

enum rc show_services(struct call *c, json_t **result, struct err *e)
{
	struct service *s = c->service;
	struct keyd_status st;
	struct target t;
	json_t *services;
	struct err why = {0};

	if (call_members(c, e, "{}") != RC_OK)
		return e->rc;
	services = json_array();
	for (size_t i = 0; i < s->nloops; i++) {
		const struct cluster_node *n = s->loops[i].node;

		if (store_target(s->store, n->id, &t, &why) != RC_OK)
			t.error = why;
		(void)json_array_append_new(services,
					    service_line("Cisco Tftp", n->id,
							 up_or_not(&t.error), &t.error));
	}
	tvs_lines(s, services);
	why = (struct err){0};
	(void)!service_keyd_status(s, &st, &why);
	(void)json_array_append_new(services, service_line("itlkeeper keyd", NULL,
							   up_or_not(&why), &why));
	*result = json_pack("{s:o}", "services", services);
	return RC_OK;
}
