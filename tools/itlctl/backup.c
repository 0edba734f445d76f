/* show backup. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/page.h"

#define PAGE_BACKUPS 5 /* as many fit one screen; --json has all */

static void print_key(FILE *out, const json_t *answer)
{
	const json_t *key = json_object_get(answer, "key");
	char why[1200];

	if (answer_has(answer, "error")) {
		(void)fprintf(out, "Recovery key:      not known now\n");
		page_wrapped(out, "error: ", answer_any(answer, "error", why, sizeof why));
		return;
	}
	if (!json_is_object(key)) {
		(void)fprintf(out, "Recovery key:      none; itlctl cluster init makes it\n");
		return;
	}
	(void)fprintf(out, "Recovery key:      %.40s, RSA-%lld, %s\n",
		      answer_text(key, "label"),
		      (long long)answer_int(key, "bits"),
		      answer_true(key, "sealed")
			      ? "sealed: never leaves its token again"
			      : "can be exported");
}

static void print_security(FILE *out, const json_t *security)
{
	char since[ANSWER_TIME];

	if (!answer_true(security, "set")) {
		(void)fprintf(out, "Security password: not set; itlctl set password user security\n");
		return;
	}
	(void)fprintf(out, "Security password: ");
	if (answer_has(security, "number"))
		(void)fprintf(out, "number %lld, ",
			      (long long)answer_int(security, "number"));
	(void)fprintf(out, "set %s\n", answer_time(security, "set_at", since));
}

static void print_vaults(FILE *out, const json_t *vaults)
{
	json_t *name;
	size_t i;

	(void)fprintf(out, "Vaults:            %s",
		      json_array_size(vaults) ? "" : "none in vault.conf");
	json_array_foreach(vaults, i, name)
		(void)fprintf(out, "%s%.40s", i == 0 ? "" : i % 2 ? ", " : ",\n                   ",
			      json_is_string(name) ? json_string_value(name) : "-");
	(void)fprintf(out, "\n");
}

/* "9123 bytes, envelope, route token-cbc, security password 2" */
static void print_how(FILE *out, const json_t *b)
{
	char text[200], number[48] = "";

	if (answer_has(b, "security"))
		(void)snprintf(number, sizeof number, ", security password %lld",
			       (long long)answer_int(b, "security"));
	(void)snprintf(text, sizeof text, "%lld bytes, %s, route %.40s%s",
		       (long long)answer_int(b, "bytes"),
		       answer_true(b, "plain") ? "bare p12" : "envelope",
		       answer_has(b, "route") ? answer_text(b, "route") : "not known",
		       number);
	page_wrapped(out, "", text);
}

static void print_backup(FILE *out, const json_t *b)
{
	char made[ANSWER_TIME], proved[ANSWER_TIME], checked[ANSWER_TIME];
	char why[1200];

	(void)fprintf(out, "%-16.16s  %-16.16s  %-16.16s  %-6s  %.36s\n",
		      answer_time(b, "made", made),
		      answer_time(b, "proved", proved),
		      answer_time(b, "checked", checked),
		      answer_true(b, "counts") ? "yes" : "no",
		      answer_text(b, "key"));
	page_wrapped(out, "", answer_text(b, "name"));
	page_wrapped(out, "in ", answer_text(b, "vault"));
	print_how(out, b);
	if (answer_has(b, "error"))
		page_wrapped(out, "last check: ",
			     answer_any(b, "error", why, sizeof why));
}

enum rc show_backup(struct ctl *c, struct err *e)
{
	json_auto_t *s = NULL;
	json_t *list, *b;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "backups"), NULL, NULL, &s, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(s), e);
	if (answer_unpack(s, "backups", e, "{s:o}", "backups", &list) != RC_OK)
		return e->rc;
	print_key(c->out, s);
	print_security(c->out, json_object_get(s, "security"));
	print_vaults(c->out, json_object_get(s, "vaults"));
	(void)fprintf(c->out, "Backup:            %s\n",
		      answer_true(s, "good") ? "good" : "none that counts");
	if (answer_has(s, "why"))
		page_wrapped(c->out, "", answer_text(s, "why"));
	if (json_array_size(list) == 0)
		return RC_OK;
	(void)fprintf(c->out, "\n%-16s  %-16s  %-16s  %-6s  %s\n", "Made", "Proved",
		      "Checked", "Counts", "Key");
	json_array_foreach(list, i, b)
		if (i < PAGE_BACKUPS)
			print_backup(c->out, b);
	if (i > PAGE_BACKUPS)
		(void)fprintf(c->out, "\nand %zu older ones: --json shows all\n",
			      i - PAGE_BACKUPS);
	return RC_OK;
}
