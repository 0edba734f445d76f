/* Editing an INI file: what was not asked for stays, byte for byte. */
#include "support/support.h"
#include "base/conf.h"
#include "base/confedit.h"
#include "base/num.h"
#include <string.h>

enum what { SET, ADD, REMOVE };

static const char base[] =
	"; the cluster\n"
	"[cluster]\n"
	"name=t ; short\n"
	"publisher :  n1\n"
	"\n"
	"# the first\n"
	"[node n1]\n"
	"host = one\n"
	"# an old address: 1.1.1.1\n"
	"address=::1\n"
	"\n"
	"[node n2]\n"
	"host = two\n";

static const struct {
	const char *name, *before;
	enum what what;
	const char *section, *key, *value;
	enum rc rc;
	const char *after; /* the whole; or a part of the error */
} rows[] = {
	{"a value", base, SET, "cluster", "name", "longer", RC_OK,
	 "; the cluster\n[cluster]\nname=longer ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\n\n[node n2]\nhost = two\n"},
	{"with a colon", base, SET, "cluster", "publisher", "n2", RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n2\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\n\n[node n2]\nhost = two\n"},
	{"the same again", base, SET, "node n1", "host", "one", RC_OK, base},
	{"the key of this section", base, SET, "node n2", "host", "2", RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\n\n[node n2]\nhost = 2\n"},
	{"a new key", base, SET, "node n1", "tvs", "no", RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\ntvs = no\n\n[node n2]\nhost = two\n"},
	{"no key any more", base, SET, "node n1", "address", NULL, RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\n\n[node n2]\nhost = two\n"},
	{"none that was not there", base, SET, "node n1", "tvs", NULL, RC_OK, base},
	{"a section", base, ADD, "node n3", NULL, NULL, RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\n\n[node n2]\nhost = two\n\n[node n3]\n"},
	{"a section that is there", base, ADD, "node n2", NULL, NULL, RC_USAGE,
	 "f.conf:12: node n2: the section is there already"},
	{"not this section", base, REMOVE, "node n1", NULL, NULL, RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n[node n2]\nhost = two\n"},
	{"not the last one", base, REMOVE, "node n2", NULL, NULL, RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\n"},
	{"no such section", base, REMOVE, "node n9", NULL, NULL, RC_NOTFOUND, "no such section"},
	{"a key of no such section", base, SET, "node n9", "host", "x", RC_NOTFOUND, "no such section"},
	{"CRLF", "[a]\r\nb = 1\r\n[c]\r\nd = 1\r\n", SET, "a", "b", "2", RC_OK,
	 "[a]\r\nb = 2\r\n[c]\r\nd = 1\r\n"},
	{"CRLF for new lines", "[a]\r\nb = 1\r\n[c]\r\nd = 1\r\n", SET, "a", "e", "2", RC_OK,
	 "[a]\r\nb = 1\r\ne = 2\r\n[c]\r\nd = 1\r\n"},
	{"no newline at the end", "[a]\nb = 1", SET, "a", "c", "2", RC_OK, "[a]\nb = 1\nc = 2\n"},
	{"nor with a section", "[a]\nb = 1", ADD, "d", NULL, NULL, RC_OK, "[a]\nb = 1\n\n[d]\n"},
	{"nor with its value", "[a]\nb = 1", SET, "a", "b", "2", RC_OK, "[a]\nb = 2"},
	{"an empty line there", "[a]\nb = 1\n\n", ADD, "d", NULL, NULL, RC_OK, "[a]\nb = 1\n\n[d]\n"},
	{"an empty file", "", ADD, "d", NULL, NULL, RC_OK, "[d]\n"},
	{"an empty value", "[a]\nb =\n", SET, "a", "b", "2", RC_OK, "[a]\nb = 2\n"},
	{"behind a header alone", "[a]\n[b]\n", SET, "a", "c", "1", RC_OK, "[a]\nc = 1\n[b]\n"},
	{"a BOM", "\xef\xbb\xbf[a]\nb = 1\n", SET, "a", "c", "2", RC_OK,
	 "\xef\xbb\xbf[a]\nb = 1\nc = 2\n"},
	{"a section opened twice", "[a]\nb = 1\n[c]\nd = 1\n[a]\ne = 1\n", SET, "a", "b", "2", RC_OK,
	 "[a]\nb = 2\n[c]\nd = 1\n[a]\ne = 1\n"},
	{"and then removed", "[a]\nb = 1\n[c]\nd = 1\n[a]\ne = 1\n", REMOVE, "a", NULL, NULL, RC_USAGE,
	 "f.conf:5: a: the section is opened twice"},
	{"a key that stands twice", "[a]\nb = 1\nb = 2\n", SET, "a", "b", "3", RC_USAGE,
	 "f.conf:3: b: the key stands twice"},
	{"a line that goes on", "[a]\nb = 1\n  2\n", SET, "a", "b", "3", RC_USAGE, "stands twice"},
	{"a line that would go on with it", "[a]\n  [c]\n", SET, "a", "b", "1", RC_USAGE,
	 "f.conf:2: b: another line would change its meaning"},
	{"a comment of the next section stays", "[a]\nb = 1\n# of c\n[c]\nd = 1\n", REMOVE, "a", NULL, NULL,
	 RC_OK, "# of c\n[c]\nd = 1\n"},
	{"a comment right behind a key stays", "[a]\nb = 1\n#d = 1\n[c]\nd = 1\n", REMOVE, "c", NULL, NULL,
	 RC_OK, "[a]\nb = 1\n#d = 1\n"},
	{"no INI file", "what is this\n", SET, "a", "b", "c", RC_USAGE, "f.conf:1: this line"},

	{"a line break", base, SET, "node n1", "host", "x\n[node n9]", RC_USAGE, "control character"},
	{"a carriage return", base, SET, "node n1", "host", "x\ry", RC_USAGE, "control character"},
	{"a comment", base, SET, "node n1", "host", "x ;y", RC_USAGE, "begins a comment"},
	{"a comment at once", base, SET, "node n1", "host", ";y", RC_USAGE, "begins a comment"},
	{"no comment", base, SET, "node n2", "host", "x;y", RC_OK,
	 "; the cluster\n[cluster]\nname=t ; short\npublisher :  n1\n\n# the first\n"
	 "[node n1]\nhost = one\n# an old address: 1.1.1.1\naddress=::1\n\n[node n2]\nhost = x;y\n"},
	{"blanks", base, SET, "node n1", "host", " x", RC_USAGE, "a blank stands"},
	{"nothing", base, SET, "node n1", "host", "", RC_USAGE, "it is empty"},
	{"a value like a header", "[a]\nb = 1\n", SET, "a", "b", "[c]", RC_OK, "[a]\nb = [c]\n"},
	{"a value like a key", "[a]\nb = 1\n", SET, "a", "b", "c = d", RC_OK, "[a]\nb = c = d\n"},
	{"a key like two", "[a]\nb = 1\n", SET, "a", "c = d", "e", RC_USAGE, "f.conf: c = d: is no name"},
	{"a key like a comment", "[a]\nb = 1\n", SET, "a", "#c", "e", RC_USAGE, "is no name"},
	{"a section like two", "[a]\nb = 1\n", ADD, "x]\ny = 1\n[z", NULL, NULL, RC_USAGE, "is no name"},
};

static enum rc change(struct confedit *c, size_t i, struct err *e)
{
	switch (rows[i].what) {
	case SET:
		return confedit_set(c, rows[i].section, rows[i].key,
				    rows[i].value, e);
	case ADD:
		return confedit_add_section(c, rows[i].section, e);
	case REMOVE:
		return confedit_remove_section(c, rows[i].section, e);
	}
	return RC_ERROR;
}

static void changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct confedit *c = NULL;
		char text[1200], *after = NULL;
		struct err e;
		size_t n;
		enum rc rc = confedit_open("f.conf", bytes_of_text(rows[i].before),
					   &c, &e);

		print_message("  %s\n", rows[i].name);
		if (rc == RC_OK)
			rc = change(c, i, &e);
		if (rc != rows[i].rc)
			fail_msg("%s", rc == RC_OK ? "it was done"
						   : err_text(&e, text, sizeof text));
		if (rc == RC_OK) {
			assert_ok(confedit_text(c, &after, &n, &e), &e);
			assert_string_equal(after, rows[i].after);
			assert_int_equal(n, strlen(after));
			assert_int_equal(confedit_changed(c),
					 strcmp(after, rows[i].before) != 0);
		} else {
			assert_non_null(strstr(err_text(&e, text, sizeof text),
					       rows[i].after));
		}
		free(after);
		confedit_free(c);
	}
}

static void what_is_there(void **state)
{
	struct confedit *c;
	struct err e;

	(void)state;
	assert_ok(confedit_open("f.conf", bytes_of_text(base), &c, &e), &e);
	assert_string_equal(confedit_get(c, "cluster", "name"), "t");
	assert_string_equal(confedit_get(c, "node n2", "host"), "two");
	assert_null(confedit_get(c, "node n2", "address"));
	assert_true(confedit_has_section(c, "node n1"));
	assert_false(confedit_has_section(c, "node n3"));
	assert_false(confedit_has_section(c, "the first"));
	confedit_free(c);
	assert_int_equal(confedit_open("f.conf", bytes_of("[a]\0\n", 5), &c, &e),
			 RC_USAGE);
}

/* A whole node, and back: the file is what it was. */
static void there_and_back(void **state)
{
	struct confedit *c;
	struct err e;
	char *text;
	size_t n;

	(void)state;
	assert_ok(confedit_open("f.conf", bytes_of_text(base), &c, &e), &e);
	assert_ok(confedit_add_section(c, "node n3", &e), &e);
	assert_ok(confedit_set(c, "node n3", "host", "three", &e), &e);
	assert_ok(confedit_set(c, "node n3", "host", "3", &e), &e);
	assert_ok(confedit_set(c, "node n3", "address", "::3", &e), &e);
	assert_ok(confedit_text(c, &text, &n, &e), &e);
	assert_string_equal(text + strlen(base), "\n[node n3]\nhost = 3\naddress = ::3\n");
	free(text);
	assert_ok(confedit_remove_section(c, "node n3", &e), &e);
	assert_ok(confedit_text(c, &text, &n, &e), &e);
	assert_string_equal(text, base);
	assert_false(confedit_changed(c));
	free(text);
	confedit_free(c);
}

static void long_lines(void **state)
{
	char value[400], text[500];
	struct confedit *c;
	struct err e;

	(void)state;
	memset(value, 'x', sizeof value);
	value[198 - strlen("name = ")] = '\0';
	assert_ok(confedit_open("f.conf", bytes_of_text(base), &c, &e), &e);
	assert_ok(confedit_set(c, "node n1", "name", value, &e), &e);
	strcat(value, "x");
	assert_int_equal(confedit_set(c, "node n1", "name", value, &e), RC_USAGE);
	confedit_free(c);
	memset(value, 'x', sizeof value);
	(void)snprintf(text, sizeof text, "[a]\nb = %.300s\n", value);
	assert_int_equal(confedit_open("f.conf", bytes_of_text(text), &c, &e), RC_USAGE);
	assert_string_equal(e.what, "f.conf:2: this line");
}

/* As many lines as a file may have, changed near both ends. */
static void large_files(void **state)
{
	const size_t sections = 500;
	char *text = NULL, *after;
	struct confedit *c;
	struct err e;
	size_t n, m;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	for (size_t i = 0; i < sections; i++)
		(void)fprintf(f, "[s%zu]\nk = %zu\n# word\n", i, i);
	(void)fclose(f);
	assert_ok(confedit_open("f.conf", bytes_of(text, n), &c, &e), &e);
	assert_ok(confedit_set(c, "s0", "k", "1", &e), &e);
	assert_ok(confedit_set(c, "s499", "k", "498", &e), &e);
	assert_ok(confedit_text(c, &after, &m, &e), &e);
	assert_int_equal(n, m);
	text[strlen("[s0]\nk = ")] = '1';
	text[n - strlen("\n# word\n") - 1] = '8';
	assert_memory_equal(text, after, n);
	free(text);
	free(after);
	confedit_free(c);
}

/* As many lines as the largest file can have. */
static void many_lines(void **state)
{
	const size_t n = CONF_FILE_MAX;
	char *text = malloc(n), *after;
	struct confedit *c;
	struct err e;
	size_t m;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', n);
	memcpy(text, "[a]", 3);
	assert_ok(confedit_open("f.conf", bytes_of(text, n), &c, &e), &e);
	assert_ok(confedit_set(c, "a", "b", "1", &e), &e);
	assert_ok(confedit_add_section(c, "c", &e), &e);
	assert_ok(confedit_remove_section(c, "a", &e), &e);
	assert_ok(confedit_text(c, &after, &m, &e), &e);
	assert_string_equal(after + m - 5, "\n[c]\n");
	free(text);
	free(after);
	confedit_free(c);
}

static void diffs(void **state)
{
	static const char expected[] =
		"--- f.conf\n+++ f.conf\n"
		"@@ -1,6 +1,6 @@\n ; the cluster\n [cluster]\n-name=t ; short\n+name=u ; short\n"
		" publisher :  n1\n \n # the first\n"
		"@@ -11,3 +11,4 @@\n \n [node n2]\n host = two\n+tvs = no\n";
	struct confedit *c;
	char *text = NULL;
	struct err e;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_ok(confedit_open("f.conf", bytes_of_text(base), &c, &e), &e);
	confedit_diff(c, f);
	assert_int_equal(ftell(f), 0);
	assert_ok(confedit_set(c, "cluster", "name", "u", &e), &e);
	assert_ok(confedit_set(c, "node n2", "tvs", "no", &e), &e);
	confedit_diff(c, f);
	(void)fclose(f);
	assert_string_equal(text, expected);
	free(text);
	confedit_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes),
		cmocka_unit_test(what_is_there),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(large_files),
		cmocka_unit_test(many_lines),
		cmocka_unit_test(diffs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
