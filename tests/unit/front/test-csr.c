/* Requests for an authority's certificates, and those, through the door: what holds and
 * force mean for them. What is right about a certificate is keyd's (keyd-csr). */
#include "asking.h"
#include "fake-keyd.h"
#include "base/num.h"
#include "holds.h"
#include <poll.h>
#include <string.h>

/* base64 of "a chain" */
#define CHAIN "YSBjaGFpbg=="

static json_t *import(struct fixture *f, const char *unit, const char *node,
		      const char *certificates, bool force, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:s?, s:s, s:s, s:b}", "do",
					"cert-import", "unit", unit, "node", node, "ticket",
					fake_ticket, "certificates", certificates, "force",
					force), e);
}

static json_t *csr(struct fixture *f, const char *what, const char *unit,
		   const char *node, struct err *e)
{
	json_t *ask = json_pack("{s:s, s:s, s:s?}", "do", what, "unit", unit, "node", node);

	if (!strcmp(what, "csr"))
		(void)json_object_set_new(ask, "ticket", json_string(fake_ticket));
	return fixture_ask(f, ask, e);
}

static void must_csr(struct fixture *f, const char *what, const char *unit,
		     const char *node, const char *label)
{
	struct err e = {0};
	json_t *r = csr(f, what, unit, node, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	assert_string_equal(text(r, "label"), label);
	assert_string_equal(text(r, "unit"), unit);
	assert_string_equal(text(r, "node"), node ? node : "(none)");
	assert_int_equal(json_integer_value(json_object_get(r, "made")), 1393439067);
	assert_non_null(strstr(text(r, "pem"), "-----BEGIN CERTIFICATE REQUEST-----\n"));
	json_decref(r);
}

static unsigned holds(struct fixture *f)
{
	struct err e;
	json_t *s = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e);
	size_t n = json_array_size(json_object_get(s, "holds"));

	assert_non_null(s);
	json_decref(s);
	return (unsigned)n;
}

static void must_import(struct fixture *f, const char *unit, const char *node,
			bool force, const char *overrode)
{
	struct err e = {0};
	json_t *r = import(f, unit, node, CHAIN, force, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	assert_non_null(strstr(text(r, "overrode"), overrode));
	assert_null(json_object_get(r, "tries"));
	assert_non_null(strstr(text(r, "pem"), "BEGIN CERTIFICATE"));
	json_decref(r);
}

static void test_requests(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	must_csr(f, "csr", "CallManager", "n2", "CallManager/n2/2");
	must_csr(f, "csr", "CAPF", NULL, "CAPF/test10/2");
	must_csr(f, "csr-show", "CallManager", "n1", "CallManager/n1/2");
	assert_int_equal(holds(f), 0); /* nothing changed */
	assert_int_equal(fake_keyd.notes, 0);
	/* nor does it wait for anybody */
	must_import(f, "CallManager", "n1", false, "(none)");
	must_csr(f, "csr", "TVS", "n1", "TVS/n1/2");
	assert_null(csr(f, "csr-show", "TVS", "n1", &e));
	assert_int_equal(e.rc, RC_NOTFOUND);
	assert_null(csr(f, "csr", "TVS", NULL, &e));
	assert_int_equal(e.rc, RC_USAGE);
	assert_null(csr(f, "csr", "CAPF", "n1", &e));
	assert_int_equal(e.rc, RC_USAGE);
	assert_null(csr(f, "csr-show", "TSV", "n1", &e));
	assert_int_equal(e.rc, RC_USAGE);
}

static void test_imports(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	must_import(f, "TVS", "n1", false, "(none)");
	assert_string_equal(fake_keyd.imported, "a chain");
	assert_string_equal(fake_keyd.note,
			    "cert-import unit=TVS node=n1 uid=0 force=no overrode=\"\"");
	assert_int_equal(holds(f), 1);
	/* as a regeneration: others of the node wait, force does it */
	fixture_pass(f, 100);
	assert_null(import(f, "CallManager", "n1", CHAIN, false, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_string_equal(e.name, HOLD_ERROR);
	assert_int_equal(e.code, 200);
	must_import(f, "CallManager", "n1", true, "TVS certificate was modified");
	assert_non_null(strstr(fake_keyd.note, "cert-import unit=CallManager node=n1 uid=0 force=yes overrode=\"TVS certificate"));
	must_import(f, "TVS", "n2", false, "(none)");
	/* what the certificate replaced is in the list until the restart */
	force_restart(f, "n1");
}

static void test_what_is_no_import(void **state)
{
	static const char *const bad[] = {"", "a chain", "YSBjaGFpbg=", "YSBj aGFp"};
	static char big[22000];
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	for (size_t i = 1; i < COUNT_OF(bad); i++) {
		assert_null(import(f, "CallManager", "n1", bad[i], false, &e));
		assert_int_equal(e.rc, RC_USAGE);
	}
	memset(big, 'A', 21848); /* 16 KiB and 2 bytes */
	assert_null(import(f, "CallManager", "n1", big, false, &e));
	assert_int_equal(e.rc, RC_USAGE);
	assert_non_null(strstr(e.hint, "16 KiB"));
	assert_string_equal(fake_keyd.imported, "");
	memset(big + 21844, 0, 4);
	json_decref(import(f, "TVS", "n2", big, false, &e)); /* just fits */
	assert_int_equal(holds(f), 1);
	/* keyd said no: nothing holds */
	fake_keyd.bad_cert = true;
	assert_null(import(f, "TVS", "n1", CHAIN, false, &e));
	assert_int_equal(e.rc, RC_VERIFY);
	assert_int_equal(holds(f), 1);
	/* nobody knows: it holds */
	fake_keyd.bad_cert = false;
	fake_keyd.lost = true;
	assert_null(import(f, "TVS", "n1", CHAIN, false, &e));
	assert_int_equal(e.rc, RC_STALE);
	assert_int_equal(holds(f), 2);
}

static const char *last_note(struct fixture *f, json_t **status)
{
	struct err e;

	*status = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e);
	assert_non_null(*status);
	return text(json_object_get(*status, "last"), "note");
}

/* front was killed while keyd did it. */
static void test_cut_off(void **state)
{
	static const struct {
		const char *kind, *params, *note;
	} rows[] = {
		{"cert-import", "unit=CallManager node=n1 generation=0 regenerate=yes force=no",
		 "the key was made all the same: CallManager/n1/1"},
		{"csr", "unit=TVS node=n1", "`show csr own` prints the request"},
	};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hold h = {.unit = UNIT_CALLMANAGER, .node = "n1",
				 .set = {{f->wall, (double)f->mono}, "first"}};
		json_t *s = NULL;
		struct err e;
		int64_t op;

		assert_ok(store_op_begin(f->service->store, rows[i].kind, "root (uid 0)",
					 rows[i].params, &op, &e), &e);
		assert_ok(store_hold_put(f->service->store, &h, &e), &e);
		fixture_front(f, false);
		fixture_pass(f, 250);
		fixture_front(f, true);
		for (int tries = 0; tries < 500 && !strstr(last_note(f, &s), rows[i].note);
		     tries++) {
			json_decref(s);
			(void)poll(NULL, 0, 20);
		}
		assert_non_null(strstr(text(json_object_get(s, "last"), "note"),
				       rows[i].note));
		/* An import's hold begins anew. */
		assert_int_equal(json_integer_value(json_object_get(json_array_get(
					 json_object_get(s, "holds"), 0), "seconds")),
				 i == 0 ? 300 : 50);
		json_decref(s);
	}
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_requests, asking_start),
		TEST(test_imports, asking_start_served),
		TEST(test_what_is_no_import, asking_start),
		TEST(test_cut_off, asking_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
