#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/page.h"
#include "itlctl/status.h"
#include <string.h>

#define WHEN_TEXT (ANSWER_TIME + 16)

/* A list's SHA-1: the door gives the list, or its SHA-1 alone. */
static const char *list_sha1(const json_t *node, const char *key)
{
	const json_t *list = json_object_get(node, key);

	return json_is_object(list) ? answer_text(list, "sha1")
				    : answer_text(node, key);
}

static bool differs(const json_t *served)
{
	return answer_has(served, "want") &&
	       strcmp(list_sha1(served, "want"), list_sha1(served, "have")) != 0;
}

static const char *state_of(const json_t *node)
{
	if (!json_is_true(json_object_get(node, "tftp")))
		return "no TFTP";
	if (answer_has(node, "error"))
		return "failing";
	if (!answer_has(node, "have") && !answer_has(node, "want"))
		return "no list yet";
	if (differs(node) || differs(json_object_get(node, "ctl")))
		return "on its way";
	return "up to date";
}

/* Most clusters have none. */
static void print_ctl(FILE *out, const json_t *ctl)
{
	const json_t *have = json_object_get(ctl, "have");
	char text[160];

	if (answer_has(ctl, "have")) {
		(void)snprintf(text, sizeof text, "%.40s, %s%.64s",
			       list_sha1(ctl, "have"),
			       answer_has(have, "signer") ? "signed by "
							  : "not this cluster's",
			       answer_has(have, "signer")
				       ? answer_text(have, "signer") : "");
		page_wrapped(out, "CTL: ", text);
	}
	status_ctl(out, ctl);
	if (differs(ctl))
		page_wrapped(out, "shall serve the CTL ", list_sha1(ctl, "want"));
}

static void print_node(FILE *out, const json_t *node, const char *publisher)
{
	const json_t *have = json_object_get(node, "have");
	bool first = json_is_true(json_object_get(node, "publisher")) ||
		     !strcmp(answer_text(node, "id"), publisher);
	char since[ANSWER_TIME], next[ANSWER_TIME], text[1200];

	(void)fprintf(out, "%-18.18s%c %-40.40s %-8.8s %-16.16s %.12s\n",
		      answer_text(node, "host"), first ? '*' : ' ',
		      list_sha1(node, "have"), answer_text(have, "kind"),
		      answer_time(node, "have_since", since), state_of(node));
	if (answer_has(have, "signer"))
		page_wrapped(out, "signed by ", answer_text(have, "signer"));
	if (differs(node) || (answer_has(node, "error") && answer_has(node, "want")))
		page_wrapped(out, "shall serve ", list_sha1(node, "want"));
	print_ctl(out, json_object_get(node, "ctl"));
	status_files(out, json_object_get(node, "files"));
	if (answer_has(node, "error")) {
		page_wrapped(out, "error: ",
			     answer_any(node, "error", text, sizeof text));
		page_wrapped(out, "next try: ",
			     answer_time(node, "next_try", next));
	}
}

static void print_token(FILE *out, const json_t *keyd)
{
	char text[1200], started[ANSWER_TIME];

	if (answer_has(keyd, "error")) {
		(void)fprintf(out, "Token:      not available\n");
		page_wrapped(out, "error: ",
			     answer_any(keyd, "error", text, sizeof text));
		return;
	}
	(void)fprintf(out, "Token:      %.32s (%.32s %.16s), %lld sessions, %lld keys\n",
		      answer_text(keyd, "token"),
		      answer_text(keyd, "manufacturer"),
		      answer_text(keyd, "model"),
		      (long long)answer_int(keyd, "sessions"),
		      (long long)answer_int(keyd, "keys"));
	(void)fprintf(out, "Key server: since %s, %lld entries in the audit log, password %s\n",
		      answer_time(keyd, "started", started),
		      (long long)answer_int(keyd, "audit_entries"),
		      json_is_true(json_object_get(keyd, "password_set"))
			      ? "set" : "not set");
}

static void print_operation(FILE *out, const char *colon, const json_t *op)
{
	char who[64], started[ANSWER_TIME];

	if (!json_is_object(op))
		(void)fprintf(out, "Operation%s  none runs\n", colon);
	else
		(void)fprintf(out, "Operation%s  %.24s by %.32s since %s\n", colon,
			      answer_text(op, "kind"),
			      answer_any(op, "who", who, sizeof who),
			      answer_time(op, "started", started));
}

static void print_last(FILE *out, const char *colon, const json_t *last)
{
	char ended[ANSWER_TIME];

	if (!answer_has(last, "note"))
		return;
	(void)fprintf(out, "Last%s       %.24s by %.32s, %s %s\n", colon,
		      answer_text(last, "kind"), answer_text(last, "who"),
		      answer_true(last, "well") ? "done" : "failed",
		      answer_time(last, "ended", ended));
	page_wrapped(out, "", answer_text(last, "note"));
}

void status_operations(FILE *out, const char *colon, const json_t *status)
{
	print_operation(out, colon, json_object_get(status, "op"));
	print_last(out, colon, json_object_get(status, "last"));
}

/* ", as of ...": the question that lies back the longest; it is asked again in minutes. */
static const char *asked_when(const json_t *nodes, char text[WHEN_TEXT])
{
	const json_t *node, *first = NULL;
	char when[ANSWER_TIME];
	size_t i;

	json_array_foreach(nodes, i, node) {
		const json_t *tvs = json_object_get(node, "tvs_answers");
		const json_t *at = json_object_get(tvs, "checked");

		if (json_integer_value(at) > 0 &&
		    (!first || json_integer_value(at) <
				       json_integer_value(json_object_get(first, "checked"))))
			first = tvs;
	}
	text[0] = '\0';
	if (first)
		(void)snprintf(text, WHEN_TEXT, ", as of %s",
			       answer_time(first, "checked", when));
	return text;
}

void status_tvs(FILE *out, const char *colon, const json_t *status)
{
	const json_t *nodes = json_object_get(status, "nodes"), *node;
	size_t i, n = 0, good = 0, seen = 0, said = 0;
	char why[1200], when[WHEN_TEXT];

	json_array_foreach(nodes, i, node) {
		const json_t *tvs = json_object_get(node, "tvs_answers");

		n += answer_true(node, "tvs");
		good += answer_true(tvs, "answers");
		seen += answer_true(tvs, "seen");
	}
	if (n == 0)
		(void)fprintf(out, "TVS%s        none in cluster.conf\n", colon);
	else
		(void)fprintf(out, "TVS%s        answers phones on %zu of %zu nodes%s\n", colon,
			      good, n, asked_when(nodes, when));
	json_array_foreach(nodes, i, node) {
		const json_t *tvs = json_object_get(node, "tvs_answers");

		if (answer_has(tvs, "error") && (seen || said++ == 0))
			page_wrapped(out, "", answer_any(tvs, "error", why, sizeof why));
	}
}

static void print_names(FILE *out, const char *label, const json_t *names)
{
	char text[1200];
	const json_t *name;
	size_t i, n = 0;

	json_array_foreach(names, i, name)
		if (n < sizeof text)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s",
					      i ? ", " : "", json_string_value(name));
	if (n)
		page_wrapped(out, label, text);
}

void status_ctl(FILE *out, const json_t *ctl)
{
	const json_t *old = json_object_get(ctl, "old");

	print_names(out, "the CTL lacks ", json_object_get(old, "adds"));
	print_names(out, "the CTL still names ", json_object_get(old, "drops"));
	if (json_is_object(old))
		page_wrapped(out, "", "phones trust it first: itlctl utils ctl update CTLFile");
}

void status_files(FILE *out, const json_t *files)
{
	char text[1200];

	if (answer_int(files, "refused") > 0)
		page_wrapped(out, "signed files that are of an old certificate, as: ",
			     answer_any(files, "error", text, sizeof text));
}

static void print_holds(const struct ctl *c, const json_t *holds)
{
	json_t *hold;
	size_t i;

	json_array_foreach(holds, i, hold)
		(void)fprintf(c->out,
			      "Hold:       %.16s of %.40s was regenerated; others of it wait for %lld seconds\n",
			      answer_text(hold, "unit"),
			      ctl_host(c, answer_text(hold, "node")),
			      (long long)answer_int(hold, "seconds"));
}

/* The publisher's host, for people; its id if it is not among the nodes. */
static const char *publisher_host(const json_t *nodes, const char *id)
{
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
		if (!strcmp(answer_text(node, "id"), id))
			return answer_text(node, "host");
	return id;
}

enum rc show_status(struct ctl *c, struct err *e)
{
	json_auto_t *s = NULL;
	json_t *nodes, *node;
	const char *publisher;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "status"), NULL, NULL, &s, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(s), e);
	if (answer_unpack(s, "status", e, "{s:s, s:o}", "publisher", &publisher,
			  "nodes", &nodes) != RC_OK)
		return e->rc;
	(void)fprintf(c->out, "Cluster:    %.32s, policy %.16s, publisher %.32s\n",
		      answer_text(s, "cluster"), answer_text(s, "policy"),
		      publisher_host(nodes, publisher));
	print_token(c->out, json_object_get(s, "keyd"));
	status_operations(c->out, ":", s);
	status_tvs(c->out, ":", s);
	print_holds(c, json_object_get(s, "holds"));
	(void)fprintf(c->out, "\n%-19s %-40s %-8s %-16s %s\n", "Node",
		      "Serves (SHA-1)", "List", "Since", "State");
	json_array_foreach(nodes, i, node)
		print_node(c->out, node, publisher);
	return RC_OK;
}
