#include "lists.h"
#include <string.h>

/* The key that the list names as its signer, or NULL. */
static const struct keyd_key *key_that_signed(const struct keyd_key *keys,
					      size_t n, const struct itl *l)
{
	struct err ignored;

	/* Issuer and serial alone are anybody's to write. */
	for (size_t i = 0; i < n; i++)
		if (itl_verify(l, keys[i].cert, &ignored) == RC_OK)
			return &keys[i];
	return NULL;
}

const char *list_file_name(enum served_file f)
{
	return f == FILE_CTL ? CTL_FILE : ITL_FILE;
}

/* Parsed and verified, or what is wrong with it. */
static enum rc open_list(const struct list *l, enum served_file file,
			 struct itl **out, struct err *e)
{
	struct itl CLEANUP(itl_free) *itl = NULL;

	if (itl_parse(bytes_of(l->bytes, l->n), 0, &itl, e) != RC_OK ||
	    itl_verify_self(itl, e) != RC_OK)
		return e->rc;
	if (file == FILE_CTL ? !itl_is_ctl(itl) : !itl_is_itl(itl))
		return err_set(e, RC_VERIFY, "list",
			       file == FILE_CTL ? "is no CTL" : "is no ITL", NULL,
			       "%s", "tag 14, FILENAME");
	*out = itl;
	itl = NULL;
	return RC_OK;
}

/* Under each policy one of the two keys signs every day, the other resets. */
enum unit list_signer(const struct cluster *c, enum list_kind kind)
{
	return (kind != LIST_RESET) == (c->policy == POLICY_CALLMANAGER)
		       ? UNIT_CALLMANAGER
		       : UNIT_ITLRECOVERY;
}

static enum list_kind kind_of(const struct cluster *c, enum served_file file,
			      enum unit signer)
{
	if (signer != UNIT_CALLMANAGER && signer != UNIT_ITLRECOVERY)
		return LIST_OTHER;
	if (file == FILE_CTL)
		return LIST_CTL;
	return signer == list_signer(c, LIST_ITL) ? LIST_ITL : LIST_RESET;
}

/* *unit: whose key signed it; UNIT_COUNT: none of this token's. */
static enum rc judge(struct service *s, const struct itl *itl, struct list *l,
		     enum unit *unit, struct err *e)
{
	const struct keyd_key *k;
	struct keyd_key *keys = NULL;
	size_t n = 0;

	if (service_keys(s, &keys, &n, e) != RC_OK)
		return e->rc;
	k = key_that_signed(keys, n, itl);
	*unit = k ? k->label.unit : UNIT_COUNT;
	if (k)
		label_text(&k->label, l->signer);
	keyd_keys_free(keys, n);
	return RC_OK;
}

enum rc list_identify(struct service *s, const struct cluster_node *n,
		      enum served_file file, struct list *l, struct err *e)
{
	struct itl CLEANUP(itl_free) *itl = NULL;
	struct list CLEANUP(list_clear) known = {0};
	struct target t;
	enum unit signer = UNIT_COUNT;
	struct err why;

	itl_sha1_hex(bytes_of(l->bytes, l->n), l->sha1);
	(void)snprintf(l->node, sizeof l->node, "%s",
		       file == FILE_CTL ? s->cluster->publisher : n->id);
	l->kind = LIST_OTHER;
	if (store_target(s->store, n->id, &t, e) != RC_OK)
		return e->rc;
	if (store_list(s->store, l->sha1, &known, &why) == RC_OK &&
	    known.kind != LIST_OTHER) {
		if (list_kind_file(known.kind) == file)
			l->kind = known.kind;
		l->made = known.made;
		(void)snprintf(l->node, sizeof l->node, "%s", known.node);
		(void)snprintf(l->signer, sizeof l->signer, "%s", known.signer);
		return RC_OK;
	}
	if (open_list(l, file, &itl, &why) != RC_OK)
		return RC_OK; /* served, but nothing that a phone would take */
	l->made = itl->timestamp;
	/* Who wants another list anyway need not know whose this one is. */
	if (judge(s, itl, l, &signer, e) == RC_OK)
		l->kind = kind_of(s->cluster, file, signer);
	else if (!target_served(&t, file)->want[0])
		return e->rc;
	return RC_OK;
}

enum rc list_signed(struct service *s, const struct cluster_node *n,
		    enum list_kind kind, enum unit signer, uint8_t *bytes,
		    size_t len, struct list *out, struct err *e)
{
	struct itl CLEANUP(itl_free) *itl = NULL;
	struct list CLEANUP(list_clear) l = {
		.kind = kind, .bytes = bytes, .n = len};
	enum unit signed_by = UNIT_COUNT;

	itl_sha1_hex(bytes_of(bytes, len), l.sha1);
	(void)snprintf(l.node, sizeof l.node, "%s", n->id);
	if (open_list(&l, list_kind_file(kind), &itl, e) != RC_OK)
		return err_hint(e, "nothing was changed; keyd must be repaired: see its log");
	l.made = itl->timestamp;
	if (judge(s, itl, &l, &signed_by, e) != RC_OK)
		return e->rc;
	if (signed_by != signer)
		return err_set(e, RC_VERIFY, "list", "another key signed it",
			       "front and keyd take a changed cluster.conf up in a moment: give the command again; their logs say what is wrong with the file",
			       "%s: %s, signed by %s", n->host,
			       list_kind_name(kind),
			       l.signer[0] ? l.signer : "a stranger");
	*out = l;
	l.bytes = NULL;
	return RC_OK;
}

bool list_same_contents(const struct list *a, const struct list *b)
{
	struct itl CLEANUP(itl_free) *x = NULL, CLEANUP(itl_free) *y = NULL;
	struct err ignored;

	if (itl_parse(bytes_of(a->bytes, a->n), 0, &x, &ignored) != RC_OK ||
	    itl_parse(bytes_of(b->bytes, b->n), 0, &y, &ignored) != RC_OK ||
	    a->n != b->n || x->header_length != y->header_length ||
	    x->has_signer_version != y->has_signer_version ||
	    x->digest != y->digest ||
	    memcmp(x->signer_version, y->signer_version, 2) != 0)
		return false;
	return bytes_equal(x->signer_serial, y->signer_serial) &&
	       bytes_equal(x->signer_issuer, y->signer_issuer) &&
	       !memcmp(a->bytes + x->header_length, b->bytes + y->header_length,
		       a->n - x->header_length);
}

static void keep_first(void *arg, const char *text)
{
	char *to = arg;

	if (!to[0])
		(void)snprintf(to, sizeof((struct err *)0)->why, "%s", text);
}

enum rc list_fits_phones(const char *op, const struct cluster_node *n,
			 const struct itl *l, bool force, struct err *e)
{
	char why[sizeof e->why] = "";

	if (force || itl_warnings(l, keep_first, why) == 0)
		return RC_OK;
	return err_set(e, RC_REFUSED, op, why,
		       "--force does it, if every phone here verifies such a list",
		       "%s", n->host);
}
