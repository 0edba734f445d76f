/*
 * The reset of phones: each fetches its files in a phone's order and decides.
 * One thread; as many phones at once as there are lanes. A phone's report is
 * one JSON object; what people read is printed from it.
 */
#include "fleet.h"
#include <stdio.h>
#include <string.h>

/* Fails out of memory alone; the member is then missing. */
static void put(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static json_t *sha1_json(struct bytes list)
{
	char hex[SHA1_HEX];

	return list.n ? json_string(itl_sha1_hex(list, hex)) : json_null();
}

static void add_status(struct visit *v, const char *line)
{
	(void)json_array_append_new(v->status, json_string(line));
}

static void conclude(struct visit *v, enum outcome outcome,
		     const char *verdict, const char *why)
{
	if (v->concluded && outcome < v->outcome)
		return;
	v->concluded = true;
	v->outcome = outcome;
	put(v->report, "accepted", json_boolean(outcome <= ACCEPTED));
	put(v->report, "verdict", json_string(verdict));
	put(v->report, "why", json_string(why));
}

static void step_name(const struct visit *v, char to[FETCH_NAME_MAX])
{
	const char *name = v->phone.name;

	switch (v->step) {
	case STEP_CTL:
		(void)snprintf(to, FETCH_NAME_MAX, "CTL%s.tlv", name);
		break;
	case STEP_OWN_ITL:
		(void)snprintf(to, FETCH_NAME_MAX, "ITL%s.tlv", name);
		break;
	case STEP_ITL:
		(void)snprintf(to, FETCH_NAME_MAX, ITL_FILE);
		break;
	case STEP_SGN:
		(void)snprintf(to, FETCH_NAME_MAX, "%s.cnf.xml.sgn", name);
		break;
	case STEP_XML:
	case STEP_END:
		(void)snprintf(to, FETCH_NAME_MAX, "%s.cnf.xml", name);
		break;
	}
}

/* ---- what a phone makes of what it fetched ---- */

static itl_ask_tvs *how_to_ask(const struct visit *v)
{
	return v->fleet->vouch.n ? vouch_signer : NULL;
}

static struct asking ask_about(struct visit *v, const char *name)
{
	return (struct asking){.v = &v->fleet->vouch, .phone = &v->phone, .about = name,
			       .notes = v->tvs};
}

static enum rc offer(struct visit *v, enum phone_list which,
		     const struct fetched *f, struct err *e)
{
	struct asking k = ask_about(v, f->name);
	struct phone_decision d;
	char why[sizeof d.why + sizeof k.told + 4];
	enum rc rc = phone_offer(&v->phone, which, f->content, how_to_ask(v), &k, &d, e);

	asking_clear(&k);
	if (rc)
		return rc;
	(void)snprintf(why, sizeof why, "%s%s%s%s", d.why, k.told[0] ? " (" : "", k.told,
		       k.told[0] ? ")" : "");
	conclude(v, d.same ? SAME : d.accepted ? ACCEPTED : REJECTED, d.verdict, why);
	return RC_OK;
}

static enum rc on_list(struct visit *v, enum phone_list which,
		       const struct fetched *f, struct err *e)
{
	char line[64];

	switch (f->result) {
	case FETCH_OK:
	case FETCH_TOO_LARGE: /* itl_accept() has the limit, and the reason */
		return offer(v, which, f, e);
	case FETCH_ABSENT:
		if (v->step == STEP_OWN_ITL)
			break; /* it asks for the common one next */
		(void)snprintf(line, sizeof line, "File Not Found <%s>",
			       phone_list_files[which]);
		add_status(v, line);
		if (which == PHONE_ITL)
			conclude(v, UNANSWERED, "absent",
				 "the server has no " ITL_FILE);
		break;
	case FETCH_NO_ANSWER:
		add_status(v, "TFTP Timeout");
		conclude(v, UNANSWERED, "no-answer", f->error);
		break;
	case FETCH_ERROR:
		add_status(v, "TFTP Error");
		conclude(v, UNANSWERED, "error", f->error);
		break;
	}
	return RC_OK;
}

/* "accepted" or "rejected", and by whose word, or why. */
static const char *check_sgn(struct visit *v, const struct fetched *f)
{
	struct asking k = ask_about(v, f->name);
	const size_t asked = json_array_size(v->tvs);
	struct err e;
	char why[sizeof e.why + sizeof k.told + 4] = "";
	enum rc rc = phone_check_sgn(&v->phone, f->name, f->content, how_to_ask(v), &k,
				     &e);

	asking_clear(&k);
	if (rc)
		(void)snprintf(why, sizeof why, "%s%s%s%s", e.why,
			       k.told[0] ? " (" : "", k.told, k.told[0] ? ")" : "");
	put(v->report, "configuration_why",
	    json_string(rc				      ? why
			: json_array_size(v->tvs) > asked ? "TVS vouches for its signer"
							  : "the installed list has its signer"));
	return rc ? "rejected" : "accepted";
}

/* A configuration has no status line of its own: an absent one is normal. */
static void on_configuration(struct visit *v, const struct fetched *f)
{
	const char *came = "absent";

	if (f->result == FETCH_OK)
		came = v->step == STEP_XML ? "unsigned" : check_sgn(v, f);
	else if (f->result != FETCH_ABSENT)
		came = "error";
	put(v->report, "configuration", json_string(came));
}

static enum step after(const struct visit *v, enum fetch_result r)
{
	bool has_list = v->phone.lists[PHONE_CTL].p || v->phone.lists[PHONE_ITL].p;

	/* Whom the first question reached no further one will reach. */
	if (r == FETCH_NO_ANSWER || r == FETCH_ERROR)
		return STEP_END;
	switch (v->step) {
	case STEP_CTL:
		return STEP_OWN_ITL;
	case STEP_OWN_ITL:
		if (r == FETCH_ABSENT)
			return STEP_ITL;
		/* fallthrough */
	case STEP_ITL:
		return has_list ? STEP_SGN : STEP_XML;
	case STEP_SGN:
	case STEP_XML:
	case STEP_END:
		break;
	}
	return STEP_END;
}

static void note_fetched(struct visit *v, const struct fetched *f)
{
	bool ok = f->result == FETCH_OK;

	(void)json_array_append_new(
		v->fetched,
		json_pack("{ss ss sb sI ss}", "name", f->name, "over", f->over,
			  "ok", ok, "bytes",
			  (json_int_t)(ok ? f->content.n : 0), "error",
			  f->error));
}

enum rc visit_decide(struct visit *v, struct err *e)
{
	const struct fetched *f = &v->came;

	if (v->step == STEP_SGN || v->step == STEP_XML)
		on_configuration(v, f);
	else if (on_list(v, v->step == STEP_CTL ? PHONE_CTL : PHONE_ITL, f, e))
		return e->rc;
	v->step = after(v, f->result);
	return RC_OK;
}

/* ---- a phone's reset, from its start to its report ---- */

static enum rc begin(struct fleet *fl, unsigned lane, struct err *e)
{
	struct visit *v = &fl->visits[lane];
	char name[FETCH_NAME_MAX];

	*v = (struct visit){.index = fl->started, .fleet = fl};
	if (phone_load(&v->phone, fl->s->state, fl->s->mac + v->index, e))
		return e->rc;
	v->virgin = !v->phone.lists[PHONE_CTL].p && !v->phone.lists[PHONE_ITL].p;
	v->report = json_pack("{ss ss so so s[] s[] s[]}", "phone", v->phone.name,
			      "server", fl->s->server, "before",
			      sha1_json(phone_installed(&v->phone, PHONE_ITL)),
			      "ctl_before",
			      sha1_json(phone_installed(&v->phone, PHONE_CTL)),
			      "status", "fetched", "tvs");
	if (!v->report)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s",
				 v->phone.name);
	v->status = json_object_get(v->report, "status");
	v->fetched = json_object_get(v->report, "fetched");
	v->tvs = json_object_get(v->report, "tvs");
	fl->started++;
	fetcher_begin(fl->fetcher, lane);
	step_name(v, name);
	return fetcher_start(fl->fetcher, lane, name, e);
}

/* The line with which a phone ends: what became of its trust. */
static const char *last_line(const struct visit *v)
{
	if (v->outcome == REJECTED)
		return "Trust List Update Failed";
	if (v->outcome == ACCEPTED && !v->virgin)
		return "Trust List Updated";
	return phone_trust_text(&v->phone);
}

static enum rc finish(struct fleet *fl, struct visit *v, struct err *e)
{
	const char *verdict = json_string_value(json_object_get(v->report, "verdict"));

	/* A phone that reached nobody ends with that. */
	if (v->outcome != UNANSWERED || (verdict && !strcmp(verdict, "absent")))
		add_status(v, last_line(v));
	put(v->report, "after", sha1_json(phone_installed(&v->phone, PHONE_ITL)));
	put(v->report, "ctl", sha1_json(phone_installed(&v->phone, PHONE_CTL)));
	fl->counts[v->outcome]++;
	if (v->outcome > ACCEPTED && !fl->first_why[0])
		(void)snprintf(fl->first_why, sizeof fl->first_why, "%s: %s",
			       v->phone.name,
			       json_string_value(json_object_get(v->report, "why")));
	if (phone_save_report(&v->phone, v->report, e))
		return e->rc;
	fl->reports[v->index] = v->report;
	v->report = NULL;
	phone_clear(&v->phone);
	fl->done++;
	return RC_OK;
}

/* ---- all of them ---- */

/* After its decision: the next file, or the next phone. */
static enum rc go_on(struct fleet *fl, struct visit *v, struct err *e)
{
	const unsigned lane = (unsigned)(v - fl->visits);
	char name[FETCH_NAME_MAX];

	if (v->step != STEP_END) {
		step_name(v, name);
		return fetcher_start(fl->fetcher, lane, name, e);
	}
	if (finish(fl, v, e))
		return e->rc;
	fleet_print_done(fl);
	return fl->started < fl->s->count ? begin(fl, lane, e) : RC_OK;
}

static enum rc turn(struct fleet *fl, struct err *e)
{
	struct visit *v = think_next(fl);
	struct fetched f;
	unsigned lane;
	bool again;

	if (v) {
		*e = v->e;
		return v->rc ? v->rc : go_on(fl, v, e);
	}
	if (fetcher_wait(fl->fetcher, &lane, &f, &again, e))
		return e->rc;
	if (lane == FETCH_WOKEN)
		return RC_OK;
	v = &fl->visits[lane];
	note_fetched(v, &f);
	if (again)
		return RC_OK;
	v->came = f;
	if (fl->vouch.n && f.result == FETCH_OK && think_begin(v))
		return RC_OK;
	return visit_decide(v, e) ? e->rc : go_on(fl, v, e);
}

static void fleet_clear(struct fleet *fl, unsigned lanes)
{
	for (unsigned i = 0; fl->visits && i < lanes; i++)
		think_end(&fl->visits[i]); /* of those whose reset was broken off */
	fetcher_free(fl->fetcher);
	vouch_clear(&fl->vouch);
	for (unsigned i = 0; fl->visits && i < lanes; i++) {
		json_decref(fl->visits[i].report);
		phone_clear(&fl->visits[i].phone);
	}
	for (unsigned i = 0; fl->reports && i < fl->s->count; i++)
		json_decref(fl->reports[i]);
	free(fl->visits);
	free(fl->reports);
}

static enum rc fleet_run(struct fleet *fl, unsigned lanes, struct err *e)
{
	const struct fetch_options o = {
		.server = fl->s->server,
		.tftp_port = fl->s->tftp_port,
		.http_port = fl->s->http_port,
		.timeout = fl->s->timeout,
		.tries = fl->s->tries,
	};

	fl->visits = calloc(lanes, sizeof *fl->visits);
	fl->reports = calloc(fl->s->count, sizeof(json_t *));
	if (!fl->visits || !fl->reports)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%u phones",
				 fl->s->count);
	if (fetcher_new(&o, lanes, &fl->fetcher, e))
		return e->rc;
	if (!fl->s->json)
		(void)printf("%-15s  %-12s  %-12s  %s\n", "PHONE", "BEFORE",
			     "NOW", "STATUS");
	for (unsigned i = 0; i < lanes; i++)
		if (begin(fl, i, e))
			return e->rc;
	while (fl->done < fl->s->count)
		if (turn(fl, e))
			return e->rc;
	return RC_OK;
}

enum rc phones_reset(const struct settings *s, int *code, struct err *e)
{
	struct fleet fl = {.s = s, .lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned lanes = s->parallel < s->count ? s->parallel : s->count;
	enum rc rc;

	if (!s->server)
		return err_set(e, RC_USAGE, "options", "is missing",
			       "name the TFTP server", "--server");
	if (!s->tftp_port && !s->http_port)
		return err_set(e, RC_USAGE, "options", "both are 0",
			       "give one of them", "--tftp-port, --http-port");
	rc = vouch_read(s, &fl.vouch, e);
	if (rc == RC_OK)
		rc = fleet_run(&fl, lanes, e);
	if (rc == RC_OK) {
		fleet_print_summary(&fl);
		*code = err_exit_code(fl.counts[REJECTED]     ? RC_VERIFY
				      : fl.counts[UNANSWERED] ? RC_ERROR
							      : RC_OK);
	}
	fleet_clear(&fl, lanes);
	return rc;
}
