#include "sealing.h"
#include "base/num.h"
#include <string.h>

#define PASSWORD "correct horse battery staple"
#define WRONG "correct horse battery stable"

struct secret *password, *wrong;

const struct envelope_manifest manifest = {
	.name = "office-0123abcd-20260102T030405Z.env",
	.cluster = "office",
	.publisher = "n1",
	.program = "0.1.0",
	.key = "ITLRecovery/office/1",
	.serial = "5f00aa",
	.fingerprint = {1, 2, 3, 255},
	.bits = 2048,
	.time = 1767322800,
};

const uint8_t p12[P12_LEN] = "a p12 of a few bytes, with a NUL:\0 here";

const struct envelope_item items[ITEMS] = {
	{ENVELOPE_CONF, "cluster.conf", {(const uint8_t *)"[cluster]\n", 10}},
	{ENVELOPE_CERT, "CallManager/n1/3", {(const uint8_t *)"\x30\x00\xff", 3}},
	{ENVELOPE_LIST, "n1", {NULL, 0}},
	{ENVELOPE_TRUST, "trust", {(const uint8_t *)"t", 1}},
};

int sealing_start(void **state)
{
	(void)state;
	password = softhsm_secret(PASSWORD);
	wrong = softhsm_secret(WRONG);
	return 0;
}

int sealing_stop(void **state)
{
	(void)state;
	secret_free(password);
	secret_free(wrong);
	return 0;
}

struct bytes seal(const struct envelope_cost *cost, const struct envelope_item *list,
			 size_t n)
{
	uint8_t *out = NULL;
	size_t len = 0;
	struct err e;

	assert_ok(envelope_seal(password, cost, &manifest, bytes_of(p12, sizeof p12), list, n,
				&out, &len, &e),
		  &e);
	return bytes_of(out, len);
}

struct bytes sample(void)
{
	return seal(&envelope_minimum, items, COUNT_OF(items));
}

void bytes_free(struct bytes b)
{
	free((void *)(uintptr_t)b.p);
}

enum rc open_rc(struct bytes file, struct err *e)
{
	struct envelope *v = NULL;
	enum rc rc = envelope_open(file, password, &v, e);

	assert_true((rc == RC_OK) == (v != NULL));
	envelope_free(v);
	return rc;
}

void check_same(const struct envelope *v)
{
	const struct envelope_manifest *m = &v->manifest;

	assert_string_equal(m->name, manifest.name);
	assert_string_equal(m->cluster, manifest.cluster);
	assert_string_equal(m->publisher, manifest.publisher);
	assert_string_equal(m->program, manifest.program);
	assert_string_equal(m->key, manifest.key);
	assert_string_equal(m->serial, manifest.serial);
	assert_memory_equal(m->fingerprint, manifest.fingerprint, sizeof m->fingerprint);
	assert_int_equal(m->bits, manifest.bits);
	assert_int_equal(m->time, manifest.time);
	assert_true(bytes_equal(v->p12, bytes_of(p12, sizeof p12)));
	assert_int_equal(v->nitems, COUNT_OF(items));
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		assert_int_equal(v->items[i].kind, items[i].kind);
		assert_string_equal(v->items[i].name, items[i].name);
		assert_true(bytes_equal(v->items[i].content, items[i].content));
	}
}

bool opens_same(struct bytes file)
{
	struct envelope CLEANUP(envelope_free) *v = NULL;
	struct err e = {0};
	enum rc rc = envelope_open(file, password, &v, &e);

	if (rc == RC_OK) {
		check_same(v);
		return true;
	}
	assert_true(rc == RC_USAGE || rc == RC_REFUSED || rc == RC_VERIFY);
	assert_true(e.rc == rc && e.why[0] && e.what[0] && e.hint[0]);
	return false;
}
