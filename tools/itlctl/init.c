/* cluster init. */
#include "itlctl/adopt.h"
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "itlctl/initnode.h"
#include "itlctl/restore.h"
#include "base/num.h"
#include "base/proc.h"
#include <string.h>

struct init {
	struct ctl *c;
	struct passwords pw; /* owned; each NULL until something needs it */
	bool password_set, security_set; /* by us, now */
	json_t *plan;                  /* owned */
	json_t *keys, *nodes;          /* of the plan */
	json_t *adopted, *generated, *restarted; /* owned: what was done */
};

static void init_clear_at(struct init *in)
{
	passwords_clear(&in->pw);
	json_decref(in->plan);
	json_decref(in->adopted);
	json_decref(in->generated);
	json_decref(in->restarted);
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
		(void)fprintf(ctl_words(c),
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

static enum rc init_key(struct init *in, json_t *key, size_t at, size_t of,
			struct err *e)
{
	struct ctl *c = in->c;
	const char *node = json_string_value(json_object_get(key, "node"));
	char tries[CERTS_TRIES_MAX];
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
	if (certs_generate(c, in->pw.admin, unit, node, 0, &cert, e) != RC_OK) {
		if (!c->json)
			(void)fprintf(c->out, "failed\n");
		return e->rc;
	}
	(void)json_array_append_new(in->generated, cert);
	if (!c->json) {
		(void)fprintf(c->out, "done%s\n", certs_tries(cert, tries));
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

static enum rc init_keys(struct init *in, struct err *e)
{
	size_t i, at = 0, of = count_missing(in->keys);
	json_t *key;

	json_array_foreach(in->keys, i, key)
		if (is_missing(key) && init_key(in, key, ++at, of, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static enum rc init_list(struct init *in, const char *id, struct err *e)
{
	const struct cluster_node *node;
	struct ctl *c = in->c;
	json_t *result = NULL;

	if (cluster_find_node(c->cluster, id ? id : "", &node, e) != RC_OK ||
	    service_restart(c, node, &in->pw.admin, &result, e) != RC_OK)
		return e->rc;
	(void)json_array_append_new(in->restarted, result);
	if (!c->json)
		(void)fprintf(c->out, "%s serves its first list: SHA-1 %s\n",
			      node->host, answer_text(result, "sha1"));
	return RC_OK;
}

/* One node that is down must not keep the others waiting. */
static enum rc init_lists(struct init *in, struct err *e)
{
	struct err first = {0}, failed;
	json_t *id;
	size_t i;

	json_array_foreach(in->nodes, i, id)
		if (init_list(in, json_string_value(id), &failed) != RC_OK)
			ctl_error_among(in->c, &first, &failed);
	return ctl_error_first(&first, e);
}

static enum rc get_plan(struct init *in, struct err *e)
{
	if (ctl_call(in->c, json_pack("{s:s}", "do", "init-plan"), NULL, NULL,
		     &in->plan, e) != RC_OK)
		return e->rc;
	return answer_unpack(in->plan, "init-plan", e, "{s:o, s:o}", "keys",
			     &in->keys, "nodes", &in->nodes);
}

/* restored, reset, seconds: taken over, or NULL without a backup. */
static enum rc done_json(struct init *in, json_t *restored, json_t *reset,
			 json_t *seconds, struct err *e)
{
	return ctl_result(in->c,
			  json_pack("{s:b, s:b, s:O, s:O, s:O, s:o?, s:o?, s:o?}",
				    "password_set", in->password_set,
				    "security_set", in->security_set, "adopted",
				    in->adopted, "generated", in->generated, "restarted",
				    in->restarted, "restored", restored, "reset",
				    reset, "seconds", seconds), e);
}

static void print_ready(const struct init *in)
{
	(void)fprintf(in->c->out,
		      "The cluster %s is ready: %zu keys made, %zu lists published.\n",
		      in->c->cluster->name, json_array_size(in->generated),
		      json_array_size(in->restarted));
}

/* ---- a cluster that is new, or lacks something ---- */

/* A word at the end; again on a second run, that there was nothing to do. */
static enum rc done_anew(struct init *in, struct err *e)
{
	if (in->c->json)
		return done_json(in, NULL, NULL, NULL, e);
	if (!in->password_set && !in->security_set &&
	    json_array_size(in->generated) == 0 &&
	    json_array_size(in->restarted) == 0)
		(void)fprintf(in->c->out, "Nothing to do: the password, all keys and all lists are there.\n");
	else
		print_ready(in);
	return RC_OK;
}

/* Phones hold what their servers serve; new keys alone would lock them. */
static enum rc check_foreign(const struct init *in, struct err *e)
{
	json_t *hosts = json_object_get(in->plan, "foreign");

	if (json_array_size(hosts) == 0 || in->c->opt.value[OPT_FORCE])
		return RC_OK;
	return err_set(e, RC_REFUSED, "cluster init",
		       "it serves a list that no key of this token signed: phones that hold it would refuse every list of new keys",
		       "bring its recovery key back: itlctl cluster init --restore VAULT; use --force if no phone holds that list",
		       "%s", json_string_value(json_array_get(hosts, 0)));
}

static enum rc init_anew(struct init *in, struct err *e)
{
	if (get_plan(in, e) != RC_OK || check_foreign(in, e) != RC_OK ||
	    init_password(in, count_missing(in->keys) > 0, e) != RC_OK ||
	    init_security(in, e) != RC_OK || init_keys(in, e) != RC_OK ||
	    init_lists(in, e) != RC_OK)
		return e->rc;
	return done_anew(in, e);
}

/* ---- one that is rebuilt from a backup ---- */

/* Phones that hold lists of before accept what the recovery key signed. A node
 * that has no list yet must not keep the others from it. */
static enum rc restore_lists(struct init *in, json_t **reset, struct err *e)
{
	struct err first = {0}, failed;

	if (init_lists(in, &failed) != RC_OK)
		ctl_error_among(in->c, &first, &failed);
	if (restore_reset(in->c, &in->pw, reset, &failed) != RC_OK)
		ctl_error_among(in->c, &first, &failed);
	return ctl_error_first(&first, e);
}

static enum rc done_restored(struct init *in, const struct restored *r,
			     json_t *reset, double seconds, struct err *e)
{
	struct ctl *c = in->c;
	json_t *key;

	if (c->json) {
		key = recover_imported_json(&r->key);
		if (key)
			(void)json_object_set_new(key, "trust", json_boolean(r->trust));
		return done_json(in, key, json_incref(reset), json_real(seconds), e);
	}
	(void)fprintf(c->out, "\n");
	print_ready(in);
	(void)fprintf(c->out,
		      "Phones that hold the recovery key's certificate accept the list when they are reset.\n"
		      "From the backup to lists served: %.1f s\n", seconds);
	if (r->trust) /* the new Audit key has not signed it */
		(void)fprintf(c->out,
			      "The backup has a trust store, whose certificates TVS vouches for again once they are added:\n"
			      "itlvault --state DIR restore VAULT, then itlctl trust add DIR/TrustFile.tlv\n");
	return RC_OK;
}

/* The recovery key first: the plan is made with it. */
static enum rc init_restored(struct init *in, struct keyfile *from, struct err *e)
{
	json_auto_t *reset = NULL;
	struct restored restored = {0};
	double since;

	if (init_password(in, true, e) != RC_OK ||
	    ctl_security_password(in->c, &in->pw.security, e) != RC_OK)
		return e->rc;
	since = proc_now();
	if (restore_key(in->c, from, &in->pw, &restored, e) != RC_OK)
		return e->rc;
	in->security_set = restored.security_set;
	if (get_plan(in, e) != RC_OK || init_keys(in, e) != RC_OK ||
	    restore_lists(in, &reset, e) != RC_OK)
		return e->rc;
	return done_restored(in, &restored, reset, proc_now() - since, e);
}

/* ---- one that runs with keys in files ---- */

/* Its keys first: the plan makes what they leave, and knows its lists. */
static enum rc init_imported(struct init *in, const char *dir, struct err *e)
{
	struct ctl *c = in->c;

	if (init_password(in, true, e) != RC_OK ||
	    adopt_keys(c, dir, &in->pw, in->adopted, e) != RC_OK ||
	    get_plan(in, e) != RC_OK || check_foreign(in, e) != RC_OK ||
	    init_security(in, e) != RC_OK || init_keys(in, e) != RC_OK ||
	    init_lists(in, e) != RC_OK)
		return e->rc;
	if (c->json)
		return done_json(in, NULL, NULL, NULL, e);
	print_ready(in);
	adopt_tell_end(c, in->adopted);
	return RC_OK;
}

/* ---- one node of a cluster that runs ---- */

enum rc init_node_password(struct ctl *c, const struct cluster_node *n,
			   struct secret **out, struct err *e)
{
	const struct keyd_intent intent = keyd_intent_generate(UNIT_TVS, n->id);
	struct secret CLEANUP(secret_free) *password = NULL;
	bool callmanager = !n->tftp, tvs = !n->tvs; /* present, or not needed */
	struct keyd_key *keys = NULL;
	char ticket[TICKET_HEX];
	size_t nkeys = 0;

	if (keyd_keys(c->keyd, &keys, &nkeys, e) != RC_OK)
		return e->rc;
	callmanager |= keyd_key_current(keys, nkeys, UNIT_CALLMANAGER, n->id) != NULL;
	tvs |= keyd_key_current(keys, nkeys, UNIT_TVS, n->id) != NULL;
	keyd_keys_free(keys, nkeys);
	if (callmanager && tvs)
		return RC_OK;
	/* A ticket that is never used says whether it is the password. */
	if (ctl_password(c, &password, e) != RC_OK ||
	    ctl_ticket(c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	*out = password;
	password = NULL;
	return RC_OK;
}

/* Of an array of texts, or of objects with a member `node`, only the node's. */
static void keep_node(json_t *array, const char *name)
{
	for (size_t i = json_array_size(array); i-- > 0;) {
		json_t *at = json_array_get(array, i);
		const char *is = json_string_value(
			json_is_object(at) ? json_object_get(at, "node") : at);

		if (!is || strcmp(is, name) != 0)
			(void)json_array_remove(array, i);
	}
}

enum rc init_node(struct ctl *c, const char *id, struct secret **password,
		  json_t *generated, json_t *restarted, struct err *e)
{
	struct init CLEANUP(init_clear) in = {
		.c = c, .pw.admin = *password, .generated = json_incref(generated),
		.restarted = json_incref(restarted)};

	*password = NULL;
	if (get_plan(&in, e) != RC_OK)
		return e->rc;
	keep_node(in.keys, id);
	keep_node(in.nodes, id);
	keep_node(json_object_get(in.plan, "foreign"), ctl_host(c, id));
	if (check_foreign(&in, e) != RC_OK ||
	    (count_missing(in.keys) && !in.pw.admin &&
	     ctl_password(c, &in.pw.admin, e) != RC_OK) ||
	    init_keys(&in, e) != RC_OK)
		return e->rc;
	return init_lists(&in, e);
}

enum rc cluster_init(struct ctl *c, struct err *e)
{
	struct init CLEANUP(init_clear) in = {.c = c,
					      .adopted = json_array(),
					      .generated = json_array(),
					      .restarted = json_array()};
	const char *backup = c->opt.value[OPT_RESTORE];
	const char *files = c->opt.value[OPT_IMPORT];
	struct keyfile from;

	if (files && backup)
		return err_set(e, RC_USAGE, "cluster init",
			       "--import and --restore do not go together",
			       "the folder may hold ITLRecovery.p12 too", "the command line");
	if (files)
		return init_imported(&in, files, e);
	if (!backup)
		return init_anew(&in, e);
	if (ctl_open(c, NEED_VAULTS, e) != RC_OK ||
	    keyfile_of_vault(c->vaults, backup, &from, e) != RC_OK)
		return e->rc;
	return init_restored(&in, &from, e);
}
