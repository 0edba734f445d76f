/* cluster init, and the administrator password. */
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "base/num.h"
#include <string.h>
#include <unistd.h>

struct init {
	struct ctl *c;
	struct secret *password; /* owned; NULL until something needs it */
	bool password_set;       /* by us, now */
	json_t *generated, *restarted; /* owned: what was done */
};

static void init_clear_at(struct init *in)
{
	secret_free(in->password);
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
		return needed ? ctl_password(c, &in->password, e) : RC_OK;
	if (ctl_new_password(c, c->opt.value[OPT_PASSWORD_FILE], &in->password, e) != RC_OK ||
	    keyd_password_set(c->keyd, NULL, in->password, e) != RC_OK)
		return e->rc;
	in->password_set = true;
	if (!c->json)
		(void)fprintf(c->out, "The administrator password is set.\n");
	return RC_OK;
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
	if (certs_generate(c, in->password, unit, node, false, &cert, e) != RC_OK) {
		if (!c->json)
			(void)fprintf(c->out, "failed\n");
		return e->rc;
	}
	(void)json_array_append_new(in->generated, cert);
	if (!c->json) {
		(void)fprintf(c->out, "done\n");
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

/* A word at the end; again on a second run, that there was nothing to do. */
static enum rc init_done(struct init *in, struct err *e)
{
	size_t keys = json_array_size(in->generated);
	size_t lists = json_array_size(in->restarted);
	struct ctl *c = in->c;

	if (c->json)
		return ctl_result(c, json_pack("{s:b, s:O, s:O}", "password_set",
					       in->password_set, "generated",
					       in->generated, "restarted",
					       in->restarted), e);
	if (!in->password_set && keys == 0 && lists == 0)
		(void)fprintf(c->out, "Nothing to do: the password, all keys and all lists are there.\n");
	else
		(void)fprintf(c->out, "The cluster %s is ready: %zu keys made, %zu lists published.\n",
			      c->cluster->name, keys, lists);
	return RC_OK;
}

enum rc cluster_init(struct ctl *c, struct err *e)
{
	struct init CLEANUP(init_clear) in = {
		.c = c, .generated = json_array(), .restarted = json_array()};
	json_auto_t *plan = NULL;
	json_t *keys, *nodes;

	if (ctl_call(c, json_pack("{s:s}", "do", "init-plan"), NULL, NULL,
		     &plan, e) != RC_OK ||
	    answer_unpack(plan, "init-plan", e, "{s:o, s:o}", "keys", &keys,
			  "nodes", &nodes) != RC_OK ||
	    init_password(&in, count_missing(keys) > 0, e) != RC_OK ||
	    init_keys(&in, keys, e) != RC_OK ||
	    init_lists(&in, nodes, e) != RC_OK)
		return e->rc;
	return init_done(&in, e);
}

enum rc set_password_admin(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *old = NULL;
	struct secret CLEANUP(secret_free) *new_password = NULL;
	/* root may set it anew when it was lost */
	bool lost = geteuid() == 0 && !c->opt.value[OPT_PASSWORD_FILE];

	if ((!lost && ctl_password(c, &old, e) != RC_OK) ||
	    ctl_new_password(c, NULL, &new_password, e) != RC_OK ||
	    keyd_password_set(c->keyd, old, new_password, e) != RC_OK)
		return e->rc;
	(void)fprintf(c->out, "Password updated successfully.\n");
	return RC_OK;
}
