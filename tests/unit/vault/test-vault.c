/* The same tests over both kinds of vaults: a folder, and a real SFTP server. */
#include "support/sshd.h"
#include "support/support.h"
#include "base/num.h"
#include "vault/vault.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "ITLRecovery-70CAF64E-20140226T102400Z.envelope"

static char *dir;
static struct sshd sshd;

struct fixture {
	bool remote;
	char folder[400]; /* of this test alone */
	struct vault *v;
};

static void open_vault(struct fixture *f, const char *path)
{
	struct vault_access a = {.identity = sshd.key,
				 .known_hosts = sshd.known_hosts,
				 .seconds = 20,
				 .stop_fd = -1};
	struct vault_target t;
	char text[VAULT_TEXT_MAX];
	struct err e;

	if (f->remote)
		snprintf(text, sizeof text, "sftp://%s@127.0.0.1:%u%s", sshd.user,
			 sshd.port, path);
	else
		snprintf(text, sizeof text, "%s", path);
	assert_ok(vault_target_read(text, &t, &e), &e);
	assert_ok(vault_open(&t, &a, &f->v, &e), &e);
}

static int start(void **state, bool remote)
{
	static int count;
	struct fixture *f = calloc(1, sizeof *f);
	struct stat st;

	f->remote = remote;
	snprintf(f->folder, sizeof f->folder, "%s/%d", sshd.vault, ++count);
	assert_int_equal(stat(sshd.vault, &st), 0);
	assert_int_equal(mkdir(f->folder, 0750), 0);
	assert_int_equal(chown(f->folder, st.st_uid, st.st_gid), 0);
	open_vault(f, f->folder);
	*state = f;
	return 0;
}

static int start_folder(void **state)
{
	return start(state, false);
}

static int start_remote(void **state)
{
	return start(state, true);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	vault_free(f->v);
	free(f);
	return 0;
}

static int start_all(void **state)
{
	(void)state;
	dir = support_tmpdir();
	sshd_start(&sshd, dir, "");
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	sshd_stop(&sshd);
	support_tmpdir_remove(dir);
	return 0;
}

/* Everything that is in the folder, hidden files too. */
static size_t count_files(const struct fixture *f)
{
	DIR *d = opendir(f->folder);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void assert_has(struct fixture *f, const char *name, const char *text)
{
	uint8_t CLEANUP_FREE *got = NULL;
	struct err e;
	size_t n = 0;

	assert_ok(vault_get(f->v, name, 1000, &got, &n, &e), &e);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

static void sizes(void **state)
{
	static const size_t rows[] = {0, 1, 4096, 31999, 32000, 32001, 300000,
				      VAULT_OBJECT_MAX};
	struct fixture *f = *state;
	uint8_t CLEANUP_FREE *big = malloc(VAULT_OBJECT_MAX + 1);
	uint64_t seed = 1;
	char name[64];
	struct err e;

	for (size_t i = 0; i < VAULT_OBJECT_MAX; i++)
		big[i] = (uint8_t)support_random(&seed);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t CLEANUP_FREE *got = NULL;
		size_t n = 99;

		snprintf(name, sizeof name, "o%zu", rows[i]);
		assert_ok(vault_put(f->v, name, NULL, bytes_of(big, rows[i]), &e), &e);
		assert_ok(vault_get(f->v, name, rows[i], &got, &n, &e), &e);
		assert_int_equal(n, rows[i]);
		assert_memory_equal(got, big, n);
	}
	assert_int_equal(vault_put(f->v, "more", NULL,
				   bytes_of(big, VAULT_OBJECT_MAX + 1), &e), RC_USAGE);
	assert_int_equal(count_files(f), COUNT_OF(rows));
}

static void a_name_is_used_once(void **state)
{
	struct fixture *f = *state;
	char path[500];
	struct stat st;
	struct err e;

	assert_ok(vault_put(f->v, NAME, NULL, bytes_of_text("one"), &e), &e);
	snprintf(path, sizeof path, "%s/" NAME, f->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(vault_put(f->v, NAME, NULL, bytes_of_text("two"), &e),
			 RC_REFUSED);
	assert_non_null(strstr(e.why, "there is a file of this name"));
	assert_non_null(strstr(e.what, NAME));
	assert_has(f, NAME, "one");
	assert_int_equal(count_files(f), 1);
	/* Also if it is a link to nothing. */
	snprintf(path, sizeof path, "%s/link", f->folder);
	assert_int_equal(symlink("/nonexistent", path), 0);
	assert_int_equal(vault_put(f->v, "link", NULL, bytes_of_text("two"), &e),
			 RC_REFUSED);
	assert_int_equal(count_files(f), 2);
}

static void aside(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_ok(vault_put(f->v, "a.p12", "a.p12.1", bytes_of_text("one"), &e), &e);
	assert_int_equal(count_files(f), 1);
	assert_ok(vault_put(f->v, "a.p12", "a.p12.1", bytes_of_text("two"), &e), &e);
	assert_has(f, "a.p12", "two");
	assert_has(f, "a.p12.1", "one");
	/* The name aside is taken: nothing changes. */
	assert_int_equal(vault_put(f->v, "a.p12", "a.p12.1", bytes_of_text("3"), &e),
			 RC_REFUSED);
	assert_non_null(strstr(e.what, "a.p12.1"));
	assert_has(f, "a.p12", "two");
	assert_has(f, "a.p12.1", "one");
	assert_int_equal(count_files(f), 2);
}

static void names_that_are_paths(void **state)
{
	static const char *const rows[] = {"", ".", "..", ".x", "../x", "a/b", "/x",
					   "a b", "a\n", "a%41", "\303\244"};
	struct fixture *f = *state;
	char longest[VAULT_NAME_MAX + 1];
	uint8_t *got = NULL;
	struct err e;
	size_t n;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s\n", rows[i]);
		assert_int_equal(vault_put(f->v, rows[i], NULL, bytes_of_text("x"), &e),
				 RC_USAGE);
		assert_int_equal(vault_put(f->v, "x", rows[i], bytes_of_text("x"), &e),
				 RC_USAGE);
		assert_int_equal(vault_get(f->v, rows[i], 9, &got, &n, &e), RC_USAGE);
		assert_int_equal(vault_remove(f->v, rows[i], &e), RC_USAGE);
	}
	memset(longest, 'a', sizeof longest);
	longest[VAULT_NAME_MAX] = '\0';
	assert_int_equal(vault_put(f->v, longest, NULL, bytes_of_text("x"), &e), RC_USAGE);
	longest[VAULT_NAME_MAX - 1] = '\0';
	assert_ok(vault_put(f->v, longest, NULL, bytes_of_text("x"), &e), &e);
	assert_int_equal(count_files(f), 1);
}

static void what_is_not_there(void **state)
{
	struct fixture *f = *state;
	uint8_t *got = NULL;
	struct err e;
	size_t n;

	assert_int_equal(vault_get(f->v, NAME, 100, &got, &n, &e), RC_NOTFOUND);
	assert_non_null(strstr(e.what, NAME));
	assert_int_equal(vault_remove(f->v, NAME, &e), RC_NOTFOUND);
	assert_ok(vault_put(f->v, NAME, NULL, bytes_of_text("12345"), &e), &e);
	assert_int_equal(vault_get(f->v, NAME, 4, &got, &n, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "too large"));
	assert_ok(vault_remove(f->v, NAME, &e), &e);
	assert_int_equal(vault_get(f->v, NAME, 100, &got, &n, &e), RC_NOTFOUND);
	assert_null(got);
	assert_int_equal(count_files(f), 0);
}

static void lists(void **state)
{
	static const char *const there[] = {
		"ITLRecovery-1-20140226T102400Z.envelope",
		"ITLRecovery-3-20140226T102401Z.p12",
		"ITLRecovery-2-20140226T102400Z.envelope",
		"ITLRecovery-4-20130226T102400Z.envelope",
		"ITLRecovery.p12", "note.txt",
	};
	static const char *const order[] = {
		"ITLRecovery-3-20140226T102401Z.p12",
		"ITLRecovery-2-20140226T102400Z.envelope",
		"ITLRecovery-1-20140226T102400Z.envelope",
		"ITLRecovery-4-20130226T102400Z.envelope",
	};
	struct fixture *f = *state;
	struct vault_object *o = NULL;
	char path[600];
	struct err e;
	size_t n = 9;

	assert_ok(vault_list(f->v, &o, &n, &e), &e);
	assert_int_equal(n, 0);
	free(o);
	for (size_t i = 0; i < COUNT_OF(there); i++)
		assert_ok(vault_put(f->v, there[i], NULL, bytes_of(there, i), &e), &e);
	/* Folders and links of such names are none of ours. */
	snprintf(path, sizeof path, "%s/ITLRecovery-9-20150226T102400Z.envelope",
		 f->folder);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/ITLRecovery-8-20150226T102400Z.envelope",
		 f->folder);
	assert_int_equal(symlink("note.txt", path), 0);
	assert_ok(vault_list(f->v, &o, &n, &e), &e);
	assert_int_equal(n, COUNT_OF(order));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(o[i].name, order[i]);
	assert_int_equal(o[0].size, 1);
	assert_string_equal(o[0].is.serial, "3");
	assert_true(o[0].is.plain);
	free(o);
}

/* Temporary files of backups that were cut off go with the next put: old ones, of
 * that name, and nothing else. */
static void leftovers(void **state)
{
	static const struct {
		const char *name;
		int hours; /* since it was written */
		bool folder, stays;
	} rows[] = {
		{"." NAME ".00112233445566ff.tmp", 25, false, false},
		{".ITLRecovery.p12.00112233445566ff.tmp", 9999, false, false},
		{".ITLRecovery.tmp", 25, false, false},
		{"." NAME ".8899aabbccddeeff.tmp", 23, false, true},
		{".ITLRecovery-1.tmp", 25, true, true},
		{".ITLRecovery-2.tmp.x", 25, false, true},
		{".ITLRecover.tmp", 25, false, true},
		{".note.tmp", 25, false, true},
		{"ITLRecovery.tmp", 25, false, true},
		{NAME, 25, false, true},
	};
	struct fixture *f = *state;
	char path[600];
	struct err e;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct timespec t[2] = {{.tv_nsec = UTIME_OMIT},
					{.tv_sec = time(NULL) - rows[i].hours * 3600}};

		snprintf(path, sizeof path, "%s/%s", f->folder, rows[i].name);
		assert_int_equal(rows[i].folder ? mkdir(path, 0755)
						: mknod(path, S_IFREG | 0644, 0), 0);
		assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
	}
	assert_ok(vault_put(f->v, "new", NULL, bytes_of_text("x"), &e), &e);
	assert_has(f, "new", "x");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s\n", rows[i].name);
		snprintf(path, sizeof path, "%s/%s", f->folder, rows[i].name);
		assert_int_equal(access(path, F_OK) == 0, rows[i].stays);
	}
}

static void folder_is_gone(void **state)
{
	struct fixture *f = *state;
	struct vault_object *o = NULL;
	char moved[500];
	struct err e;
	size_t n;

	snprintf(moved, sizeof moved, "%s.moved", f->folder);
	assert_int_equal(rename(f->folder, moved), 0);
	if (!f->remote) /* it is open: the folder itself, not its name */
		assert_int_equal(rmdir(moved), 0);
	assert_int_equal(vault_put(f->v, NAME, NULL, bytes_of_text("x"), &e), RC_NOTFOUND);
	if (f->remote)
		assert_int_equal(vault_list(f->v, &o, &n, &e), RC_NOTFOUND);
}

/* A folder's own ways to fail. */
static void folder_fails(void **state)
{
	static const struct {
		const char *path;
		enum rc rc;
		const char *code;
	} rows[] = {
		{"/nonexistent/vault", RC_NOTFOUND, "ENOENT"},
		{"/etc/passwd", RC_ERROR, "ENOTDIR"},
	};
	struct fixture *f = *state;
	struct rlimit before, low;
	uint8_t CLEANUP_FREE *big = calloc(1, 10000);
	struct vault_access a = {.stop_fd = -1};
	struct vault *v = NULL;
	struct err e;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct vault_target t = {0};

		strcpy(t.path, rows[i].path);
		assert_int_equal(vault_open(&t, &a, &v, &e), rows[i].rc);
		assert_string_equal(e.name, rows[i].code);
		assert_string_equal(e.what, rows[i].path);
		assert_true(e.hint[0]);
	}
	/* Half a file does not stay, whatever ended it. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	low = before;
	low.rlim_cur = 5000;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_equal(vault_put(f->v, NAME, NULL, bytes_of(big, 10000), &e), RC_ERROR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(e.name, "EFBIG");
	assert_int_equal(count_files(f), 0);
}

/* The group of the folder reads its files, and no other. */
static void folder_group(void **state)
{
	struct fixture *f = *state;
	char path[500];
	struct stat st;
	struct err e;

	assert_int_equal(chown(f->folder, (uid_t)-1, 64007), 0);
	assert_ok(vault_put(f->v, "x", NULL, bytes_of_text("x"), &e), &e);
	snprintf(path, sizeof path, "%s/x", f->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, 64007);
	assert_int_equal(st.st_mode & 0777, 0640);
}

int main(void)
{
#define BOTH(f)                                                                \
	{"folder: " #f, f, start_folder, stop, NULL},                          \
	{                                                                      \
		"sftp: " #f, f, start_remote, stop, NULL                       \
	}
	const struct CMUnitTest tests[] = {
		BOTH(sizes),
		BOTH(a_name_is_used_once),
		BOTH(aside),
		BOTH(names_that_are_paths),
		BOTH(what_is_not_there),
		BOTH(lists),
		BOTH(leftovers),
		BOTH(folder_is_gone),
		cmocka_unit_test_setup_teardown(folder_fails, start_folder, stop),
		cmocka_unit_test_setup_teardown(folder_group, start_folder, stop),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
