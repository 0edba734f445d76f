#include "itlctl/outcome.h"
#include "itlctl/answer.h"

void outcome_show(struct ctl *c, json_t *result)
{
	char text[1200], since[ANSWER_TIME];
	bool failed = false;
	json_t *node;
	size_t i;

	if (!c->json)
		(void)fprintf(c->out, "\nSHA-1 of the list: %s\nSigned by: %s\n",
			      answer_text(result, "sha1"),
			      answer_text(result, "signer"));
	json_array_foreach(json_object_get(result, "nodes"), i, node) {
		if (json_is_true(json_object_get(node, "ok")))
			continue;
		failed = true;
		if (c->json)
			continue;
		(void)fprintf(c->out, "Failed on host %s: %s\n",
			      answer_text(node, "host"),
			      answer_any(node, "error", text, sizeof text));
		if (answer_has(node, "have"))
			(void)fprintf(c->out, "It still serves %s, since %s\n",
				      answer_text(node, "have"),
				      answer_time(node, "since", since));
	}
	if (failed && !c->json)
		(void)fprintf(c->out,
			      "The service tries again by itself: show status says when it is done.\n");
	c->exit = failed ? 1 : 0;
}
