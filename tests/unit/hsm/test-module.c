#include "fixture.h"
#include "base/num.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static struct softhsm softhsm;

static int setup(void **state)
{
	(void)state;
	softhsm_start(&softhsm, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	softhsm_stop(&softhsm);
	return 0;
}

static void open_and_close(const char *name)
{
	struct hsm_module *m = NULL;
	CK_INFO info;
	struct err e;

	assert_ok(hsm_module_open(name, &m, &e), &e);
	assert_int_equal(hsm_module_functions(m)->C_GetInfo(&info), CKR_OK);
	assert_memory_equal(info.manufacturerID, "SoftHSM", 7);
	hsm_module_free(m);
}

static void test_by_path(void **state)
{
	(void)state;
	open_and_close(softhsm_module());
	open_and_close(softhsm_module()); /* and again, in one process */
}

static void test_by_name(void **state)
{
	(void)state;
	open_and_close("softhsm2");
}

/* OpenSC's file has a path relative to p11-kit's folder of modules. */
static void test_by_name_relative(void **state)
{
	struct hsm_module *m = NULL;
	CK_INFO info;
	struct err e;

	(void)state;
	assert_ok(hsm_module_open("opensc-pkcs11", &m, &e), &e);
	assert_int_equal(hsm_module_functions(m)->C_GetInfo(&info), CKR_OK);
	assert_memory_equal(info.manufacturerID, "OpenSC", 6);
	hsm_module_free(m);
}

static void test_refused(void **state)
{
	static const struct {
		const char *name;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"", RC_USAGE, "neither an absolute path nor a name"},
		{"lib/module.so", RC_USAGE, "lib/module.so"},
		{"../module", RC_USAGE, "neither"},
		{"no-such-module", RC_TOKEN, "no-such-module"},
		{"/no/such/module.so", RC_TOKEN, "/no/such/module.so"},
		{"/etc/passwd", RC_TOKEN, "/etc/passwd"},
		{LIBCRYPTO, RC_TOKEN, "libcrypto"}, /* a library, no module */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_module *m = NULL;
		struct err e = {0};
		enum rc rc = hsm_module_open(rows[i].name, &m, &e);

		if (rc != rows[i].rc || !strstr(fixture_text(&e), rows[i].says))
			fail_msg("%s: %s: %s", rows[i].name, rc_name(rc),
				 fixture_text(&e));
		assert_true(e.hint[0]);
		assert_null(m);
	}
	open_and_close(softhsm_module()); /* a failure leaves nothing open */
}

static void test_one_at_a_time(void **state)
{
	struct hsm_module *m = NULL, *second = NULL;
	struct err e;

	(void)state;
	assert_ok(hsm_module_open(softhsm_module(), &m, &e), &e);
	assert_int_equal(hsm_module_open(softhsm_module(), &second, &e),
			 RC_BUSY);
	assert_null(second);
	hsm_module_free(m);
	hsm_module_free(NULL);
}

static void test_locking(void **state)
{
	void *library = dlopen(mock_module(), RTLD_NOW | RTLD_LOCAL);
	struct hsm_module *m = NULL;
	struct mock *mock;
	struct err e;

	(void)state;
	assert_non_null(library);
	mock = dlsym(library, "mock_state");
	assert_non_null(mock);
	assert_ok(hsm_module_open(mock_module(), &m, &e), &e);
	assert_int_equal(mock->initialize_flags, CKF_OS_LOCKING_OK);
	hsm_module_free(m);
	m = NULL;
	mock->fault[MOCK_INITIALIZE].rv = CKR_CANT_LOCK;
	mock->fault[MOCK_INITIALIZE].times = 1;
	assert_int_equal(hsm_module_open(mock_module(), &m, &e), RC_TOKEN);
	assert_non_null(strstr(fixture_text(&e), "CKR_CANT_LOCK"));
	assert_non_null(strstr(e.hint, "threads"));
	assert_null(m);
	/* Somebody else's C_Initialize would make its C_Finalize ours. */
	mock->fault[MOCK_INITIALIZE].rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
	mock->fault[MOCK_INITIALIZE].times = 1;
	assert_int_equal(hsm_module_open(mock_module(), &m, &e), RC_TOKEN);
	(void)dlclose(library);
}

static void test_errors(void **state)
{
	static const struct {
		CK_RV rv;
		enum rc rc;
		const char *name;
	} rows[] = {
		{CKR_PIN_INCORRECT, RC_PIN, "CKR_PIN_INCORRECT"},
		{CKR_PIN_INVALID, RC_PIN, "CKR_PIN_INVALID"},
		{CKR_PIN_LEN_RANGE, RC_PIN, "CKR_PIN_LEN_RANGE"},
		{CKR_PIN_EXPIRED, RC_PIN, "CKR_PIN_EXPIRED"},
		{CKR_PIN_LOCKED, RC_PIN, "CKR_PIN_LOCKED"},
		{CKR_USER_PIN_NOT_INITIALIZED, RC_TOKEN,
		 "CKR_USER_PIN_NOT_INITIALIZED"},
		{CKR_SESSION_HANDLE_INVALID, RC_STALE,
		 "CKR_SESSION_HANDLE_INVALID"},
		{CKR_SESSION_CLOSED, RC_STALE, "CKR_SESSION_CLOSED"},
		{CKR_OBJECT_HANDLE_INVALID, RC_STALE,
		 "CKR_OBJECT_HANDLE_INVALID"},
		{CKR_KEY_HANDLE_INVALID, RC_STALE, "CKR_KEY_HANDLE_INVALID"},
		{CKR_USER_NOT_LOGGED_IN, RC_TOKEN, "CKR_USER_NOT_LOGGED_IN"},
		{CKR_DEVICE_REMOVED, RC_TOKEN, "CKR_DEVICE_REMOVED"},
		{CKR_DEVICE_MEMORY, RC_TOKEN, "CKR_DEVICE_MEMORY"},
		{CKR_CRYPTOKI_NOT_INITIALIZED, RC_TOKEN,
		 "CKR_CRYPTOKI_NOT_INITIALIZED"},
		{0x80000001, RC_TOKEN, "CKR_0x80000001"},
		{0x4711, RC_TOKEN, "CKR_0x00004711"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e;

		assert_int_equal(hsm_err(&e, "C_Any", rows[i].rv, "token \"%s\"",
					 "prod-a"),
				 rows[i].rc);
		assert_int_equal(e.rc, rows[i].rc);
		assert_int_equal(e.code, rows[i].rv);
		assert_string_equal(e.name, rows[i].name);
		assert_string_equal(e.op, "C_Any");
		assert_string_equal(e.what, "token \"prod-a\"");
		assert_true(e.why[0] && e.hint[0]);
		assert_string_equal(hsm_ckr_name(rows[i].rv), rows[i].name);
	}
	assert_string_equal(hsm_ckr_name(CKR_OK), "CKR_OK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_path),
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_by_name_relative),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_locking),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
