/* The cluster's public state, for an envelope. */
#include "internal.h"
#include "audit/audit.h"
#include "base/file.h"
#include "base/num.h"
#include <limits.h>
#include <sodium.h>
#include <string.h>

#define CONF_MAX (1u << 20) /* bytes of cluster.conf */
#define TRUST_MAX (1u << 20) /* bytes of the trust file: ITL_MAX_STORE */

void state_clear(struct state *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->owned[i]);
	s->n = 0;
}

/* The content is taken over, on failure too. */
static enum rc add(struct state *s, enum envelope_kind kind, const char *name,
		   uint8_t *content, size_t n, struct err *e)
{
	struct envelope_item *item;

	if (s->n == ENVELOPE_ITEMS_MAX) {
		free(content);
		return err_set(e, RC_REFUSED, "backup",
			       "too many certificates and lists",
			       "remove keys that are long retired", "%s", name);
	}
	s->owned[s->n] = content;
	item = &s->items[s->n++];
	*item = (struct envelope_item){.kind = kind,
				       .content = bytes_of(content, n)};
	(void)snprintf(item->name, sizeof item->name, "%s", name);
	return RC_OK;
}

static enum rc add_conf(const struct recovery *r, struct state *s, struct err *e)
{
	char path[PATH_MAX];
	uint8_t *text;
	size_t n;

	if (file_path(path, sizeof path, r->conf_dir, "cluster.conf", e) != RC_OK ||
	    file_read(path, CONF_MAX, &text, &n, e) != RC_OK)
		return e->rc;
	return add(s, ENVELOPE_CONF, "cluster.conf", text, n, e);
}

/* Whoever changes the log later cannot change this. */
static enum rc add_audit(const struct recovery *r, struct state *s, struct err *e)
{
	struct keyd_status now;
	struct audit_point p;
	char *text;

	if (keyd_status(r->keyd, &now, e) != RC_OK)
		return e->rc;
	p.entry = now.audit_entries;
	memcpy(p.head, now.audit_head, sizeof p.head);
	text = malloc(AUDIT_POINT_MAX);
	if (!text)
		return err_errno(e, RC_ERROR, "malloc", NULL, RECOVERY_AUDIT_HEAD);
	return add(s, ENVELOPE_CONF, RECOVERY_AUDIT_HEAD, (uint8_t *)text,
		   strlen(audit_point_text(&p, text)), e);
}

static enum rc add_cert(struct state *s, const struct keyd_key *k, struct err *e)
{
	char label[LABEL_MAX];
	int n = i2d_X509(k->cert, NULL);
	uint8_t *der = n > 0 ? malloc(num_size(n)) : NULL;
	unsigned char *at = der;

	if (!der)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a certificate");
	(void)i2d_X509(k->cert, &at);
	label_text(&k->label, label);
	return add(s, ENVELOPE_CERT, label, der, num_size(n), e);
}

static enum rc add_certs(const struct recovery *r, struct state *s,
			 struct err *e)
{
	struct keyd_key *keys = NULL;
	enum rc rc = RC_OK;
	size_t n = 0;

	if (keyd_keys(r->keyd, &keys, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = add_cert(s, &keys[i], e);
	keyd_keys_free(keys, n);
	return rc;
}

static enum rc add_list(struct state *s, const char *node, const char *base64,
			struct err *e)
{
	size_t length = strlen(base64), cap = length / 4 * 3 + 3, n;
	uint8_t *list = malloc(cap);

	if (!list)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a list");
	if (sodium_base642bin(list, cap, base64, length, NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0) {
		free(list);
		return err_set(e, RC_ERROR, "backup", "the list is not base64",
			       "are both programs of one version?", "front: %s",
			       node);
	}
	return add(s, ENVELOPE_LIST, node, list, n, e);
}

/* What each node serves; one that serves nothing has no list to keep. */
static enum rc add_lists(const struct recovery *r, struct state *s, struct err *e)
{
	const struct cluster_node *node;

	for (size_t i = 0; (node = cluster_node_at(r->cluster, i)); i++) {
		json_t *request, *answer = NULL;
		const char *bytes;
		enum rc rc;

		if (!node->tftp)
			continue;
		request = json_pack("{s:s, s:s}", "do", "list", "node", node->id);
		rc = front_call(r->front, request, NULL, NULL, &answer, e);
		json_decref(request);
		if (rc == RC_NOTFOUND)
			continue;
		if (rc != RC_OK)
			return rc;
		bytes = json_string_value(json_object_get(answer, "bytes"));
		rc = add_list(s, node->id, bytes ? bytes : "", e);
		json_decref(answer);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* Under a new Audit key nobody believes its signature; its certificates are worth
 * having, for an administrator to look at and add again. */
static enum rc add_trust(const struct recovery *r, struct state *s, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	uint8_t *file;
	size_t n;

	cluster_path(r->cluster, PATH_TRUST_FILE, path);
	if (file_read(path, TRUST_MAX, &file, &n, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	return add(s, ENVELOPE_TRUST, strrchr(path, '/') + 1, file, n, e);
}

enum rc state_gather(const struct recovery *r, struct state *out, struct err *e)
{
	out->n = 0;
	if (add_conf(r, out, e) != RC_OK || add_audit(r, out, e) != RC_OK ||
	    add_certs(r, out, e) != RC_OK || add_trust(r, out, e) != RC_OK ||
	    (r->front && add_lists(r, out, e) != RC_OK))
		return e->rc;
	return RC_OK;
}
