/* cluster init. */
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "itlctl/restore.h"
#include "base/num.h"
#include "base/proc.h"
#include <string.h>

/* keyd makes as many keys at most until one has a length that lets the token wrap
 * it. */
#define TRIES_MAX 60

struct init {
	struct ctl *c;
	struct recover pw; /* owned; each NULL until something needs it */
	bool password_set, security_set; /* by us, now */
	json_t *generated, *restarted;   /* owned: what was done */
	/* with --restore */
	bool restore;
	struct keyfile from;
	struct restored restored;
	json_t *reset; /* owned */
	double since;
};

static void init_clear_at(struct init *in)
{
	recover_clear(&in->pw);
	json_decref(in->generated);
	json_decref(in->restarted);
	json_decref(in->reset);
}

/* keyd has no password yet, or it is needed. */
static enum rc init_password(struct init *in, bool needed, struct err *e)
{
	struct ctl *c = in->c;
	struct keyd_status status;

	if (keyd_status(c->keyd, &status, e) != RC_OK)
		return e->rc;
	if (status.password_set)
		return needed ? ctl_password(c, &in->pw.admin, e) : RC_OK;
	if (ctl_new_password(c, c->opt.value[OPT_PASSWORD_FILE], &in->pw.admin, e) != RC_OK ||
	    keyd_password_set(c->keyd, NULL, in->pw.admin, e) != RC_OK)
		return e->rc;
	in->password_set = true;
	if (!c->json)
		(void)fprintf(c->out, "The administrator password is set.\n");
	return RC_OK;
}

/* Only people are asked; a script that names no file must not wait. */
static bool wants_security(const struct ctl *c)
{
	bool yes = false;
	struct err none;

	if (c->opt.value[OPT_SECURITY_PASSWORD_FILE])
		return true;
	if (c->json || c->opt.value[OPT_YES] || c->opt.value[OPT_PASSWORD_FILE] ||
	    c->opt.value[OPT_NEW_PASSWORD_FILE])
		return false;
	return ask_yes("Would you like to set the cluster security password now [y/n]?",
		       false, &yes, &none) == RC_OK && yes;
}

/* Backups of the recovery key open with it. */
static enum rc init_security(struct init *in, struct err *e)
{
	struct ctl *c = in->c;
	struct keyd_passwords none = {0};
	struct keyd_status status;

	if (keyd_status(c->keyd, &status, e) != RC_OK)
		return e->rc;
	if (status.security)
		return RC_OK;
	if (!wants_security(c)) {
		(void)fprintf(recover_words(c),
			      "The cluster security password is not set; backups of the recovery key need it:\n"
			      "itlctl set password user security\n");
		return RC_OK;
	}
	if ((!in->pw.admin && ctl_password(c, &in->pw.admin, e) != RC_OK) ||
	    ask_new_secret("Enter new cluster security password :",
			   "Reenter new password to confirm :",
			   c->opt.value[OPT_SECURITY_PASSWORD_FILE],
			   "--security-password-file FILE", &in->pw.security, e) != RC_OK)
		return e->rc;
	none.admin = in->pw.admin;
	if (keyd_security_set(c->keyd, &none, in->pw.security, e) != RC_OK)
		return e->rc;
	in->security_set = true;
	if (!c->json)
		(void)fprintf(c->out, "The cluster security password is set.\n");
	return RC_OK;
}

/* How many keys it took, where it was not the first. */
static void print_made(FILE *out, const json_t *cert)
{
	json_int_t tries = answer_int(cert, "tries");

	if (tries > 1)
		(void)fprintf(out, "done (key %lld of at most %d: its length lets this token wrap it)\n",
			      (long long)tries, TRIES_MAX);
	else
		(void)fprintf(out, "done\n");
}

static enum rc init_key(struct init *in, json_t *key, size_t at, size_t of,
			struct err *e)
{
	struct ctl *c = in->c;
	const char *node = json_string_value(json_object_get(key, "node"));
	json_t *cert = NULL;
	enum unit unit;

	if (unit_from_name(answer_text(key, "unit"), &unit, e) != RC_OK)
		return e->rc;
	if (!c->json)
		(void)fprintf(c->out, "[%zu/%zu] %s %s: RSA-%lld ... ", at, of,
			      unit_name(unit),
			      node ? ctl_host(c, node) : c->cluster->name,
			      (long long)answer_int(key, "bits"));
	(void)fflush(c->out);
	if (certs_generate(c, in->pw.admin, unit, node, false, &cert, e) != RC_OK) {
		if (!c->json)
			(void)fprintf(c->out, "failed\n");
		return e->rc;
	}
	(void)json_array_append_new(in->generated, cert);
	if (!c->json) {
		print_made(c->out, cert);
		return RC_OK;
	}
	json_auto_t *event = json_pack("{s:s, s:i, s:i, s:O}", "event", "key",
				       "number", num_int(at), "of", num_int(of),
				       "cert", cert);

	if (event)
		ctl_event_json(c, event);
	return RC_OK;
}

static bool is_missing(const json_t *key)
{
	return !json_is_true(json_object_get(key, "present"));
}

static size_t count_missing(const json_t *keys)
{
	size_t i, n = 0;
	json_t *key;

	json_array_foreach(keys, i, key)
		n += is_missing(key);
	return n;
}

static enum rc init_keys(struct init *in, json_t *keys, struct err *e)
{
	size_t i, at = 0, of = count_missing(keys);
	json_t *key;

	json_array_foreach(keys, i, key)
		if (is_missing(key) && init_key(in, key, ++at, of, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static enum rc init_lists(struct init *in, json_t *nodes, struct err *e)
{
	struct ctl *c = in->c;
	enum rc first = RC_OK;
	json_t *id;
	size_t i;

	json_array_foreach(nodes, i, id) {
		const char *name = json_string_value(id);
		const struct cluster_node *node;
		json_t *result = NULL;
		struct err failed;

		if (cluster_find_node(c->cluster, name ? name : "", &node, e) != RC_OK)
			return e->rc;
		/* One node that is down must not keep the others waiting. */
		if (service_restart(c, node, &result, &failed) != RC_OK) {
			if (first != RC_OK) {
				(void)ctl_error(c->session, false, &failed);
				continue;
			}
			first = failed.rc; /* the caller tells it */
			*e = failed;
			continue;
		}
		(void)json_array_append_new(in->restarted, result);
		if (!c->json)
			(void)fprintf(c->out, "%s serves its first list: SHA-1 %s\n",
				      node->host, answer_text(result, "sha1"));
	}
	return first;
}

/* Phones that hold lists of before accept what the recovery key signed. A node
 * that has no list yet must not keep the others from it. */
static enum rc init_restored(struct init *in, json_t *nodes, struct err *e)
{
	struct ctl *c = in->c;
	bool failed = init_lists(in, nodes, e) != RC_OK;

	if (failed)
		(void)ctl_error(c->session, false, e);
	if (restore_reset(c, &in->pw, &in->reset, e) != RC_OK)
		return e->rc;
	if (failed)
		c->exit = 1;
	return RC_OK;
}

static json_t *done_json(const struct init *in)
{
	json_t *restored = in->restore ? recover_imported_json(&in->restored.key)
				       : json_null();

	return json_pack("{s:b, s:b, s:O, s:O, s:o, s:O?, s:o}", "password_set",
			 in->password_set, "security_set", in->security_set,
			 "generated", in->generated, "restarted", in->restarted,
			 "restored", restored, "reset", in->reset, "seconds",
			 in->restore ? json_real(proc_now() - in->since)
				     : json_null());
}

/* A word at the end; again on a second run, that there was nothing to do. */
static enum rc init_done(struct init *in, struct err *e)
{
	size_t keys = json_array_size(in->generated);
	size_t lists = json_array_size(in->restarted);
	struct ctl *c = in->c;

	if (c->json)
		return ctl_result(c, done_json(in), e);
	if (in->restore)
		(void)fprintf(c->out,
			      "\nThe cluster %s is ready: %zu keys made, %zu lists published.\n"
			      "Phones that hold the recovery key's certificate accept the list when they are reset.\n"
			      "From the backup to lists served: %.1f s\n",
			      c->cluster->name, keys, lists, proc_now() - in->since);
	else if (!in->password_set && !in->security_set && keys == 0 && lists == 0)
		(void)fprintf(c->out, "Nothing to do: the password, all keys and all lists are there.\n");
	else
		(void)fprintf(c->out, "The cluster %s is ready: %zu keys made, %zu lists published.\n",
			      c->cluster->name, keys, lists);
	return RC_OK;
}

static enum rc get_plan(struct ctl *c, json_t **plan, json_t **keys,
			json_t **nodes, struct err *e)
{
	if (ctl_call(c, json_pack("{s:s}", "do", "init-plan"), NULL, NULL,
		     plan, e) != RC_OK)
		return e->rc;
	return answer_unpack(*plan, "init-plan", e, "{s:o, s:o}", "keys", keys,
			     "nodes", nodes);
}

/* The recovery key first: the plan is made with it. */
static enum rc init_restore(struct init *in, struct err *e)
{
	if (init_password(in, true, e) != RC_OK ||
	    ctl_security_password(in->c, &in->pw.security, e) != RC_OK)
		return e->rc;
	in->since = proc_now();
	if (restore_key(in->c, &in->from, &in->pw, &in->restored, e) != RC_OK)
		return e->rc;
	in->security_set = in->restored.security_set;
	return RC_OK;
}

enum rc cluster_init(struct ctl *c, struct err *e)
{
	struct init CLEANUP(init_clear) in = {
		.c = c, .generated = json_array(), .restarted = json_array()};
	const char *target = c->opt.value[OPT_RESTORE];
	json_auto_t *plan = NULL;
	json_t *keys, *nodes;

	in.restore = target != NULL;
	if (in.restore && (keyfile_of_target(target, &in.from, e) != RC_OK ||
			   init_restore(&in, e) != RC_OK))
		return e->rc;
	if (get_plan(c, &plan, &keys, &nodes, e) != RC_OK ||
	    (!in.restore && (init_password(&in, count_missing(keys) > 0, e) != RC_OK ||
			     init_security(&in, e) != RC_OK)) ||
	    init_keys(&in, keys, e) != RC_OK ||
	    (in.restore ? init_restored(&in, nodes, e)
			: init_lists(&in, nodes, e)) != RC_OK)
		return e->rc;
	return init_done(&in, e);
}
