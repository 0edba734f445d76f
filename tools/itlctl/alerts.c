/* show alerts. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/page.h"
#include "base/num.h"

/* syslog's, as people say them. */
static const char *severity_name(int64_t severity)
{
	static const char *const names[] = {"emergency", "alert", "critical",
					    "error", "warning", "notice",
					    "info", "debug"};

	return severity >= 0 && severity < (int64_t)COUNT_OF(names)
		       ? names[severity] : "-";
}

/* Why the last ones did not go out. */
static void print_undelivered(FILE *out, const json_t *answer)
{
	static const char *const ways[] = {"syslog", "mail"};
	char why[1200], label[32];

	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		if (!answer_has(answer, ways[i]))
			continue;
		(void)snprintf(label, sizeof label, "%s failed: ", ways[i]);
		page_wrapped(out, label, answer_any(answer, ways[i], why, sizeof why));
	}
}

enum rc show_alerts(struct ctl *c, struct err *e)
{
	char since[ANSWER_TIME], sent[ANSWER_TIME];
	json_auto_t *s = NULL;
	json_t *list, *a;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "alerts"), NULL, NULL, &s, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(s), e);
	if (answer_unpack(s, "alerts", e, "{s:o}", "alerts", &list) != RC_OK)
		return e->rc;
	print_undelivered(c->out, s);
	if (json_array_size(list) == 0) {
		(void)fprintf(c->out, "No alerts.\n");
		return RC_OK;
	}
	(void)fprintf(c->out, "%-46s %-9s  %-16s  %-16s  %s\n", "Alert", "Severity",
		      "Since", "Last sent", "Times");
	json_array_foreach(list, i, a) {
		(void)fprintf(c->out, "%-46.46s %-9s  %-16.16s  %-16.16s  %lld\n",
			      answer_text(a, "name"),
			      severity_name(answer_int(a, "severity")),
			      answer_time(a, "since", since),
			      answer_time(a, "sent", sent),
			      (long long)answer_int(a, "times"));
		page_wrapped(c->out, "", answer_text(a, "text"));
	}
	return RC_OK;
}
