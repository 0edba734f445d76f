#include "support/support.h"
#include "base/errjson.h"
#include "base/num.h"
#include <string.h>

static void test_there_and_back(void **state)
{
	struct err e, back;
	json_t *j;

	(void)state;
	err_set(&e, RC_PIN, "C_Login", "the PIN is locked", "reset it", "token \"ä\"");
	e.code = 0xa4;
	strcpy(e.name, "CKR_PIN_LOCKED");
	j = err_json(&e);
	assert_non_null(j);
	assert_int_equal(err_from_json(j, &back), RC_PIN);
	assert_memory_equal(&back, &e, sizeof e);
	json_decref(j);
}

/* What a server or a command said goes to a terminal. */
static void test_words(void **state)
{
	static const struct {
		const char *said, *shown;
	} rows[] = {
		{"a\nb\x1b[1m\x7f", "a?b?[1m?"},
		{"\xff\xc3\xa4", "???"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"a\xc2\x9b" "2J\xc2\x85", "a??2J??"},
		/* cut off at the end, as a text of a fixed size is */
		{"gr\xc3\xbc\xc3", "gr\xc3\xbc"},
		{"\xe2\x82\xac\xe2\x82", "\xe2\x82\xac"},
		{"\xe2\x82\xac\xe2", "\xe2\x82\xac"},
		{"\xf0\x9f\x93\x9e\xf0\x9f\x93", "\xf0\x9f\x93\x9e"},
		{"\xf0\x9f\x93\x9e", "\xf0\x9f\x93\x9e"},
		{"caf\xe9", "caf"},
		{"caf\xe9s", "caf?s"},
		{"\x80\x80\x80\x80", "????"},
		{"\xc3", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e;
		json_t *j;

		err_set(&e, RC_ERROR, "fetch", rows[i].said, NULL, "x");
		j = err_json(&e);
		assert_string_equal(json_string_value(json_object_get(j, "why")),
				    rows[i].shown);
		json_decref(j);
	}
}

static void test_no_error(void **state)
{
	const struct err none = {.rc = RC_OK};
	static const char *const rows[] = {
		"{}", "[]", "{\"rc\":\"stale\"}",
		"{\"rc\":\"ok\",\"op\":\"\",\"what\":\"\",\"why\":\"\",\"name\":\"\",\"code\":0,\"hint\":\"\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *j = json_loads(rows[i], 0, NULL);
		struct err e = {0};

		assert_non_null(j);
		assert_int_equal(err_from_json(j, &e), RC_ERROR);
		assert_int_equal(e.rc, RC_ERROR);
		json_decref(j);
	}
	struct err e = {0};

	assert_int_equal(err_from_json(NULL, &e), RC_ERROR);
	assert_true(json_is_null(err_json(&none))); /* which nobody frees */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
