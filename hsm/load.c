/* Finding the keys of a token: complete triples under one CKA_ID. */
#include "base/hex.h"
#include "base/num.h"
#include "object.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 3

static const struct {
	CK_OBJECT_CLASS class;
	enum hsm_part part;
	const char *lack; /* "it lacks ..." */
} kinds[KINDS] = {
	{CKO_PRIVATE_KEY, HSM_PRIVATE, "a private key"},
	{CKO_PUBLIC_KEY, HSM_PUBLIC, "a public key"},
	{CKO_CERTIFICATE, HSM_CERTIFICATE, "a certificate"},
};

/* An object that may be a part of a triple. */
struct part {
	uint8_t id[HSM_ID_LEN];
	unsigned kind;
	char label[HSM_LABEL_MAX];
	CK_OBJECT_HANDLE object;
};

struct parts {
	struct part *p;
	size_t n, cap;
};

struct keys {
	struct hsm_key **k;
	size_t n, cap;
};

void hsm_keys_free(struct hsm_key **keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hsm_key_free(keys[i]);
	free(keys);
}

/* What every step of a load needs. */
struct load {
	struct hsm_session *s;
	bool (*wanted)(const char *label);
	void (*incomplete)(void *arg, const struct hsm_half *half);
	void *arg;
	struct parts parts;
	struct keys keys;
};

/* The array with room for one more, or NULL; it doubles. */
static void *grown(void *array, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 64;
	void *more = n < *cap ? array : reallocarray(array, want, size);

	if (more && n == *cap)
		*cap = want;
	return more;
}

/* Read an attribute whose absence makes an object none of ours. */
static enum rc read_ours(struct hsm_session *s, CK_OBJECT_HANDLE object,
			 CK_ATTRIBUTE_TYPE type, uint8_t **out, size_t *n,
			 struct err *e)
{
	enum rc rc = object_read(s, object, type, out, n, e);

	if (rc != RC_OK && (e->code == CKR_ATTRIBUTE_TYPE_INVALID ||
			    e->code == CKR_OBJECT_HANDLE_INVALID))
		return RC_NOTFOUND;
	return rc;
}

static enum rc add_part(struct load *l, unsigned kind, CK_OBJECT_HANDLE object,
			struct err *e)
{
	uint8_t CLEANUP_FREE *id = NULL, CLEANUP_FREE *label = NULL;
	struct parts *all = &l->parts;
	struct part *p;
	size_t idlen, len;
	enum rc rc;

	rc = read_ours(l->s, object, CKA_ID, &id, &idlen, e);
	if (rc == RC_OK)
		rc = read_ours(l->s, object, CKA_LABEL, &label, &len, e);
	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	if (idlen != HSM_ID_LEN || len >= HSM_LABEL_MAX ||
	    memchr(label, '\0', len))
		return RC_OK;
	p = grown(all->p, all->n, &all->cap, sizeof *p);
	if (!p)
		return err_errno(e, RC_ERROR, "realloc", NULL, ON_TOKEN(l->s));
	all->p = p;
	p += all->n++;
	p->kind = kind;
	p->object = object;
	memcpy(p->id, id, HSM_ID_LEN);
	memcpy(p->label, label, len + 1);
	return RC_OK;
}

static enum rc find_parts(struct load *l, unsigned kind, struct err *e)
{
	const CK_BBOOL yes = CK_TRUE;
	const CK_ATTRIBUTE template[] = {
		ATTRIBUTE(CKA_TOKEN, &yes, sizeof yes),
		ATTRIBUTE(CKA_CLASS, &kinds[kind].class,
			  sizeof kinds[kind].class),
	};
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	size_t n;

	if (objects_find(l->s, template, COUNT_OF(template), &found, &n, e) !=
	    RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++)
		if (add_part(l, kind, found[i], e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = memcmp(x->id, y->id, HSM_ID_LEN);

	return order ? order : (int)x->kind - (int)y->kind;
}

static enum rc read_cert(struct hsm_session *s, CK_OBJECT_HANDLE object,
			 X509 **out, struct err *e)
{
	uint8_t CLEANUP_FREE *der = NULL;
	const unsigned char *at;
	size_t n;
	X509 *cert;

	if (object_read(s, object, CKA_VALUE, &der, &n, e) != RC_OK)
		return e->rc;
	at = der;
	cert = d2i_X509(NULL, &at, (long)n);
	if (cert && at != der + n) {
		X509_free(cert);
		cert = NULL;
	}
	*out = cert; /* NULL: it cannot be read, which is for the caller */
	return RC_OK;
}

/* Make a key of the triple p[0..2]. *lack: what keeps it from being one. */
static enum rc make_key(struct hsm_session *s, const struct part *p,
			struct hsm_key **out, const char **lack, struct err *e)
{
	struct hsm_key CLEANUP(hsm_key_free) *k = calloc(1, sizeof *k);
	EVP_PKEY CLEANUP(EVP_PKEY_free) *public = NULL;

	if (!k)
		return err_errno(e, RC_ERROR, "calloc", NULL,
				 ON_KEY(s, p->label));
	if (object_public_key(s, p[1].object, &public, e) != RC_OK ||
	    read_cert(s, p[2].object, &k->cert, e) != RC_OK)
		return e->rc;
	k->public_key = k->cert ? X509_get_pubkey(k->cert) : NULL;
	if (!k->public_key || EVP_PKEY_eq(k->public_key, public) != 1) {
		*lack = k->cert ? "a certificate of its own public key"
				: "a certificate that can be read";
		return RC_OK;
	}
	k->bits = (unsigned)EVP_PKEY_get_bits(k->public_key);
	k->private_handle = p[0].object;
	memcpy(k->id, p->id, HSM_ID_LEN);
	memcpy(k->label, p->label, sizeof k->label);
	*out = k;
	k = NULL;
	return RC_OK;
}

/* The parts of one id, sorted by kind: NULL if they are a triple. */
static const char *lack_of(const struct part *p, size_t n)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		bool have = false;

		for (size_t i = 0; i < n; i++)
			have = have || p[i].kind == kind;
		if (!have)
			return kinds[kind].lack;
	}
	for (size_t i = 1; i < n; i++)
		if (strcmp(p[i].label, p[0].label) != 0)
			return "one label: its parts have different ones";
	return NULL;
}

static enum rc two_of_a_kind(struct hsm_session *s, const struct part *a,
			     const struct part *b, struct err *e)
{
	char hex[2 * HSM_ID_LEN + 1];

	hex_of(bytes_of(a->id, HSM_ID_LEN), hex, sizeof hex);
	return err_set(e, RC_TOKEN, "load keys", "two objects of a kind share a CKA_ID",
		       "remove the one that does not belong there (pkcs11-tool --delete-object)",
		       "token \"%.32s\", CKA_ID %s: \"%.40s\" and \"%.40s\"",
		       hsm_token_info(hsm_session_token(s))->label, hex,
		       a->label, b->label);
}

static void tell_half(struct load *l, const struct part *p, size_t n,
		      const char *label, const char *lack)
{
	struct hsm_half half = {.lack = lack};

	if (!l->incomplete)
		return;
	memcpy(half.id, p->id, sizeof half.id);
	(void)snprintf(half.label, sizeof half.label, "%s", label);
	for (size_t i = 0; i < n; i++)
		half.have |= kinds[p[i].kind].part;
	l->incomplete(l->arg, &half);
}

/* The n parts that share an id. */
static enum rc load_group(struct load *l, const struct part *p, size_t n,
			  struct err *e)
{
	const struct part *ours = NULL;
	struct hsm_key *k = NULL, **more;
	const char *lack;

	for (size_t i = 0; i < n && !ours; i++)
		if (l->wanted(p[i].label))
			ours = &p[i];
	if (!ours)
		return RC_OK;
	for (size_t i = 1; i < n; i++)
		if (p[i].kind == p[i - 1].kind)
			return two_of_a_kind(l->s, &p[i - 1], &p[i], e);
	lack = lack_of(p, n);
	if (!lack && make_key(l->s, p, &k, &lack, e) != RC_OK)
		return e->rc;
	if (lack) {
		tell_half(l, p, n, ours->label, lack);
		return RC_OK;
	}
	more = grown(l->keys.k, l->keys.n, &l->keys.cap, sizeof(struct hsm_key *));
	if (!more) {
		hsm_key_free(k);
		return err_errno(e, RC_ERROR, "realloc", NULL,
				 ON_TOKEN(l->s));
	}
	l->keys.k = more;
	more[l->keys.n++] = k;
	return RC_OK;
}

static int by_label(const void *a, const void *b)
{
	const struct hsm_key *const *x = a, *const *y = b;

	return strcmp((*x)->label, (*y)->label);
}

/* A label names one generation: two complete ones would be a choice. */
static enum rc check_labels(struct load *l, struct err *e)
{
	struct hsm_key **k = l->keys.k;

	if (l->keys.n)
		qsort(k, l->keys.n, sizeof(struct hsm_key *), by_label);
	for (size_t i = 1; i < l->keys.n; i++) {
		char a[2 * HSM_ID_LEN + 1], b[2 * HSM_ID_LEN + 1];

		if (strcmp(k[i - 1]->label, k[i]->label) != 0)
			continue;
		return err_set(e, RC_TOKEN, "load keys",
			       "two keys have the same label",
			       "remove the one that does not belong there (pkcs11-tool --delete-object)",
			       "token \"%s\", key \"%s\": CKA_ID %s and %s",
			       hsm_token_info(hsm_session_token(l->s))->label,
			       k[i]->label,
			       hex_of(bytes_of(k[i - 1]->id, HSM_ID_LEN), a,
				      sizeof a),
			       hex_of(bytes_of(k[i]->id, HSM_ID_LEN), b,
				      sizeof b));
	}
	return RC_OK;
}

static enum rc load_all(struct load *l, struct err *e)
{
	const struct part *p;
	size_t n;

	for (unsigned kind = 0; kind < KINDS; kind++)
		if (find_parts(l, kind, e) != RC_OK)
			return e->rc;
	p = l->parts.p;
	if (l->parts.n)
		qsort(l->parts.p, l->parts.n, sizeof *p, by_id);
	for (size_t i = 0; i < l->parts.n; i += n) {
		for (n = 1; i + n < l->parts.n; n++)
			if (memcmp(p[i].id, p[i + n].id, HSM_ID_LEN) != 0)
				break;
		if (load_group(l, p + i, n, e) != RC_OK)
			return e->rc;
	}
	return check_labels(l, e);
}

enum rc hsm_keys_load(struct hsm_session *s, bool (*wanted)(const char *label),
		      void (*incomplete)(void *arg, const struct hsm_half *half),
		      void *arg, struct hsm_key ***keys, size_t *n,
		      struct err *e)
{
	struct load l = {s, wanted, incomplete, arg, {0}, {0}};
	enum rc rc = load_all(&l, e);

	free(l.parts.p);
	if (rc != RC_OK) {
		hsm_keys_free(l.keys.k, l.keys.n);
		return rc;
	}
	*keys = l.keys.k;
	*n = l.keys.n;
	return RC_OK;
}
