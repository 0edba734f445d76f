/* Trees that somebody else may write in: what is refused, and left alone. */
#include "tree.h"
#include "base/num.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define NOBODY 65534u

static void links(void **state)
{
	struct tree *t = *state;
	char *other = support_tmpdir(), secret[PATH_MAX], up[PATH_MAX];

	snprintf(secret, sizeof secret, "%s/secret", other);
	snprintf(up, sizeof up, "../%s/secret", strrchr(other, '/') + 1);
	FILE *f = fopen(secret, "w");

	assert_non_null(f);
	fclose(f);
	tree_text(t, "sub/real.xml", "real");
	assert_int_equal(symlink("sub/real.xml", tree_path(t, "in.xml")), 0);
	assert_int_equal(symlink("../sub/real.xml", tree_path(t, "sub/in.xml")), 0);
	assert_int_equal(symlink(secret, tree_path(t, "absolute")), 0);
	assert_int_equal(symlink(up, tree_path(t, "up")), 0);
	assert_int_equal(symlink("nowhere", tree_path(t, "dangling")), 0);
	assert_int_equal(symlink("loop", tree_path(t, "loop")), 0);
	assert_int_equal(symlink("sub", tree_path(t, "folder")), 0);
	assert_int_equal(symlink(other, tree_path(t, "other")), 0);
	assert_int_equal(symlink("/proc/self/fd/0", tree_path(t, "magic")), 0);
	tree_expect(t, 3, 0, 7);
	tree_phone_takes(t, "in.xml", "in.xml", &alice);
	tree_phone_takes(t, "sub/in.xml", "sub/in.xml", &alice);
	tree_refused(t, "absolute", "out of the tree");
	tree_refused(t, "up", "out of the tree");
	tree_refused(t, "dangling", "to nothing");
	tree_refused(t, "loop", "");
	tree_refused(t, "folder", "not followed");
	tree_refused(t, "other", "not followed");
	tree_refused(t, "magic", "");
	assert_int_equal(access(strcat(secret, ".sgn"), F_OK), -1);
	tree_expect(t, 0, 3, 7);
	support_tmpdir_remove(other);
}

/* A name may be given that a walk would never find. */
static void named_files(void **state)
{
	static const char *const names[] = {"sub/a.xml", "../out.xml", "link/a.xml",
					    "missing.xml", "sub", "a.sgn", "ITLFile.tlv",
					    "sub/../../out.xml"};
	struct tree *t = *state;

	tree_text(t, "tree/sub/a.xml", "a");
	tree_text(t, "tree/ITLFile.tlv", "list");
	tree_text(t, "tree/a.sgn", "");
	tree_text(t, "out.xml", "out");
	assert_int_equal(symlink("sub", tree_path(t, "tree/link")), 0);
	t->job.dir = tree_path(t, "tree");
	t->job.names = names;
	t->job.nnames = COUNT_OF(names);
	tree_expect(t, 1, 0, 7);
	tree_refused(t, "../out.xml", "out of the tree");
	tree_refused(t, "sub/../../out.xml", "out of the tree");
	tree_refused(t, "link/a.xml", "over a link");
	tree_refused(t, "missing.xml", "No such file");
	tree_refused(t, "sub", "regular file");
	tree_refused(t, "a.sgn", "signed file itself");
	tree_refused(t, "ITLFile.tlv", "lists are signed as lists");
	assert_false(tree_has(t, "out.xml.sgn"));
}

static void left_out(void **state)
{
	struct tree *t = *state;

	tree_text(t, "ITLFile.tlv", "list");
	tree_text(t, "CTLFile.TLV", "list");
	tree_text(t, "a.sgn", "signed");
	tree_text(t, ".hidden", "work in progress");
	tree_text(t, ".git/x", "not for phones");
	tree_text(t, "b.xml", "b");
	tree_expect(t, 1, 0, 0);
	assert_false(tree_has(t, ".git/x.sgn"));
	assert_false(tree_has(t, "CTLFile.TLV.sgn"));
}

static void strange_things(void **state)
{
	struct tree *t = *state;

	tree_text(t, "large", "12345");
	tree_text(t, "fits", "1234");
	assert_int_equal(mkfifo(tree_path(t, "fifo"), 0644), 0);
	tree_text(t, "with\nnewline", "");
	tree_text(t, "quo\"te", "");
	t->job.max = 4;
	tree_expect(t, 1, 0, 4);
	tree_refused(t, "large", "too large");
	tree_refused(t, "fifo", "not a regular file");
	tree_refused(t, "quo\"te", "characters");
	/* A folder stands where the .sgn would. */
	assert_int_equal(unlink(tree_path(t, "fits.sgn")), 0);
	assert_int_equal(mkdir(tree_path(t, "fits.sgn"), 0755), 0);
	t->job.pattern = "fits";
	tree_expect(t, 0, 0, 1);
	tree_refused(t, "fits", "directory");
}

static void long_names(void **state)
{
	char name[300], deep[300] = "";
	struct tree *t = *state;

	/* As long as a header's name may be; but then no .sgn has room beside it. */
	memset(name, 'n', 252);
	name[252] = '\0';
	tree_text(t, name, "long");
	memset(name, 'm', 251);
	name[251] = '\0';
	tree_text(t, name, "fits");
	/* Short steps, a long way. */
	for (size_t i = 0; i < 5; i++)
		strcat(deep, "folder-folder-folder-folder-folder-folder-folder-9/");
	strcat(deep, "x");
	assert_int_equal(strlen(deep), 256);
	tree_text(t, deep, "deep");
	tree_expect(t, 1, 0, 2);
	tree_phone_takes(t, name, name, &alice);
	memset(name, 'n', 252);
	name[252] = '\0';
	tree_refused(t, name, "too long");
}

static void only_255_bytes_fit_a_header(void **state)
{
	struct tree *t = *state;
	char name[200], prefix[100];

	memset(name, 'a', 160);
	name[160] = '\0';
	tree_text(t, name, "x");
	memset(prefix, 'p', 91); /* and ".sgn" */
	prefix[91] = '\0';
	prefix[90] = '/';
	t->job.prefix = prefix;
	tree_expect(t, 1, 0, 0);
	strcat(prefix, "/");
	t->job.prefix = prefix;
	tree_expect(t, 0, 0, 1);
}

/* What this user may not read or write is named; the rest is signed. */
static void permissions(void **state)
{
	struct tree *t = *state;

	if (geteuid() != 0)
		skip();
	tree_text(t, "a.xml", "a");
	tree_text(t, "secret.xml", "s");
	tree_text(t, "closed/x.xml", "x");
	tree_text(t, "fixed/y.xml", "y");
	assert_int_equal(chmod(t->dir, 0777), 0);
	assert_int_equal(chmod(tree_path(t, "secret.xml"), 0600), 0);
	assert_int_equal(chmod(tree_path(t, "closed"), 0700), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	tree_expect(t, 1, 0, 3);
	assert_int_equal(seteuid(0), 0);
	tree_refused(t, "secret.xml", "able to read");
	tree_refused(t, "closed", "able to read");
	tree_refused(t, "fixed/y.xml", "written to");
	assert_int_equal(t->asked, 1);
	tree_phone_takes(t, "a.xml", "a.xml", &alice);
}

static void no_such_folder(void **state)
{
	struct tree *t = *state;

	t->job.dir = "/nowhere/at/all";
	assert_int_equal(tree_run(t), RC_NOTFOUND);
	tree_text(t, "file", "");
	t->job.dir = tree_path(t, "file");
	assert_int_equal(tree_run(t), RC_REFUSED);
}

/* ---- files that change ---- */

static void edit(struct tree *t, struct sgn_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(files[i].name, "a.xml.sgn")) {
			/* In place: the descriptor sees it. */
			FILE *f = fopen(tree_path(t, "a.xml"), "r+");

			assert_non_null(f);
			fputs("B", f);
			fclose(f);
		}
}

static void one_that_changes_while_it_is_signed(void **state)
{
	struct tree *t = *state;

	tree_text(t, "a.xml", "AAAA");
	tree_text(t, "b.xml", "BBBB");
	t->meanwhile = edit;
	tree_expect(t, 1, 0, 1);
	tree_refused(t, "a.xml", "changed while it was signed");
	assert_false(tree_has(t, "a.xml.sgn"));
	t->meanwhile = NULL;
	tree_expect(t, 1, 1, 0);
	tree_phone_takes(t, "a.xml", "a.xml", &alice);
}

static void vanish(struct tree *t, struct sgn_file *files, size_t n)
{
	(void)files;
	(void)n;
	(void)unlink(tree_path(t, "a.xml"));
	(void)rename(tree_path(t, "sub"), tree_path(t, "moved"));
	assert_int_equal(symlink("/", tree_path(t, "sub")), 0);
}

/* A folder that becomes a link out of the tree takes nobody there. */
static void a_folder_that_is_exchanged(void **state)
{
	struct tree *t = *state;

	tree_text(t, "a.xml", "AAAA");
	tree_text(t, "sub/b.xml", "BBBB");
	t->job.workers = 1;
	t->meanwhile = vanish;
	assert_ok(tree_run(t), &t->error);
	assert_int_equal(t->sum.fate[SGN_REFUSED] + t->sum.fate[SGN_SIGNED], 2);
	assert_int_equal(access("/b.xml.sgn", F_OK), -1);
}

/* Its size says nothing, and there is more. */
static void one_that_is_longer_than_it_says(void **state)
{
	static const char *const names[] = {"status"};
	struct tree *t = *state;

	t->job.dir = "/proc/self";
	t->job.names = names;
	t->job.nnames = 1;
	tree_expect(t, 0, 0, 1);
	tree_refused(t, "status", "changes while it is read");
}

/* ---- what is left aside ---- */

static void leftovers(void **state)
{
	struct tree *t = *state;
	char own[64], parent[64];

	tree_text(t, ".sgn-999999999-7.tmp", "half");
	tree_text(t, "sub/.sgn-999999999-12.tmp", "half");
	snprintf(own, sizeof own, ".sgn-%d-4000000.tmp", getpid());
	snprintf(parent, sizeof parent, ".sgn-%d-1.tmp", getppid());
	tree_text(t, own, "ours");
	tree_text(t, parent, "another run's");
	tree_text(t, ".sgn-1-x.tmp", "no name of ours");
	tree_text(t, ".sgn-999999999-07.tmp", "no name of ours");
	tree_text(t, "a.xml", "a");
	t->job.dry_run = true;
	tree_expect(t, 1, 0, 0);
	assert_true(tree_has(t, ".sgn-999999999-7.tmp"));
	t->job.dry_run = false;
	tree_expect(t, 1, 0, 0);
	assert_false(tree_has(t, ".sgn-999999999-7.tmp"));
	assert_false(tree_has(t, "sub/.sgn-999999999-12.tmp"));
	assert_true(tree_has(t, own));
	assert_true(tree_has(t, parent));
	assert_true(tree_has(t, ".sgn-1-x.tmp"));
	assert_true(tree_has(t, ".sgn-999999999-07.tmp"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tree_start, tree_stop)
	const struct CMUnitTest tests[] = {
		T(links),
		T(named_files),
		T(left_out),
		T(strange_things),
		T(long_names),
		T(only_255_bytes_fit_a_header),
		T(permissions),
		T(no_such_folder),
		T(one_that_changes_while_it_is_signed),
		T(a_folder_that_is_exchanged),
		T(one_that_is_longer_than_it_says),
		T(leftovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
