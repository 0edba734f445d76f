#include "trust.h"
#include "base/num.h"
#include "itl/itl.h"
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof((struct trust_entry *)0)->serial == ITL_MAX_SERIAL, "see itl_serial()");

struct trust {
	struct trust_entry *all; /* in the order of their hashes, once sorted */
	size_t n, room;
	struct trust_entry **by_serial;
};

enum rc trust_new(struct trust **out, struct err *e)
{
	struct trust *t = calloc(1, sizeof *t);

	if (!t)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the trust store");
	*out = t;
	return RC_OK;
}

static void clear_entry(struct trust_entry *x)
{
	X509_free(x->cert);
	OPENSSL_free(x->der);
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		clear_entry(&t->all[i]);
	free(t->all);
	free(t->by_serial);
	free(t);
}

static enum rc make_entry(X509 *cert, struct trust_entry *out, struct err *e)
{
	struct trust_entry x = {.cert = NULL};
	uint8_t serial[ITL_MAX_SERIAL];
	struct bytes s;
	int n = i2d_X509(cert, &x.der);

	if (n <= 0 || !itl_serial(cert, serial, &s)) {
		clear_entry(&x);
		return err_set(e, RC_REFUSED, "trust", "is a certificate that nobody can ask about",
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

static bool is_der(const struct trust_entry *x, struct bytes der)
{
	return bytes_equal(bytes_of(x->der, x->der_len), der);
}

static enum rc add_role(struct trust_entry *x, unsigned role, struct err *e)
{
	for (size_t i = 0; i < x->nroles; i++)
		if (x->roles[i] == role)
			return RC_OK;
	if (role > UINT8_MAX || x->nroles == sizeof x->roles)
		return err_set(e, RC_REFUSED, "trust", "a certificate has too many roles", NULL,
			       "role %u", role);
	x->roles[x->nroles++] = (uint8_t)role;
	return RC_OK;
}

enum rc trust_add(struct trust *t, X509 *cert, unsigned role, uint32_t ttl, struct err *e)
{
	struct trust_entry x, *more;

	if (make_entry(cert, &x, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < t->n; i++)
		if (is_der(&t->all[i], bytes_of(x.der, x.der_len))) {
			clear_entry(&x);
			return add_role(&t->all[i], role, e);
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
	x.ttl = ttl;
	if (add_role(&x, role, e) != RC_OK) {
		clear_entry(&x);
		return e->rc;
	}
	t->all[t->n++] = x;
	return RC_OK;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct trust_entry *)a)->sha256,
		      ((const struct trust_entry *)b)->sha256, SHA256_DIGEST_LENGTH);
}

static int compare(struct bytes a, struct bytes b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static struct bytes serial_of(const struct trust_entry *x)
{
	return bytes_of(x->serial, x->serial_len);
}

static int by_serial(const void *a, const void *b)
{
	return compare(serial_of(*(struct trust_entry *const *)a),
		       serial_of(*(struct trust_entry *const *)b));
}

void trust_sort(struct trust *t)
{
	if (!t->n)
		return;
	qsort(t->all, t->n, sizeof *t->all, by_hash);
	free(t->by_serial);
	t->by_serial = calloc(t->n, sizeof *t->by_serial);
	for (size_t i = 0; t->by_serial && i < t->n; i++)
		t->by_serial[i] = &t->all[i];
	if (t->by_serial)
		qsort(t->by_serial, t->n, sizeof(void *), by_serial);
}

size_t trust_count(const struct trust *t)
{
	return t->n;
}

const struct trust_entry *trust_by_cert(const struct trust *t, struct bytes der)
{
	struct trust_entry key = {.cert = NULL}, *found;

	if (!t->n)
		return NULL;
	(void)SHA256(der.p, der.n, key.sha256);
	found = bsearch(&key, t->all, t->n, sizeof *t->all, by_hash);
	return found && is_der(found, der) ? found : NULL;
}

/* The first of those with this serial, or where it would be. */
static size_t first_with(const struct trust *t, struct bytes serial)
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

const struct trust_entry *trust_by_name(const struct trust *t, struct bytes issuer,
					struct bytes serial)
{
	struct bytes bare = serial;

	if (bare.n > 1 && bare.p[0] == 0)
		bare = bytes_of(bare.p + 1, bare.n - 1);
	for (size_t i = t->by_serial ? first_with(t, bare) : t->n; i < t->n; i++) {
		if (compare(serial_of(t->by_serial[i]), bare) != 0)
			break;
		if (itl_names_cert(issuer, serial, t->by_serial[i]->cert))
			return t->by_serial[i];
	}
	return NULL;
}
