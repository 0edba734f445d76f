#include "support/support.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/num.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct thing {
	char *name, *path, *note;
	unsigned number, colour;
	bool on;
	char id[16];
};

struct all {
	struct thing main, nodes[3];
	unsigned opened, nnodes;
};

static const char *const colours[] = {"red", "green", NULL};

#define AT(member) offsetof(struct thing, member)

static const struct conf_row rows[] = {
	{"name", CONF_TEXT, AT(name), NULL, 0, 0, NULL, "required"},
	{"path", CONF_PATH, AT(path), "/var/x", 0, 0, NULL, "a path"},
	{"note", CONF_TEXT, AT(note), "", 0, 0, NULL, "may stay NULL"},
	{"number", CONF_UINT, AT(number), "7", 5, 4294967295u, NULL, "a number"},
	{"colour", CONF_ENUM, AT(colour), "green", 0, 0, colours, "a word"},
	{"on", CONF_BOOL, AT(on), "no", 0, 0, NULL, "a switch"},
	{NULL, CONF_TEXT, 0, NULL, 0, 0, NULL, NULL},
};

static void *open_main(void *arg, const char *id, struct err *e)
{
	struct all *a = arg;

	if (id[0]) {
		err_set(e, RC_USAGE, "", "it takes no name", NULL, "%s", id);
		return NULL;
	}
	a->opened++;
	return &a->main;
}

static void *open_node(void *arg, const char *id, struct err *e)
{
	struct all *a = arg;
	struct thing *t = &a->nodes[a->nnodes];

	if (!id[0] || strlen(id) >= sizeof t->id || a->nnodes == 3) {
		err_set(e, RC_USAGE, "", "a node needs a name", NULL, "node");
		return NULL;
	}
	strcpy(t->id, id);
	a->nnodes++;
	return t;
}

static const struct conf_section sections[] = {
	{"main", rows, open_main},
	{"node", rows, open_node},
	{NULL, NULL, NULL},
};

static char *dir;

static enum rc read_conf(const char *text, size_t n, struct all *a,
			 char path[4096], struct err *e)
{
	*a = (struct all){0};
	assert_ok(file_path(path, 4096, dir, "test.conf", e), e);
	assert_ok(file_replace(path, bytes_of(text, n), 0600, e), e);
	return conf_read(path, sections, a, e);
}

static void clear(struct all *a)
{
	conf_clear(rows, &a->main);
	for (size_t i = 0; i < COUNT_OF(a->nodes); i++)
		conf_clear(rows, &a->nodes[i]);
}

static void test_values(void **state)
{
	static const char text[] = "# a comment\n"
				   "[main]\n"
				   "name = the cluster ; and a comment\n"
				   "number = 4294967295\n"
				   "colour=red\n"
				   "on = yes\n"
				   "\n"
				   "[node n1]\n"
				   "name = one\n"
				   "path = /srv/tftp\n"
				   "[node n2]\n"
				   "name = two\n";
	struct all a;
	char path[4096];
	struct err e;

	(void)state;
	assert_ok(read_conf(text, strlen(text), &a, path, &e), &e);
	assert_string_equal(a.main.name, "the cluster");
	assert_string_equal(a.main.path, "/var/x");
	assert_null(a.main.note);
	assert_true(a.main.number == 4294967295u);
	assert_int_equal(a.main.colour, 0);
	assert_true(a.main.on);
	assert_int_equal(a.opened, 1);
	assert_int_equal(a.nnodes, 2);
	assert_string_equal(a.nodes[0].id, "n1");
	assert_string_equal(a.nodes[0].path, "/srv/tftp");
	assert_int_equal(a.nodes[0].number, 7);
	assert_int_equal(a.nodes[0].colour, 1);
	assert_false(a.nodes[0].on);
	assert_string_equal(a.nodes[1].name, "two");
	assert_int_equal(conf_line(path, "main", "colour"), 5);
	assert_int_equal(conf_line(path, "node n2", "name"), 12);
	assert_int_equal(conf_line(path, "node n2", "path"), 12);
	assert_int_equal(conf_line(path, "node n3", "name"), 0);
	clear(&a);
	assert_null(a.main.name);
	clear(&a);
}

#define LONG_199                                                               \
	"name = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Every error names file and line. */
static const struct {
	const char *name, *text;
	int line;
	const char *says;
} errors[] = {
	{"unknown section", "[main]\nname=a\n[mian]\nname=b\n", 4, "mian"},
	{"prefix of a section", "[mai]\nname=a\n", 2, "unknown section"},
	{"no section", "name=a\n", 1, "unknown section"},
	{"blank behind a section's name", "[main ]\nname=a\n", 2, "unknown section"},
	{"unknown key", "[main]\nname=a\n\nnmae=b\n", 4, "nmae"},
	{"keys have a case", "[main]\nName=a\n", 2, "unknown key"},
	{"doubled key", "[main]\nname=a\nname=b\n", 3, "stands twice"},
	{"doubled, section opened again",
	 "[main]\nname=a\n[node n]\nname=x\n[main]\nname=b\n", 6, "stands twice"},
	{"missing key", "[node n]\nname=x\n[main]\non=no\n", 4, "missing"},
	{"number too small", "[main]\nnumber=4\nname=a\n", 2, "out of range"},
	{"number too large", "[main]\nnumber=4294967296\n", 2, "out of range"},
	{"number negative", "[main]\nnumber=-1\n", 2, "out of range"},
	{"number with a tail", "[main]\nnumber=9x\n", 2, "out of range"},
	{"number empty", "[main]\nnumber=\n", 2, "out of range"},
	{"number beyond unsigned long",
	 "[main]\nnumber=99999999999999999999999\n", 2, "out of range"},
	{"relative path", "[main]\npath=x/y\n", 2, "absolute"},
	{"not yes or no", "[main]\non=true\n", 2, "yes or no"},
	{"no such word", "[main]\ncolour=blue\n", 2, "none of the values"},
	{"section refused", "[main x]\nname=a\n", 2, "it takes no name"},
	{"node without a name", "[node]\nname=a\n", 2, "needs a name"},
	{"no key, no section", "[main]\nname=a\nnonsense\n", 3, "neither"},
	{"unclosed section", "[main\nname=a\n", 1, "neither"},
	{"line too long", "[main]\n" LONG_199 "\n", 2, "too long"},
	{"last line too long", "[main]\n" LONG_199, 2, "too long"},
	{"required text empty", "[main]\nname =\n", 2, "missing"},
	{"path with a default empty", "[main]\npath =\n", 2, "missing"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		char path[4096], where[4200];
		struct err e = {0};
		struct all a;
		enum rc rc = read_conf(errors[i].text, strlen(errors[i].text),
				       &a, path, &e);
		char text[1200];

		clear(&a);
		err_text(&e, text, sizeof text);
		(void)snprintf(where, sizeof where, "%s:%d:", path,
			       errors[i].line);
		if (rc != RC_USAGE || !strstr(text, where) ||
		    !strstr(text, errors[i].says))
			fail_msg("%s: %s: %s", errors[i].name, rc_name(rc),
				 text);
	}
}

/* inih would not see what stands behind it, also where no line ends. */
static void test_nul(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		int line;
	} files[] = {
		{"[main]\nname=a\0b\n", 16, 2},
		{"[main]\nname=a\0b", 15, 2},
		{"[main]\nname=a\n\0", 15, 3},
		{"[main]\nname=a\n#\0\non=yes\n", 25, 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char path[4096], where[4200];
		struct all a;
		struct err e;

		assert_int_equal(read_conf(files[i].text, files[i].n, &a, path, &e),
				 RC_USAGE);
		clear(&a);
		(void)snprintf(where, sizeof where, "%s:%d: ", path, files[i].line);
		assert_non_null(strstr(e.what, where));
		assert_string_equal(e.why, "a NUL stands in it");
	}
}

/* A text that need not be set, and is not: "key =" is no empty word. */
static void test_empty(void **state)
{
	static const char text[] = "[main]\nname=a\nnote = \n[node n]\nnote =;\nname=b\n";
	char path[4096];
	struct err e;
	struct all a;

	(void)state;
	assert_ok(read_conf(text, strlen(text), &a, path, &e), &e);
	assert_null(a.main.note);
	assert_string_equal(a.nodes[0].note, ";");
	clear(&a);
	assert_int_equal(read_conf("[main]\nname=a\nnote=\nnote=x\n", 28, &a, path, &e),
			 RC_USAGE);
	assert_string_equal(e.why, "the key stands twice");
	clear(&a);
}

/* What cannot be read, or not to its end, is no empty file. */
static void test_unreadable(void **state)
{
	char path[4096], *large = malloc(CONF_FILE_MAX + 1);
	struct err e;
	struct all a;

	(void)state;
	a = (struct all){0};
	assert_int_equal(conf_read(dir, sections, &a, &e), RC_ERROR);
	assert_non_null(strstr(e.what, dir));
	assert_non_null(large);
	memset(large, '\n', CONF_FILE_MAX + 1);
	assert_ok(read_conf(large, CONF_FILE_MAX, &a, path, &e), &e);
	assert_int_equal(read_conf(large, CONF_FILE_MAX + 1, &a, path, &e), RC_ERROR);
	assert_string_equal(e.why, "is too large");
	free(large);
}

static void test_longest_line(void **state)
{
	char text[300] = "[main]\n";
	size_t at = strlen(text);
	char path[4096];
	struct err e;
	struct all a;

	(void)state;
	memset(text + at, 'a', CONF_LINE_MAX);
	memcpy(text + at, "name=", 5);
	strcpy(text + at + CONF_LINE_MAX, "\n");
	assert_ok(read_conf(text, strlen(text), &a, path, &e), &e);
	assert_int_equal(strlen(a.main.name), CONF_LINE_MAX - 5);
	clear(&a);
}

static void test_no_last_newline(void **state)
{
	char path[4096];
	struct err e;
	struct all a;

	(void)state;
	assert_ok(read_conf("[main]\nname=a", 13, &a, path, &e), &e);
	assert_string_equal(a.main.name, "a");
	clear(&a);
}

/* A section that needs no function: its struct is the argument. */
static void test_plain_section(void **state)
{
	static const struct conf_section plain[] = {{"main", rows, NULL}, {0}};
	struct thing t = {0};
	char path[4096];
	struct err e;

	(void)state;
	assert_ok(conf_defaults(rows, &t, &e), &e);
	assert_int_equal(t.number, 7);
	assert_string_equal(t.path, "/var/x");
	assert_null(t.note);
	assert_ok(file_path(path, sizeof path, dir, "plain", &e), &e);
	assert_ok(file_replace(path, bytes_of_text("[main]\nname=a\nnumber=9\n"),
			       0600, &e),
		  &e);
	assert_ok(conf_read(path, plain, &t, &e), &e);
	assert_string_equal(t.name, "a");
	assert_int_equal(t.number, 9);
	assert_ok(file_replace(path, bytes_of_text("[main x]\nname=a\n"), 0600, &e),
		  &e);
	assert_int_equal(conf_read(path, plain, &t, &e), RC_USAGE);
	assert_non_null(strstr(e.why, "takes no identifier"));
	conf_clear(rows, &t);
}

static void test_no_file(void **state)
{
	struct all a = {0};
	struct err e;

	(void)state;
	assert_int_equal(conf_read("/no/such/file", sections, &a, &e),
			 RC_NOTFOUND);
	assert_non_null(strstr(e.what, "/no/such/file"));
	assert_int_equal(conf_line("/no/such/file", "main", "name"), 0);
}

static int setup(void **state)
{
	(void)state;
	dir = support_tmpdir();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	support_tmpdir_remove(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_longest_line),
		cmocka_unit_test(test_no_last_newline),
		cmocka_unit_test(test_plain_section),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
