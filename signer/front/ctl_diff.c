#include "ctl_diff.h"
#include "base/num.h"
#include "base/text.h"
#include "itl/itl.h"
#include "refs.h"
#include <string.h>

struct ctl_diff {
	bool ours;     /* this cluster made the CTL */
	json_t *adds;  /* ["CallManager/n1/2 as SAST", ...]; owned */
	json_t *drops; /* the same; of a certificate that the token does not know, its
			* subject */
};

static void ctl_diff_clear_at(struct ctl_diff *n)
{
	json_decref(n->adds);
	json_decref(n->drops);
}

/* One record, as it is or shall be. */
struct entry {
	unsigned role;
	uint8_t sha1[SHA1_LEN];
	char name[LABEL_MAX + ITL_MAX_NAME];
	bool met; /* the other side has it too */
};

struct entries {
	size_t n;
	struct entry of[CLUSTER_MAX_NODES + 4];
};

static struct entry *add(struct entries *to, unsigned role)
{
	struct entry *e = &to->of[to->n];

	if (to->n == sizeof to->of / sizeof *to->of)
		return NULL;
	to->n++;
	e->role = role;
	return e;
}

/* ---- what shall be ---- */

struct token {
	struct keyd_key *keys;
	size_t n;
};

static void token_clear_at(struct token *t)
{
	keyd_keys_free(t->keys, t->n);
}

static void want(struct entries *to, unsigned role, const struct token *t, enum unit unit,
		 const char *node)
{
	const struct keyd_key *k = keyd_key_current(t->keys, t->n, unit, node);
	struct entry *e = k ? add(to, role) : NULL;

	if (!e)
		return;
	ref_of_cert(k->cert, e->sha1);
	label_text(&k->label, e->name);
}

/* As keyd makes it. */
static void want_all(const struct cluster *c, const struct token *t, struct entries *to)
{
	const struct cluster_node *n;

	want(to, ITL_SAST, t, UNIT_CALLMANAGER, c->publisher);
	for (size_t i = 0; (n = cluster_node_at(c, i)); i++)
		if (n->tftp)
			want(to, ITL_CCM_TFTP, t, UNIT_CALLMANAGER, n->id);
	want(to, ITL_CAPF, t, UNIT_CAPF, NULL);
	want(to, ITL_SAST, t, UNIT_ITLRECOVERY, NULL);
}

/* ---- what is ---- */

static void name_it(const struct token *t, const struct itl_record *r, struct entry *e)
{
	for (size_t i = 0; i < t->n; i++) {
		uint8_t sha1[SHA1_LEN];

		ref_of_cert(t->keys[i].cert, sha1);
		if (!memcmp(sha1, e->sha1, sizeof sha1)) {
			label_text(&t->keys[i].label, e->name);
			return;
		}
	}
	(void)snprintf(e->name, sizeof e->name, "%.*s", num_int(r->subject.n),
		       (const char *)r->subject.p);
	(void)text_flatten(e->name);
}

static void read_all(const struct token *t, const struct itl *l, struct entries *to)
{
	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];
		struct entry *e = r->cert.n && r->has_role ? add(to, r->role) : NULL;

		if (!e)
			continue;
		itl_sha1(r->cert, e->sha1);
		name_it(t, r, e);
	}
}

static enum rc read_ctl(struct service *s, const char *sha1, const struct token *t,
			struct entries *to, bool *ours, struct err *e)
{
	struct list CLEANUP(list_clear) bytes = {0};
	struct itl CLEANUP(itl_free) *l = NULL;

	if (!sha1[0])
		return RC_OK;
	if (store_list(s->store, sha1, &bytes, e) != RC_OK ||
	    itl_parse(bytes_of(bytes.bytes, bytes.n), ITL_LENIENT, &l, e) != RC_OK)
		return e->rc;
	*ours = bytes.kind == LIST_CTL;
	read_all(t, l, to);
	return RC_OK;
}

/* ---- the difference ---- */

static void meet(struct entries *a, struct entries *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (a->of[i].role == b->of[k].role &&
			    !memcmp(a->of[i].sha1, b->of[k].sha1, SHA1_LEN))
				a->of[i].met = b->of[k].met = true;
}

static const char *role_name(unsigned role)
{
	const char *name = role == ITL_SAST ? "SAST" : itl_role_name(role);

	return name ? name : "a role unknown here";
}

static json_t *left(const struct entries *of)
{
	json_t *names = json_array();

	for (size_t i = 0; i < of->n; i++)
		if (!of->of[i].met)
			(void)json_array_append_new(
				names, json_sprintf("%s as %s", of->of[i].name,
						    role_name(of->of[i].role)));
	return names;
}

struct sides {
	struct entries is, shall;
};
CLEANUP_DEFINE(struct sides *, free);

/* sha1: a CTL that state has; "": all would be new. By what the token said last. */
static enum rc diff_of(struct service *s, const char *sha1, struct ctl_diff *out,
		       struct err *e)
{
	struct sides CLEANUP(free) *x = calloc(1, sizeof *x);
	struct token t CLEANUP(token_clear) = {0};
	bool ours = false;

	if (!x)
		return err_errno(e, RC_ERROR, "calloc", NULL, "CTL");
	if (store_keys(s->store, &t.keys, &t.n, e) != RC_OK ||
	    read_ctl(s, sha1, &t, &x->is, &ours, e) != RC_OK)
		return e->rc;
	want_all(s->cluster, &t, &x->shall);
	meet(&x->is, &x->shall);
	*out = (struct ctl_diff){ours, left(&x->shall), left(&x->is)};
	return RC_OK;
}

static bool is_old(const struct ctl_diff *n)
{
	return n->ours && json_array_size(n->adds) + json_array_size(n->drops) > 0;
}

json_t *ctl_diff_show(struct service *s, const char *sha1)
{
	struct ctl_diff n CLEANUP(ctl_diff_clear) = {0};
	struct err ignored;

	if (!sha1[0] || diff_of(s, sha1, &n, &ignored) != RC_OK || !is_old(&n))
		return json_null();
	return json_pack("{s:O, s:O}", "adds", n.adds, "drops", n.drops);
}

static size_t say(const char *what, json_t *names, char *to, size_t cap)
{
	json_t *name;
	size_t i, n = 0;

	json_array_foreach(names, i, name)
		if (n < cap)
			n += (size_t)snprintf(to + n, cap - n, "%s%s", i ? ", " : what,
					      json_string_value(name));
	return n < cap ? n : cap;
}

bool ctl_outdated(struct service *s, const struct cluster_node **node,
		  char text[CTL_OUTDATED_TEXT])
{
	const size_t cap = CTL_OUTDATED_TEXT;
	struct target t;
	struct err ignored;

	for (size_t i = 0; (*node = cluster_node_at(s->cluster, i)); i++) {
		struct ctl_diff n CLEANUP(ctl_diff_clear) = {0};
		size_t len;

		if (!(*node)->tftp ||
		    store_target(s->store, (*node)->id, &t, &ignored) != RC_OK ||
		    !t.ctl.have[0] || diff_of(s, t.ctl.have, &n, &ignored) != RC_OK ||
		    !is_old(&n))
			continue;
		len = say("it lacks ", n.adds, text, cap);
		(void)say(len ? "; it names " : "it names ", n.drops, text + len, cap - len);
		return true;
	}
	return false;
}

enum rc op_ctl_plan(struct call *c, json_t **result, struct err *e)
{
	struct ctl_diff n CLEANUP(ctl_diff_clear) = {0};
	struct service *s = c->service;
	struct keyd_key *keys = NULL;
	struct target t;
	size_t nkeys = 0;

	/* The state's keys are those of now, then. */
	if (call_members(c, e, "{}") != RC_OK ||
	    service_keys(s, &keys, &nkeys, e) != RC_OK)
		return e->rc;
	keyd_keys_free(keys, nkeys);
	if (store_target(s->store, c->node->id, &t, e) != RC_OK ||
	    diff_of(s, t.ctl.have, &n, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:s?, s:O, s:O}", "sha1", t.ctl.have[0] ? t.ctl.have : NULL,
			    "adds", n.adds, "drops", n.drops);
	return RC_OK;
}
