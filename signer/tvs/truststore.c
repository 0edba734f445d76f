#include "truststore.h"
#include "base/num.h"
#include "itl/trust.h"
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof((struct vouched *)0)->serial == ITL_MAX_SERIAL, "see itl_serial()");

struct truststore {
	struct vouched *all; /* in the order of their hashes, once sorted */
	size_t n, room;
	struct vouched **by_serial;
};

enum rc truststore_new(struct truststore **out, struct err *e)
{
	struct truststore *t = calloc(1, sizeof *t);

	if (!t)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the trust store");
	*out = t;
	return RC_OK;
}

static void clear_entry(struct vouched *x)
{
	X509_free(x->cert);
	OPENSSL_free(x->der);
}

void truststore_free(struct truststore *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		clear_entry(&t->all[i]);
	free(t->all);
	free(t->by_serial);
	free(t);
}

static enum rc make_entry(X509 *cert, struct vouched *out, struct err *e)
{
	struct vouched x = {.cert = NULL};
	uint8_t serial[ITL_MAX_SERIAL];
	struct bytes s;
	int n = i2d_X509(cert, &x.der);

	if (n <= 0 || !itl_serial(cert, serial, &s)) {
		clear_entry(&x);
		return err_set(e, RC_REFUSED, "vouch", "is a certificate that nobody can ask about",
			       "its serial is too long, or it is none", "a certificate");
	}
	x.der_len = num_size(n);
	(void)SHA256(x.der, x.der_len, x.sha256);
	memcpy(x.serial, s.p, s.n);
	x.serial_len = s.n;
	(void)X509_up_ref(cert);
	x.cert = cert;
	*out = x;
	return RC_OK;
}

static bool is_der(const struct vouched *x, struct bytes der)
{
	return bytes_equal(bytes_of(x->der, x->der_len), der);
}

/* A role is a bit, of which there are no more than TVS_ROLES_MAX. */
static void set_roles(struct vouched *x, uint32_t roles)
{
	for (uint8_t role = 0; role < 32; role++)
		if (roles & TRUST_ROLES & TRUST_ROLE(role) && x->nroles < sizeof x->roles)
			x->roles[x->nroles++] = role;
}

enum rc truststore_add(struct truststore *t, X509 *cert, uint32_t roles, uint32_t ttl, struct err *e)
{
	struct vouched x, *more;

	if (make_entry(cert, &x, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < t->n; i++)
		if (is_der(&t->all[i], bytes_of(x.der, x.der_len))) {
			clear_entry(&x);
			return RC_OK;
		}
	if (t->n == t->room) {
		more = reallocarray(t->all, t->room * 2 + 16, sizeof *more);
		if (!more) {
			clear_entry(&x);
			return err_errno(e, RC_ERROR, "realloc", NULL, "the trust store");
		}
		t->all = more;
		t->room = t->room * 2 + 16;
	}
	set_roles(&x, roles);
	x.ttl = ttl;
	t->all[t->n++] = x;
	return RC_OK;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct vouched *)a)->sha256,
		      ((const struct vouched *)b)->sha256, SHA256_DIGEST_LENGTH);
}

static int compare(struct bytes a, struct bytes b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static struct bytes serial_of(const struct vouched *x)
{
	return bytes_of(x->serial, x->serial_len);
}

static int by_serial(const void *a, const void *b)
{
	return compare(serial_of(*(struct vouched *const *)a),
		       serial_of(*(struct vouched *const *)b));
}

enum rc truststore_sort(struct truststore *t, struct err *e)
{
	if (!t->n)
		return RC_OK;
	qsort(t->all, t->n, sizeof *t->all, by_hash);
	t->by_serial = calloc(t->n, sizeof *t->by_serial);
	if (!t->by_serial)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the trust store");
	for (size_t i = 0; i < t->n; i++)
		t->by_serial[i] = &t->all[i];
	qsort(t->by_serial, t->n, sizeof(void *), by_serial);
	return RC_OK;
}

size_t truststore_count(const struct truststore *t)
{
	return t->n;
}

const struct vouched *truststore_by_cert(const struct truststore *t, struct bytes der)
{
	struct vouched key = {.cert = NULL}, *found;

	if (!t->n)
		return NULL;
	(void)SHA256(der.p, der.n, key.sha256);
	found = bsearch(&key, t->all, t->n, sizeof *t->all, by_hash);
	return found && is_der(found, der) ? found : NULL;
}

/* The first of those with this serial, or where it would be. */
static size_t first_with(const struct truststore *t, struct bytes serial)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(serial_of(t->by_serial[mid]), serial) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct vouched *truststore_by_name(const struct truststore *t, struct bytes issuer,
					  struct bytes serial)
{
	struct bytes bare = serial;

	if (bare.n > 1 && bare.p[0] == 0)
		bare = bytes_of(bare.p + 1, bare.n - 1);
	for (size_t i = first_with(t, bare); i < t->n; i++) {
		if (compare(serial_of(t->by_serial[i]), bare) != 0)
			break;
		if (itl_names_cert(issuer, serial, t->by_serial[i]->cert))
			return t->by_serial[i];
	}
	return NULL;
}
