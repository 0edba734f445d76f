#include "support/support.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>

static void test_text(void **state)
{
	static const struct {
		struct err e;
		const char *text;
	} rows[] = {
		{{RC_PIN, 0xa4, "CKR_PIN_LOCKED", "C_Login", "token \"prod-a\"",
		  "the PIN is locked",
		  "the security officer must reset the user PIN"},
		 "C_Login on token \"prod-a\": the PIN is locked (CKR_PIN_LOCKED); the security officer must reset the user PIN"},
		{{RC_NOTFOUND, 0, "", "open", "/x", "", ""},
		 "open on /x: not-found"},
		{{RC_ERROR, 0, "", "", "/x", "is bad", ""}, "/x: is bad"},
		{{RC_ERROR, 0, "", "reset", "", "is bad", "try again"},
		 "reset: is bad; try again"},
		{{RC_BUSY, 0, "", "", "", "", ""}, "busy"},
		/* A server's words forge no line, and reach no terminal. */
		{{RC_ERROR, 0, "", "login", "a\tb", "no\r\nroot: yes",
		  "\033[2J\177\303\244"},
		 "login on a?b: no??root: yes; ?[2J?\303\244"},
		/* C1 in UTF-8, its neighbours, and one that is cut. */
		{{RC_ERROR, 0, "", "\302\233", "\302\200\302\237",
		  "\302\240\303\200\302", ""},
		 "?? on ????: \302\240\303\200\302"},
	};
	char text[1200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(err_text(&rows[i].e, text, sizeof text),
				    rows[i].text);
	assert_string_equal(err_text(&rows[0].e, text, 10), "C_Login o");
}

static void test_set(void **state)
{
	struct err e;
	char text[1200];

	(void)state;
	assert_int_equal(err_set(&e, RC_REFUSED, "reset", "no ticket", "get one",
				 "node %s", "n1"),
			 RC_REFUSED);
	assert_int_equal(e.rc, RC_REFUSED);
	assert_int_equal(e.code, 0);
	assert_string_equal(err_text(&e, text, sizeof text),
			    "reset on node n1: no ticket; get one");
	assert_int_equal(err_hint(&e, "ask"), RC_REFUSED);
	assert_string_equal(e.hint, "ask");
	/* Arguments may point into the error itself. */
	err_set(&e, RC_ERROR, e.op, e.why, NULL, "%s again", e.what);
	assert_string_equal(e.what, "node n1 again");
	assert_string_equal(e.op, "reset");
	assert_string_equal(e.hint, "");
}

static void test_errno(void **state)
{
	struct err e;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_errno(&e, RC_ERROR, "write", NULL, "%s", "/x"),
			 RC_ERROR);
	assert_int_equal(e.code, ENOSPC);
	assert_string_equal(e.name, "ENOSPC");
	assert_string_equal(e.why, "No space left on device");
}

static void test_within(void **state)
{
	char where[500];
	struct err e;

	(void)state;
	err_set(&e, RC_VERIFY, "parse", "doubled", NULL, "offset 10");
	e.code = 5;
	assert_int_equal(err_within(&e, "/x/ITLFile.tlv"), RC_VERIFY);
	assert_string_equal(e.what, "/x/ITLFile.tlv: offset 10");
	assert_string_equal(e.why, "doubled");
	assert_int_equal(e.code, 5);
	memset(where, 'a', sizeof where - 1);
	where[sizeof where - 1] = '\0';
	err_within(&e, where);
	assert_int_equal(strspn(e.what, "a"), 100);
	assert_non_null(strstr(e.what, ": /x/ITLFile.tlv: offset 10"));
}

/* Too long a text is cut, and everything stays a string. */
static void test_cut(void **state)
{
	static char long_text[5000];
	struct err e;

	(void)state;
	memset(long_text, 'a', sizeof long_text - 1);
	err_set(&e, RC_ERROR, long_text, long_text, long_text, "%s", long_text);
	assert_int_equal(strlen(e.op), sizeof e.op - 1);
	assert_int_equal(strlen(e.what), sizeof e.what - 1);
	assert_int_equal(strlen(e.why), sizeof e.why - 1);
	assert_int_equal(strlen(e.hint), sizeof e.hint - 1);
}

static void test_categories(void **state)
{
	static const int exit_codes[RC_COUNT] = {
		[RC_OK] = 0,	 [RC_ERROR] = 1,    [RC_USAGE] = 2,
		[RC_REFUSED] = 3, [RC_TOKEN] = 4,   [RC_VERIFY] = 5,
		[RC_NOTFOUND] = 1, [RC_BUSY] = 1,   [RC_STALE] = 4,
		[RC_PIN] = 4};

	(void)state;
	for (unsigned i = 0; i < RC_COUNT; i++) {
		assert_int_equal(err_exit_code((enum rc)i), exit_codes[i]);
		assert_int_equal(rc_from_name(rc_name((enum rc)i)), i);
	}
	assert_int_equal(rc_from_name("nonsense"), RC_ERROR);
	assert_int_equal(rc_from_name(NULL), RC_ERROR);
	assert_int_equal(err_exit_code(RC_COUNT), 1);
	assert_string_equal(rc_name(RC_COUNT), "error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),  cmocka_unit_test(test_set),
		cmocka_unit_test(test_errno), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_within), cmocka_unit_test(test_categories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
