#include "keyring.h"
#include "base/log.h"
#include "itl/itl.h"
#include <stdlib.h>
#include <string.h>

bool keyring_wants(const char *text)
{
	struct label l;

	return label_read(text, strlen(text), &l);
}

static bool same_place(const struct label *a, enum unit unit, const char *node)
{
	return a->unit == unit && !strcmp(a->node, node);
}

static const char *place(const struct keyring *r, enum unit unit,
			 const char *node)
{
	return unit_is_of_node(unit) ? node : r->cluster->name;
}

/* Remember that a generation exists, whatever became of it. */
static void note_seen(struct keyring *r, const struct label *l)
{
	struct label *more;

	for (size_t i = 0; i < r->nseen; i++)
		if (same_place(&r->seen[i], l->unit, l->node)) {
			if (r->seen[i].generation < l->generation)
				r->seen[i].generation = l->generation;
			return;
		}
	more = reallocarray(r->seen, r->nseen + 1, sizeof *more);
	if (!more)
		return; /* the label is for display: an id still tells keys apart */
	r->seen = more;
	r->seen[r->nseen++] = *l;
}

static void incomplete(void *arg, const struct hsm_half *half)
{
	char hex[2 * HSM_ID_LEN + 1];
	struct keyring *r = arg;
	struct label l;

	log_warn("event=incomplete-key key=\"%s\" id=%s lacks=\"%s\" hint=\"it does not count: itlctl key incomplete\"",
		 half->label, hex_of(bytes_of(half->id, HSM_ID_LEN), hex, sizeof hex),
		 half->lack);
	halves_add(&r->halves, half);
	if (label_read(half->label, strlen(half->label), &l))
		note_seen(r, &l);
}

static void held_free(struct held_key *k)
{
	if (!k)
		return;
	hsm_key_free(k->key);
	OPENSSL_free(k->der);
	free(k);
}

CLEANUP_DEFINE(struct held_key *, held_free);

static int by_rank(const void *a, const void *b)
{
	const struct held_key *x = *(struct held_key *const *)a;
	const struct held_key *y = *(struct held_key *const *)b;
	int node;

	if (x->label.unit != y->label.unit)
		return x->label.unit < y->label.unit ? -1 : 1;
	node = strcmp(x->label.node, y->label.node);
	if (node)
		return node;
	return x->label.generation > y->label.generation ? -1 : 1;
}

enum rc keyring_add(struct keyring *r, struct hsm_key *key, struct err *e)
{
	struct held_key CLEANUP(held_free) *k = calloc(1, sizeof *k);
	struct held_key **more;
	int n;

	if (!k) {
		hsm_key_free(key);
		return err_errno(e, RC_ERROR, "calloc", NULL, "a key");
	}
	k->key = key;
	n = i2d_X509(key->cert, &k->der);
	if (n <= 0 || !label_read(key->label, strlen(key->label), &k->label))
		return err_set(e, RC_ERROR, "keyring", "no certificate, or no label",
			       NULL, "%s", key->label);
	k->der_len = (size_t)n;
	itl_sha1(bytes_of(k->der, k->der_len), k->sha1);

	(void)pthread_rwlock_wrlock(&r->lock);
	more = r->n < r->cap ? r->keys
			     : reallocarray(r->keys, r->cap + 64, sizeof *more);
	if (more) {
		if (r->n == r->cap)
			r->cap += 64;
		r->keys = more;
		r->keys[r->n++] = k;
		note_seen(r, &k->label);
		qsort(r->keys, r->n, sizeof *r->keys, by_rank);
		k = NULL;
	}
	(void)pthread_rwlock_unlock(&r->lock);
	return more ? RC_OK : err_errno(e, RC_ERROR, "realloc", NULL, "a key");
}

enum rc keyring_load(struct keyring *r, const struct cluster *c,
		     struct hsm_session *s, struct err *e)
{
	struct hsm_key **found = NULL;
	enum rc rc = RC_OK;
	size_t n = 0;

	memset(r, 0, sizeof *r);
	r->cluster = c;
	(void)pthread_rwlock_init(&r->lock, NULL);
	halves_init(&r->halves);
	if (hsm_keys_load(s, keyring_wants, incomplete, r, &found, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++) {
		if (rc == RC_OK)
			rc = keyring_add(r, found[i], e);
		else
			hsm_key_free(found[i]);
		found[i] = NULL;
	}
	free(found);
	return rc;
}

void keyring_next_label(struct keyring *r, enum unit unit, const char *node,
			struct label *out)
{
	const char *where = place(r, unit, node);

	*out = (struct label){.unit = unit, .generation = 1};
	(void)snprintf(out->node, sizeof out->node, "%s", where);
	(void)pthread_rwlock_rdlock(&r->lock);
	for (size_t i = 0; i < r->nseen; i++)
		if (same_place(&r->seen[i], unit, where))
			out->generation = r->seen[i].generation + 1;
	(void)pthread_rwlock_unlock(&r->lock);
}

void keyring_take_label(struct keyring *r, const struct label *l)
{
	(void)pthread_rwlock_wrlock(&r->lock);
	note_seen(r, l);
	(void)pthread_rwlock_unlock(&r->lock);
}

/* Sorted: the first of its place is the newest. Called locked. */
static struct held_key *newest(const struct keyring *r, enum unit unit,
			       const char *where)
{
	for (size_t i = 0; i < r->n; i++)
		if (same_place(&r->keys[i]->label, unit, where))
			return r->keys[i];
	return NULL;
}

/* A generation was seen that is not complete. */
static bool has_part(struct keyring *r, enum unit unit, const char *where)
{
	bool seen = false;

	(void)pthread_rwlock_rdlock(&r->lock);
	for (size_t i = 0; i < r->nseen; i++)
		seen |= same_place(&r->seen[i], unit, where);
	(void)pthread_rwlock_unlock(&r->lock);
	return seen;
}

enum rc keyring_current(struct keyring *r, enum unit unit, const char *node,
			struct held_key **out, struct err *e)
{
	const char *where = place(r, unit, node);
	struct held_key *k;

	(void)pthread_rwlock_rdlock(&r->lock);
	k = newest(r, unit, where);
	(void)pthread_rwlock_unlock(&r->lock);
	if (!k && has_part(r, unit, where))
		return err_set(e, RC_NOTFOUND, "find key",
			       "the token has only a part of it: its log says what lacks",
			       "put the certificate back, or the token from its backup; a new key is another key",
			       "%s/%s", unit_name(unit), where);
	if (!k)
		return err_set(e, RC_NOTFOUND, "find key",
			       "the token has no such key with a certificate",
			       "make it: itlctl cluster init", "%s/%s",
			       unit_name(unit), where);
	*out = k;
	return RC_OK;
}

struct held_key *keyring_by_cert(struct keyring *r, struct bytes der)
{
	struct held_key *k = NULL;

	(void)pthread_rwlock_rdlock(&r->lock);
	for (size_t i = 0; i < r->n && !k; i++)
		if (bytes_equal(bytes_of(r->keys[i]->der, r->keys[i]->der_len),
				der))
			k = r->keys[i];
	(void)pthread_rwlock_unlock(&r->lock);
	return k;
}

struct held_key *keyring_by_sha1(struct keyring *r, struct bytes sha1)
{
	struct held_key *k = NULL;

	(void)pthread_rwlock_rdlock(&r->lock);
	for (size_t i = 0; i < r->n && !k; i++)
		if (bytes_equal(bytes_of(r->keys[i]->sha1, SHA1_LEN), sha1))
			k = r->keys[i];
	(void)pthread_rwlock_unlock(&r->lock);
	return k;
}

struct held_key *keyring_by_label(struct keyring *r, const struct label *l)
{
	struct held_key *k = NULL;

	(void)pthread_rwlock_rdlock(&r->lock);
	for (size_t i = 0; i < r->n && !k; i++)
		if (same_place(&r->keys[i]->label, l->unit, l->node) &&
		    r->keys[i]->label.generation == l->generation)
			k = r->keys[i];
	(void)pthread_rwlock_unlock(&r->lock);
	return k;
}

void keyring_forget(struct keyring *r, struct held_key *k)
{
	(void)pthread_rwlock_wrlock(&r->lock);
	for (size_t i = 0; i < r->n; i++)
		if (r->keys[i] == k) {
			memmove(&r->keys[i], &r->keys[i + 1],
				(--r->n - i) * sizeof *r->keys);
			k->next = r->forgotten;
			r->forgotten = k;
		}
	(void)pthread_rwlock_unlock(&r->lock);
}

size_t keyring_count(struct keyring *r)
{
	size_t n;

	(void)pthread_rwlock_rdlock(&r->lock);
	n = r->n;
	(void)pthread_rwlock_unlock(&r->lock);
	return n;
}

struct held_key *keyring_at(struct keyring *r, size_t i)
{
	struct held_key *k;

	(void)pthread_rwlock_rdlock(&r->lock);
	k = i < r->n ? r->keys[i] : NULL;
	(void)pthread_rwlock_unlock(&r->lock);
	return k;
}

bool keyring_is_current(struct keyring *r, const struct held_key *k)
{
	bool is;

	(void)pthread_rwlock_rdlock(&r->lock);
	is = newest(r, k->label.unit, k->label.node) == k;
	(void)pthread_rwlock_unlock(&r->lock);
	return is;
}
