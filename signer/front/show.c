#include "show.h"
#include "base/errjson.h"
#include "base/num.h"
#include "ctl_diff.h"
#include "holds.h"
#include "lists.h"
#include "loop.h"
#include "sign_again.h"
#include "tvs_answers.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

json_t *show_base64(const uint8_t *p, size_t n)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	size_t cap = sodium_base64_encoded_len(n, variant);
	char CLEANUP_FREE *text = malloc(cap);

	if (!text)
		return json_null();
	return json_string(sodium_bin2base64(text, cap, p, n, variant));
}

/* ---- certificates ---- */

static json_t *show_name(const X509_NAME *name)
{
	char text[ITL_MAX_NAME];
	struct err ignored;
	size_t n = 0;

	if (itl_name(name, text, &n, &ignored) != RC_OK)
		return json_null();
	return json_words(text);
}

static json_t *show_serial(X509 *cert)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	char hex[2 * 32 + 1];

	return json_string(hex_of(bytes_of(ASN1_STRING_get0_data(serial),
					   num_size(ASN1_STRING_length(serial))),
				  hex, sizeof hex));
}

int64_t show_time(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static json_t *show_digest(X509 *cert, const EVP_MD *md)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned n = 0;

	if (!X509_digest(cert, md, digest, &n))
		return json_null();
	return json_string(hex_of(bytes_of(digest, n), hex, sizeof hex));
}

static json_t *show_pem(X509 *cert)
{
	BIO *b = BIO_new(BIO_s_mem());
	json_t *j = NULL;
	char *text;
	long n;

	if (b && PEM_write_bio_X509(b, cert) &&
	    (n = BIO_get_mem_data(b, &text)) > 0)
		j = json_stringn(text, num_size(n));
	BIO_free(b);
	return j ? j : json_null();
}

json_t *show_certificate(const X509 *cert)
{
	X509 *c = (X509 *)(uintptr_t)cert; /* libcrypto keeps what it computed */

	return json_pack("{s:i, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "bits",
			 EVP_PKEY_get_bits(X509_get0_pubkey(c)), "subject",
			 show_name(X509_get_subject_name(c)), "issuer",
			 show_name(X509_get_issuer_name(c)), "serial", show_serial(c),
			 "not_before", (json_int_t)show_time(X509_get0_notBefore(c)),
			 "not_after", (json_int_t)show_time(X509_get0_notAfter(c)), "sha1",
			 show_digest(c, EVP_sha1()), "sha256",
			 show_digest(c, EVP_sha256()), "pem", show_pem(c));
}

json_t *show_key(const struct keyd_key *k)
{
	char id[2 * sizeof k->id + 1], label[LABEL_MAX];
	const char *node =
		unit_is_of_node(k->label.unit) ? k->label.node : NULL;
	json_t *cert = show_certificate(k->cert), *j;

	label_text(&k->label, label);
	j = json_pack("{s:s, s:s, s:s?, s:i, s:b, s:s}", "label", label, "unit",
		      unit_name(k->label.unit), "node", node, "generation",
		      (int)k->label.generation, "current", k->current, "id",
		      hex_of(bytes_of(k->id, sizeof k->id), id, sizeof id));
	if (j && cert)
		(void)json_object_update(j, cert);
	json_decref(cert);
	return j;
}

enum rc show_certs(struct call *c, json_t **result, struct err *e)
{
	struct keyd_key *keys = NULL;
	struct err away = {0}, ignored;
	json_t *certs;
	size_t n = 0;

	if (call_members(c, e, "{}") != RC_OK)
		return e->rc;
	/* Without the token, what it said last; and that it is so. */
	if (service_keys(c->service, &keys, &n, &away) != RC_OK &&
	    (store_keys(c->service->store, &keys, &n, &ignored) != RC_OK ||
	     n == 0)) {
		*e = away;
		return e->rc;
	}
	certs = json_array();
	for (size_t i = 0; i < n; i++) {
		keys[i].current &= label_in_use(&keys[i].label, c->service->cluster);
		(void)json_array_append_new(certs, show_key(&keys[i]));
	}
	keyd_keys_free(keys, n);
	*result = json_pack("{s:o, s:o}", "certs", certs, "error", err_json(&away));
	return RC_OK;
}

/* ---- status ---- */

static json_t *show_stored(struct store *s, const char *sha1)
{
	struct list CLEANUP(list_clear) l = {0};
	struct err ignored;

	if (!sha1[0] || store_list(s, sha1, &l, &ignored) != RC_OK)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I}", "sha1", l.sha1, "kind",
			 list_kind_name(l.kind), "signer", l.signer, "made",
			 (json_int_t)l.made);
}

static json_t *show_served(struct store *s, const struct served *f)
{
	return json_pack("{s:o, s:o, s:I}", "want", show_stored(s, f->want),
			 "have", show_stored(s, f->have), "have_since",
			 (json_int_t)f->since);
}

static json_t *show_ctl(struct service *s, const struct served *f)
{
	json_t *j = show_served(s->store, f);

	(void)json_object_set_new(j, "old", ctl_diff_show(s, f->have));
	return j;
}

/* Was the node asked what it serves since front began? Until then what state says of
 * it is from before. */
static bool was_asked(struct service *s, const struct cluster_node *n)
{
	struct loop *l = loop_of(s, n);
	bool asked;

	if (!l)
		return false;
	pthread_mutex_lock(&s->lock);
	asked = l->answered != 0;
	pthread_mutex_unlock(&s->lock);
	return asked;
}

static json_t *show_files(struct store *s, const struct cluster_node *n)
{
	struct signed_files f;
	struct err ignored;

	return store_signed(s, n->id, &f, &ignored) == RC_OK ? sign_again_show(&f) : json_null();
}

static json_t *show_node(struct service *s, const struct cluster_node *n,
			 const struct target *t)
{
	return json_pack("{s:b, s:s, s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:I}",
			 "asked", was_asked(s, n), "id", n->id, "host", n->host,
			 "address", n->address, "publisher", n == cluster_publisher(s->cluster), "tftp",
			 n->tftp, "tvs", n->tvs, "tvs_answers", tvs_answers_show(s, n), "want",
			 show_stored(s->store, t->itl.want), "have",
			 show_stored(s->store, t->itl.have), "have_since",
			 (json_int_t)t->itl.since, "ctl",
			 show_ctl(s, &t->ctl), "files", show_files(s->store, n), "error",
			 err_json(&t->error), "next_try", (json_int_t)t->next_try);
}

static json_t *show_keyd(struct service *s)
{
	struct keyd_status st;
	struct err e;

	if (service_keyd_status(s, &st, &e) != RC_OK)
		return json_pack("{s:o}", "error", err_json(&e));
	return json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:b, s:I, s:I, s:s}",
			 "token", json_words(st.token), "manufacturer",
			 json_words(st.manufacturer), "model", json_words(st.model),
			 "serial", json_words(st.serial), "sessions",
			 (int)st.sessions, "keys", (int)st.keys, "password_set",
			 st.password_set, "audit_entries",
			 (json_int_t)st.audit_entries, "started",
			 (json_int_t)st.started, "config", st.config);
}

static json_t *show_op(struct service *s)
{
	struct err ignored;
	struct op o;

	if (store_op_running(s->store, &o, &ignored) != RC_OK)
		return json_null();
	return json_pack("{s:I, s:s, s:s, s:I}", "id", (json_int_t)o.id, "kind",
			 o.kind, "who", o.who, "started", (json_int_t)o.started);
}

/* The last operation that ended. */
static json_t *show_last(struct service *s)
{
	struct op_ended o;
	struct err ignored;

	if (store_op_last(s->store, &o, &ignored) != RC_OK)
		return json_null();
	return json_pack("{s:I, s:s, s:s, s:I, s:I, s:b, s:o}", "id",
			 (json_int_t)o.op.id, "kind", o.op.kind, "who", o.op.who,
			 "started", (json_int_t)o.op.started, "ended",
			 (json_int_t)o.ended, "well", o.well, "note",
			 json_words(o.note));
}

enum rc show_status(struct call *c, json_t **result, struct err *e)
{
	struct service *s = c->service;
	const struct cluster_node *n;
	json_t *nodes, *holds;
	struct target t;

	if (call_members(c, e, "{}") != RC_OK || holds_show(s, &holds, e) != RC_OK)
		return e->rc;
	nodes = json_array();
	for (size_t i = 0; (n = cluster_node_at(s->cluster, i)); i++) {
		if (store_target(s->store, n->id, &t, e) != RC_OK) {
			json_decref(holds);
			json_decref(nodes);
			return e->rc;
		}
		(void)json_array_append_new(nodes, show_node(s, n, &t));
	}
	*result = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "cluster",
			    s->cluster->name, "config", s->cluster->sha256, "policy",
			    s->cluster->policy == POLICY_CALLMANAGER
				    ? "callmanager"
				    : "itlrecovery",
			    "publisher", s->cluster->publisher, "op", show_op(s),
			    "last", show_last(s), "keyd", show_keyd(s), "nodes", nodes, "holds", holds);
	return RC_OK;
}

/* ---- the others ---- */

static const char *const none_hints[FILE_COUNT] = {
	[FILE_ITL] = "see `show status`; `utils service restart Cisco Tftp` builds its list",
	[FILE_CTL] = "see `show status`; `utils ctl update CTLFile` makes one for all nodes",
};

static enum rc read_file(const char *name, enum served_file *out, struct err *e)
{
	for (enum served_file f = 0; f < FILE_COUNT; f++)
		if (!strcmp(served_file_name(f), name)) {
			*out = f;
			return RC_OK;
		}
	return err_set(e, RC_USAGE, "request", "is no file that nodes serve",
		       "use \"itl\" or \"ctl\"", "file = \"%.40s\"", name);
}

enum rc show_list(struct call *c, json_t **result, struct err *e)
{
	struct list CLEANUP(list_clear) l = {0};
	const char *name = served_file_name(FILE_ITL);
	enum served_file file = FILE_ITL;
	const struct served *served;
	struct target t;

	if (call_members(c, e, "{s?s}", "file", &name) != RC_OK ||
	    read_file(name, &file, e) != RC_OK ||
	    store_target(c->service->store, c->node->id, &t, e) != RC_OK)
		return e->rc;
	served = target_served(&t, file);
	if (!served->have[0])
		return err_set(e, RC_NOTFOUND, "list", "it serves no such list",
			       none_hints[file], "%s: %s", c->node->host,
			       list_file_name(file));
	if (store_list(c->service->store, served->have, &l, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:s, s:s, s:s, s:I, s:o}", "node", c->node->id,
			    "sha1", l.sha1, "kind", list_kind_name(l.kind),
			    "since", (json_int_t)served->since, "bytes",
			    show_base64(l.bytes, l.n));
	return RC_OK;
}

/* A node's CallManager signs as its TFTP server. */
static bool runs(const struct cluster_node *node, enum unit u)
{
	return u == UNIT_TVS ? node->tvs : node->tftp;
}

static void plan_key(json_t *plan, const struct cluster *c, enum unit u,
		     const struct cluster_node *node,
		     const struct keyd_key *keys, size_t n)
{
	(void)json_array_append_new(
		plan, json_pack("{s:s, s:s?, s:i, s:b}", "unit", unit_name(u),
				"node", node ? node->id : NULL, "bits",
				(int)cluster_key_bits(c, u, node), "present",
				keyd_key_current(keys, n, u,
						 node ? node->id : NULL) != NULL));
}

static json_t *plan_keys(const struct cluster *c, const struct keyd_key *keys,
			 size_t n)
{
	const struct cluster_node *node;
	json_t *plan = json_array();

	for (enum unit u = 0; u < UNIT_COUNT; u++) {
		if (!unit_is_of_node(u))
			plan_key(plan, c, u, NULL, keys, n);
		for (size_t i = 0; unit_is_of_node(u) &&
				   (node = cluster_node_at(c, i)); i++)
			if (runs(node, u))
				plan_key(plan, c, u, node, keys, n);
	}
	return plan;
}

/* A list that phones may hold, and no key of the token signed. Judged anew: the key
 * may have come into the token since it was seen. */
static bool serves_foreign(struct service *s, const struct cluster_node *n,
			   const struct target *t)
{
	struct list CLEANUP(list_clear) l = {0};
	struct err ignored;

	return t->itl.have[0] &&
	       store_list(s->store, t->itl.have, &l, &ignored) == RC_OK &&
	       l.kind == LIST_OTHER &&
	       (list_identify(s, n, FILE_ITL, &l, &ignored) != RC_OK || l.kind == LIST_OTHER);
}

/* Right after the start nobody knows yet what the nodes serve: a list of before must
 * not be overwritten unseen. Each loop begins with a look. */
static void wait_for_looks(struct service *s)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nloops; i++)
		while (s->loops[i].answered == 0 && !s->stopping)
			service_wait(s, 0);
	pthread_mutex_unlock(&s->lock);
}

enum rc show_init_plan(struct call *c, json_t **result, struct err *e)
{
	struct service *s = c->service;
	struct keyd_key *keys = NULL;
	json_t *nodes, *plan, *foreign;
	struct target t;
	size_t n = 0;

	if (call_members(c, e, "{}") != RC_OK || service_keys(s, &keys, &n, e) != RC_OK)
		return e->rc;
	wait_for_looks(s);
	plan = plan_keys(s->cluster, keys, n);
	keyd_keys_free(keys, n);
	nodes = json_array();
	foreign = json_array();
	for (size_t i = 0; i < s->nloops; i++) {
		const struct cluster_node *node = s->loops[i].node;

		if (store_target(s->store, node->id, &t, e) != RC_OK)
			continue;
		if (!t.itl.want[0] || strcmp(t.itl.want, t.itl.have) != 0)
			(void)json_array_append_new(nodes, json_string(node->id));
		if (serves_foreign(s, node, &t))
			(void)json_array_append_new(foreign,
						    json_string(node->host));
	}
	*result = json_pack("{s:o, s:o, s:o}", "keys", plan, "nodes", nodes,
			    "foreign", foreign);
	return RC_OK;
}
