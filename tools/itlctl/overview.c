/* show cluster: all of it on one page, from what the other commands show alone. */
#include "base/num.h"
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/page.h"
#include "itlctl/status.h"
#include <string.h>
#include <time.h>

#define DAY 86400

struct overview {
	json_t *status, *certs, *backups, *alerts; /* owned: the door's answers */
	int64_t now;
};

static void overview_clear_at(struct overview *o)
{
	json_decref(o->status);
	json_decref(o->certs);
	json_decref(o->backups);
	json_decref(o->alerts);
}

static enum rc get(struct ctl *c, struct overview *o, struct err *e)
{
	const struct {
		const char *what;
		json_t **to;
	} asks[] = {
		{"status", &o->status}, {"certs", &o->certs},
		{"backups", &o->backups}, {"alerts", &o->alerts},
	};

	for (size_t i = 0; i < COUNT_OF(asks); i++)
		if (ctl_call(c, json_pack("{s:s}", "do", asks[i].what), NULL, NULL,
			     asks[i].to, e) != RC_OK)
			return e->rc;
	o->now = (int64_t)time(NULL);
	return RC_OK;
}

/* Whole days until then; less than 0: since then. */
static int64_t days_left(const struct overview *o, const json_t *cert)
{
	int64_t left = answer_int(cert, "not_after") - o->now;

	return left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY);
}

/* ---- JSON ---- */

static json_t *certs_json(const struct overview *o)
{
	json_t *list = json_array(), *cert;
	size_t i;

	json_array_foreach(json_object_get(o->certs, "certs"), i, cert)
		if (answer_true(cert, "current"))
			(void)json_array_append_new(
				list,
				json_pack("{s:O, s:O, s:O, s:O, s:O, s:I}", "unit",
					  json_object_get(cert, "unit"), "node",
					  json_object_get(cert, "node"), "generation",
					  json_object_get(cert, "generation"), "sha1",
					  json_object_get(cert, "sha1"), "not_after",
					  json_object_get(cert, "not_after"), "days_left",
					  (json_int_t)days_left(o, cert)));
	return list;
}

/* The whole status, and beside it what it leaves out. */
static json_t *overview_json(const struct overview *o)
{
	json_t *all = json_copy(o->status);

	if (all &&
	    (json_object_set_new(all, "certs", certs_json(o)) != 0 ||
	     json_object_set_new(
		     all, "backup",
		     json_pack("{s:b, s:s}", "good", answer_true(o->backups, "good"),
			       "why", answer_has(o->backups, "why")
					      ? answer_text(o->backups, "why") : "")) != 0 ||
	     json_object_set(all, "alerts", json_object_get(o->alerts, "alerts")) != 0)) {
		json_decref(all);
		all = NULL;
	}
	return all;
}

/* ---- one page ---- */

static const char *host_of(const struct ctl *c, const json_t *of)
{
	const char *node = json_string_value(json_object_get(of, "node"));

	return node ? ctl_host(c, node) : "-";
}

static void print_head(const struct ctl *c, const struct overview *o)
{
	const json_t *keyd = json_object_get(o->status, "keyd");
	char why[1200];

	(void)fprintf(c->out, "Cluster    %.32s, policy %.16s, publisher %.32s\n",
		      answer_text(o->status, "cluster"),
		      answer_text(o->status, "policy"),
		      ctl_host(c, answer_text(o->status, "publisher")));
	if (answer_has(keyd, "error"))
		page_wrapped(c->out, "Token      ",
			     answer_any(keyd, "error", why, sizeof why));
	else
		(void)fprintf(c->out, "Token      %.32s, %lld keys, audit log of %lld entries\n",
			      answer_text(keyd, "token"),
			      (long long)answer_int(keyd, "keys"),
			      (long long)answer_int(keyd, "audit_entries"));
	status_operations(c->out, "", o->status);
}

static void print_watch(const struct ctl *c, const struct overview *o)
{
	const json_t *holds = json_object_get(o->status, "holds"), *hold;
	size_t i, alerts = json_array_size(json_object_get(o->alerts, "alerts"));

	status_tvs(c->out, "", o->status);
	(void)fprintf(c->out, "Backup     %s\n",
		      answer_true(o->backups, "good") ? "good" : "none that counts");
	if (!answer_true(o->backups, "good") && answer_has(o->backups, "why"))
		page_wrapped(c->out, "", answer_text(o->backups, "why"));
	if (alerts)
		(void)fprintf(c->out, "Alerts     %zu: itlctl show alerts\n", alerts);
	else
		(void)fprintf(c->out, "Alerts     none\n");
	if (json_array_size(holds) == 0)
		(void)fprintf(c->out, "Holds      none\n");
	json_array_foreach(holds, i, hold)
		(void)fprintf(c->out, "%s%.32s: %.16s is new; its other certificates wait %lld s\n",
			      i ? "           " : "Holds      ", host_of(c, hold),
			      answer_text(hold, "unit"),
			      (long long)answer_int(hold, "seconds"));
}

static void print_file(FILE *out, const char *host, const char *file,
		       const json_t *list, const char *since)
{
	(void)fprintf(out, "%-15.15s %-3s %-40.40s %-21.21s %.16s\n", host, file,
		      answer_text(list, "sha1"), answer_text(list, "signer"), since);
}

static void print_node(FILE *out, const json_t *node)
{
	const json_t *ctl = json_object_get(node, "ctl");
	char since[ANSWER_TIME], why[1200];

	if (!answer_true(node, "tftp")) {
		(void)fprintf(out, "%-15.15s no TFTP\n", answer_text(node, "host"));
		return;
	}
	print_file(out, answer_text(node, "host"), "ITL",
		   json_object_get(node, "have"),
		   answer_time(node, "have_since", since));
	if (json_is_object(json_object_get(ctl, "have")))
		print_file(out, "", "CTL", json_object_get(ctl, "have"),
			   answer_time(ctl, "have_since", since));
	status_ctl(out, ctl);
	status_files(out, json_object_get(node, "files"));
	if (answer_has(node, "error"))
		page_wrapped(out, "failing: ",
			     answer_any(node, "error", why, sizeof why));
}

static void print_certs(const struct ctl *c, const struct overview *o)
{
	char until[ANSWER_TIME], why[1200];
	const json_t *cert;
	size_t i;

	(void)fprintf(c->out, "\n%-11s %-15s %3s  %-40s %-16s %6s\n", "Certificate",
		      "Node", "Gen", "SHA-1", "Valid until", "Days");
	json_array_foreach(json_object_get(o->certs, "certs"), i, cert)
		if (answer_true(cert, "current"))
			(void)fprintf(c->out, "%-11.11s %-15.15s %3lld  %-40.40s %-16.16s %6lld\n",
				      answer_text(cert, "unit"), host_of(c, cert),
				      (long long)answer_int(cert, "generation"),
				      answer_text(cert, "sha1"),
				      answer_time(cert, "not_after", until),
				      (long long)days_left(o, cert));
	if (answer_has(o->certs, "error"))
		page_wrapped(c->out, "as they were when the token was last there: ",
			     answer_any(o->certs, "error", why, sizeof why));
}

enum rc show_cluster(struct ctl *c, struct err *e)
{
	struct overview CLEANUP(overview_clear) o = {0};
	const json_t *node;
	size_t i;

	if (get(c, &o, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, overview_json(&o), e);
	print_head(c, &o);
	print_watch(c, &o);
	(void)fprintf(c->out, "\n%-15s %-3s %-40s %-21s %s\n", "Node", "", "Serves (SHA-1)",
		      "Signed by", "Since");
	json_array_foreach(json_object_get(o.status, "nodes"), i, node)
		print_node(c->out, node);
	print_certs(c, &o);
	return RC_OK;
}
