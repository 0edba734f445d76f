#include "itlctl/outcome.h"
#include "itlctl/answer.h"

void outcome_warnings(const struct ctl *c, const json_t *warnings)
{
	json_t *text;
	size_t i;

	json_array_foreach(warnings, i, text)
		(void)fprintf(c->session->err, "itlctl: warning: %s\n",
			      json_is_string(text) ? json_string_value(text) : "");
}

void outcome_files(const struct ctl *c, const char *host, const json_t *files)
{
	char text[1200];

	if (answer_int(files, "refused") > 0)
		(void)fprintf(c->session->err,
			      "itlctl: warning: %lld signed files on host %s were not signed again, as: %s\n",
			      (long long)answer_int(files, "refused"), host,
			      answer_any(files, "error", text, sizeof text));
}

void outcome_nodes(struct ctl *c, const json_t *nodes)
{
	char text[1200], since[ANSWER_TIME];
	bool failed = false;
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node) {
		outcome_files(c, answer_text(node, "host"), json_object_get(node, "files"));
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

void outcome_show(struct ctl *c, const json_t *result)
{
	if (!c->json)
		(void)fprintf(c->out, "\nSHA-1 of the list: %s\nSigned by: %s\n",
			      answer_text(result, "sha1"),
			      answer_text(result, "signer"));
	outcome_nodes(c, json_object_get(result, "nodes"));
}
