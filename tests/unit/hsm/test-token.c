#include "fixture.h"
#include "base/num.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- choosing ---- */

static void add_tokens(struct fixture *f)
{
	hsm_token_free(f->token);
	hsm_module_free(f->module);
	f->token = NULL;
	f->module = NULL;
	softhsm_add_token("second", SOFTHSM_SO_PIN, SOFTHSM_PIN);
	softhsm_add_token("twin", SOFTHSM_SO_PIN, SOFTHSM_PIN);
	softhsm_add_token("twin", SOFTHSM_SO_PIN, SOFTHSM_PIN);
	struct err e;

	assert_ok(hsm_module_open(mock_module(), &f->module, &e), &e);
}

static void test_choose(void **state)
{
	static const struct {
		const char *uri;
		enum rc rc;
		const char *label; /* or a part of the message */
	} rows[] = {
		{TOKEN_URI, RC_OK, TOKEN_LABEL},
		{"pkcs11:token=second", RC_OK, "second"},
		{"pkcs11:token=second;manufacturer=SoftHSM%20project", RC_OK,
		 "second"},
		{"pkcs11:token=second;library-manufacturer=SoftHSM", RC_OK,
		 "second"},
		{"pkcs11:token=second;library-manufacturer=Other", RC_TOKEN,
		 "no token matches"},
		{"pkcs11:token=second;slot-id=999999999", RC_TOKEN,
		 "no token matches"},
		{"pkcs11:token=second;slot-description=x", RC_TOKEN,
		 "no token matches"},
		{"pkcs11:token=second;model=x", RC_TOKEN, "no token matches"},
		{"pkcs11:token=none", RC_TOKEN, "\"second\""},
		{"pkcs11:token=none", RC_TOKEN, "\"" TOKEN_LABEL "\""},
		{"pkcs11:token=twin", RC_TOKEN, "more than one token matches"},
		{"pkcs11:", RC_TOKEN, "more than one token matches"},
		{"pkcs11:slot-id=0", RC_USAGE, "slot"},
		{"pkcs11:token=second?pin-value=1234", RC_USAGE, "pin-value"},
	};
	struct fixture *f = *state;

	add_tokens(f);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_token CLEANUP(hsm_token_free) *t = NULL;
		struct err e = {0};
		enum rc rc = hsm_token_open(f->module, rows[i].uri, 1, &t, &e);

		if (rc != rows[i].rc)
			fail_msg("%s: %s", rows[i].uri, fixture_text(&e));
		if (rc == RC_OK)
			assert_string_equal(hsm_token_info(t)->label,
					    rows[i].label);
		else if (!strstr(fixture_text(&e), rows[i].label))
			fail_msg("%s: no \"%s\" in: %s", rows[i].uri,
				 rows[i].label, fixture_text(&e));
	}
}

static void test_choose_by_serial_and_slot(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = NULL;
	char serial[17], uri[200];
	struct err e;

	strcpy(serial, hsm_token_info(f->token)->serial);
	assert_true(serial[0]);
	assert_string_equal(hsm_token_info(f->token)->manufacturer,
			    "SoftHSM project");
	(void)snprintf(uri, sizeof uri, "pkcs11:serial=%s", serial);
	assert_ok(hsm_token_open(f->module, uri, 1, &t, &e), &e);
	assert_string_equal(hsm_token_info(t)->serial, serial);
	hsm_token_free(t);
}

static void test_slots_that_fail(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = NULL;
	struct err e;

	*f->mock = (struct mock){0};
	f->mock->fault[MOCK_GET_SLOT_LIST].rv = CKR_DEVICE_ERROR;
	f->mock->fault[MOCK_GET_SLOT_LIST].times = 1;
	assert_int_equal(hsm_token_open(f->module, TOKEN_URI, 1, &t, &e),
			 RC_TOKEN);
	f->mock->fault[MOCK_OPEN_SESSION].rv = CKR_SESSION_COUNT;
	f->mock->fault[MOCK_OPEN_SESSION].times = 1;
	assert_int_equal(hsm_token_open(f->module, TOKEN_URI, 4, &t, &e),
			 RC_TOKEN);
	assert_non_null(strstr(fixture_text(&e), "CKR_SESSION_COUNT"));
	assert_non_null(strstr(e.what, TOKEN_LABEL));
	assert_null(t);
}

static void test_session_limits(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = NULL;
	struct err e;

	assert_int_equal(hsm_token_open(f->module, TOKEN_URI, 0, &t, &e),
			 RC_USAGE);
	assert_int_equal(hsm_token_open(f->module, TOKEN_URI,
					HSM_MAX_SESSIONS + 1, &t, &e),
			 RC_USAGE);
	assert_ok(hsm_token_open(f->module, TOKEN_URI, HSM_MAX_SESSIONS, &t, &e),
		  &e);
	hsm_token_free(t);
	hsm_token_free(NULL);
}

static void test_no_token(void **state)
{
	struct softhsm softhsm;
	struct hsm_module *m = NULL;
	struct hsm_token *t = NULL;
	struct err e;

	(void)state;
	softhsm_start(&softhsm, NULL);
	assert_ok(hsm_module_open(softhsm_module(), &m, &e), &e);
	/* SoftHSM's spare slot is none to choose. */
	assert_int_equal(hsm_token_open(m, "pkcs11:", 1, &t, &e), RC_TOKEN);
	assert_non_null(strstr(e.why, "no initialised token"));
	hsm_module_free(m);
	softhsm_stop(&softhsm);
}

/* ---- the PIN ---- */

/* A token of the fixture's module on which nobody logged in. */
static struct hsm_token *fresh(struct fixture *f)
{
	struct hsm_token *t = NULL;
	struct err e;

	hsm_token_free(f->token);
	f->token = NULL;
	*f->mock = (struct mock){0};
	assert_ok(hsm_token_open(f->module, TOKEN_URI, 1, &t, &e), &e);
	f->token = t;
	return t;
}

static enum rc login(struct hsm_token *t, const char *pin, struct err *e)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(pin);

	return hsm_token_login(t, s, e);
}

static void test_login(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = fresh(f);
	struct err e;

	assert_ok(login(t, SOFTHSM_PIN, &e), &e);
	assert_ok(login(t, SOFTHSM_PIN, &e), &e);
	assert_int_equal(f->mock->count[MOCK_LOGIN], 1);
	t = fresh(f);
	f->mock->fault[MOCK_LOGIN].rv = CKR_USER_ALREADY_LOGGED_IN;
	f->mock->fault[MOCK_LOGIN].times = 1;
	assert_ok(login(t, SOFTHSM_PIN, &e), &e);
}

static void test_wrong_pin_is_sent_once(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = fresh(f);
	struct err e;

	assert_int_equal(login(t, "9999", &e), RC_PIN);
	assert_string_equal(e.name, "CKR_PIN_INCORRECT");
	assert_non_null(strstr(e.what, TOKEN_LABEL));
	assert_null(strstr(fixture_text(&e), "9999"));
	assert_int_equal(login(t, "9999", &e), RC_PIN);
	assert_int_equal(login(t, SOFTHSM_PIN, &e), RC_PIN);
	assert_int_equal(f->mock->count[MOCK_LOGIN], 1);
}

static void test_no_pin_is_sent(void **state)
{
	static const struct {
		CK_FLAGS flags;
		const char *pin, *says;
	} rows[] = {
		{CKF_USER_PIN_FINAL_TRY, SOFTHSM_PIN, "would lock it"},
		{CKF_USER_PIN_LOCKED, SOFTHSM_PIN, "the PIN is locked"},
		{CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY, SOFTHSM_PIN,
		 "the PIN is locked"},
		{0, "1", "shorter or longer"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_token *t = fresh(f);
		struct err e;

		f->mock->token_flags = rows[i].flags;
		assert_int_equal(login(t, rows[i].pin, &e), RC_PIN);
		assert_non_null(strstr(e.why, rows[i].says));
		assert_true(e.hint[0]);
		assert_int_equal(f->mock->count[MOCK_LOGIN], 0);
	}
}

/* Failures before are no reason to keep a PIN back. */
static void test_count_low_is_sent(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = fresh(f);
	struct err e;

	f->mock->token_flags = CKF_USER_PIN_COUNT_LOW;
	assert_ok(login(t, SOFTHSM_PIN, &e), &e);
}

static void test_answers_to_login(void **state)
{
	static const struct {
		CK_RV rv;
		enum rc rc;
		unsigned logins; /* sent in two tries */
	} rows[] = {
		{CKR_PIN_LOCKED, RC_PIN, 1},   {CKR_PIN_EXPIRED, RC_PIN, 1},
		{CKR_PIN_INVALID, RC_PIN, 1},  {CKR_PIN_LEN_RANGE, RC_PIN, 1},
		{0x80000055, RC_PIN, 1}, /* a vendor's own: to be safe */
		{CKR_DEVICE_ERROR, RC_TOKEN, 2},
		{CKR_USER_PIN_NOT_INITIALIZED, RC_TOKEN, 2},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_token *t = fresh(f);
		struct err e;

		f->mock->fault[MOCK_LOGIN].rv = rows[i].rv;
		f->mock->fault[MOCK_LOGIN].times = 2;
		assert_int_equal(login(t, SOFTHSM_PIN, &e), rows[i].rc);
		assert_int_equal(e.rc, rows[i].rc);
		(void)!login(t, SOFTHSM_PIN, &e);
		assert_int_equal(f->mock->count[MOCK_LOGIN], rows[i].logins);
	}
}

/* ---- the pool ---- */

static void test_sessions_are_distinct(void **state)
{
	struct fixture *f = *state;
	struct hsm_session *s[4];
	struct hsm_token *t = NULL;
	struct err e;

	assert_ok(hsm_token_open(f->module, TOKEN_URI, 4, &t, &e), &e);
	for (size_t i = 0; i < 4; i++) {
		s[i] = hsm_session_take(t);
		assert_ptr_equal(hsm_session_token(s[i]), t);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(hsm_session_handle(s[i]),
					     hsm_session_handle(s[k]));
	}
	hsm_session_give(s[2]);
	assert_ptr_equal(hsm_session_take(t), s[2]);
	for (size_t i = 0; i < 4; i++)
		hsm_session_give(s[i]);
	hsm_token_free(t);
}

static void *take_and_give(void *arg)
{
	for (int i = 0; i < 1000; i++)
		hsm_session_give(hsm_session_take(arg));
	return NULL;
}

/* More threads than sessions: each waits its turn. */
static void test_take_blocks(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = NULL;
	struct hsm_session *s[2];
	pthread_t threads[6];
	struct err e;

	assert_ok(hsm_token_open(f->module, TOKEN_URI, 2, &t, &e), &e);
	s[0] = hsm_session_take(t);
	s[1] = hsm_session_take(t);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						take_and_give, t),
				 0);
	(void)usleep(20000); /* by now they wait, most likely */
	hsm_session_give(s[0]);
	hsm_session_give(s[1]);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	hsm_token_free(t);
}

static void test_reopen(void **state)
{
	struct fixture *f = *state;
	struct hsm_session *s = f->session;
	CK_SESSION_HANDLE before = hsm_session_handle(s);
	CK_SESSION_INFO info;
	struct err e;

	*f->mock = (struct mock){0};
	assert_int_equal(hsm_session_functions(s)->C_CloseSession(before),
			 CKR_OK);
	f->mock->fault[MOCK_OPEN_SESSION].rv = CKR_DEVICE_REMOVED;
	f->mock->fault[MOCK_OPEN_SESSION].times = 1;
	assert_int_equal(hsm_session_reopen(s, &e), RC_TOKEN);
	assert_int_equal(hsm_session_handle(s), before);
	assert_ok(hsm_session_reopen(s, &e), &e);
	assert_int_equal(hsm_session_functions(s)->C_GetSessionInfo(
				 hsm_session_handle(s), &info),
			 CKR_OK);
	assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
}

/* With one session, closing it first would end the login. */
static void test_reopen_keeps_the_login(void **state)
{
	struct fixture *f = *state;
	struct hsm_token *t = fresh(f);
	struct hsm_session *s = hsm_session_take(t);
	CK_SESSION_INFO info;
	struct err e;

	assert_ok(login(t, SOFTHSM_PIN, &e), &e);
	assert_ok(hsm_session_reopen(s, &e), &e);
	assert_int_equal(hsm_session_functions(s)->C_GetSessionInfo(
				 hsm_session_handle(s), &info),
			 CKR_OK);
	assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
	hsm_session_give(s);
}

#define OWN_TOKEN(test)                                                        \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_TOKEN(test_choose),
		OWN_TOKEN(test_choose_by_serial_and_slot),
		OWN_TOKEN(test_slots_that_fail),
		OWN_TOKEN(test_session_limits),
		cmocka_unit_test(test_no_token),
		OWN_TOKEN(test_login),
		OWN_TOKEN(test_wrong_pin_is_sent_once),
		OWN_TOKEN(test_no_pin_is_sent),
		OWN_TOKEN(test_count_low_is_sent),
		OWN_TOKEN(test_answers_to_login),
		OWN_TOKEN(test_sessions_are_distinct),
		OWN_TOKEN(test_take_blocks),
		OWN_TOKEN(test_reopen),
		OWN_TOKEN(test_reopen_keeps_the_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
