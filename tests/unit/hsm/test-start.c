/* A SoftHSM token whose file a login, a kill or a full disk emptied. */
#include "starts.h"
#include "base/file.h"
#include "base/num.h"
#include "tokenobject.h"
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static int setup(void **state)
{
	static struct starts s;

	starts_open(&s);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	starts_close(*state);
	return 0;
}

static void start_ok(struct starts *s, const char *pin)
{
	struct err e = {0};

	assert_ok(starts_once(s, pin, &e), &e);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void only_a_whole_file_is_whole(void **state)
{
	struct starts *s = *state;
	uint8_t CLEANUP_FREE *file = NULL;
	struct token_object o, again;
	size_t n;
	struct err e;

	assert_ok(file_read(s->object, 4096, &file, &n, &e), &e);
	assert_true(token_object_read(bytes_of(file, n), &o));
	assert_memory_equal(o.label.p, "alive ", 6);
	/* The folder's name ends with the serial. */
	assert_int_equal(o.serial.n, 16);
	assert_memory_equal(s->folder + strlen(s->folder) - 12, o.serial.p + 4, 12);
	for (size_t i = 0; i < n; i++)
		assert_false(token_object_read(bytes_of(file, i), &again));
	file = realloc(file, n + 1);
	assert_non_null(file);
	file[n] = 0;
	assert_false(token_object_read(bytes_of(file, n + 1), &again));
	/* Zeros of a power loss. */
	memset(file, 0, n);
	assert_false(token_object_read(bytes_of(file, n), &again));
}

static void a_good_login_makes_the_copy(void **state)
{
	struct starts *s = *state;
	struct stat before, after;

	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-copy ");
	assert_int_equal(s->last.rc, RC_OK);
	assert_true(starts_same_file(s->object, s->proved));
	assert_false(exists(s->seen));
	assert_int_equal(mode_of(s->keep), 0700);
	assert_int_equal(mode_of(s->proved), 0600);
	/* Each login changes the file, but not what is in it that counts. */
	assert_int_equal(stat(s->proved, &before), 0);
	start_ok(s, SOFTHSM_PIN);
	assert_false(starts_same_file(s->object, s->proved));
	assert_int_equal(stat(s->proved, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_string_equal(s->said, "");
}

static void what_is_torn_is_put_back(void **state)
{
	static const off_t cut[] = {0, 1, 8, 100, 224, 319, -1};
	struct starts *s = *state;

	start_ok(s, SOFTHSM_PIN);
	for (size_t i = 0; i < COUNT_OF(cut); i++) {
		if (cut[i] >= 0)
			starts_truncate(s->object, cut[i]);
		else
			assert_int_equal(unlink(s->object), 0);
		start_ok(s, SOFTHSM_PIN);
		assert_string_equal(s->said, "token-put-back ");
		assert_string_equal(s->last.what, s->object);
		assert_int_equal(mode_of(s->object), 0600);
	}
}

static void the_first_login_is_covered(void **state)
{
	struct starts *s = *state;
	struct err e;

	/* Refused: nothing is proved. But the file was seen. */
	assert_int_equal(starts_once(s, "9999", &e), RC_PIN);
	assert_false(exists(s->proved));
	assert_true(exists(s->seen));
	assert_int_equal(mode_of(s->seen), 0600);
	starts_truncate(s->object, 0);
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-put-back token-copy ");
	assert_false(exists(s->seen));
}

static void an_old_copy_brings_no_old_pin_back(void **state)
{
	struct starts *s = *state;
	struct err e;

	start_ok(s, SOFTHSM_PIN);
	starts_set_pin(s, SOFTHSM_PIN, "56789");
	/* Whole, and newer: the old copy stays where it is. */
	assert_int_equal(starts_once(s, SOFTHSM_PIN, &e), RC_PIN);
	assert_string_equal(s->said, "");
	/* And if it is torn now, what was seen last comes back. */
	starts_truncate(s->object, 0);
	start_ok(s, "56789");
	assert_string_equal(s->said, "token-put-back token-copy ");
	assert_int_equal(starts_once(s, SOFTHSM_PIN, &e), RC_PIN);
	starts_truncate(s->object, 0);
	start_ok(s, "56789");
	assert_string_equal(s->said, "token-put-back ");
}

static void an_older_copy_is_said(void **state)
{
	struct starts *s = *state;
	struct err e;

	start_ok(s, SOFTHSM_PIN);
	starts_set_pin(s, SOFTHSM_PIN, "56789");
	starts_truncate(s->object, 0); /* before any start of ours */
	assert_int_equal(starts_once(s, "56789", &e), RC_PIN);
	assert_string_equal(s->said, "token-put-back ");
	assert_non_null(strstr(e.hint, "before a change of the PIN"));
	start_ok(s, SOFTHSM_PIN);
}

static void without_a_copy_nothing_is_made(void **state)
{
	struct starts *s = *state;
	struct err e;

	starts_truncate(s->object, 0);
	assert_int_equal(starts_once(s, SOFTHSM_PIN, &e), RC_TOKEN);
	assert_string_equal(s->said, "token-torn ");
	assert_non_null(strstr(e.hint, "token.object is torn"));
	assert_int_equal(s->last.rc, RC_TOKEN);
	assert_non_null(strstr(s->last.hint, "do not initialise"));
	assert_false(exists(s->seen));
	assert_false(exists(s->proved));
	/* A copy that is torn itself is none. */
	assert_ok(file_replace(s->seen, bytes_of("", 0), 0600, &e), &e);
	assert_int_equal(starts_once(s, SOFTHSM_PIN, &e), RC_TOKEN);
	assert_null(strstr(s->said, "put-back"));
}

static void a_torn_copy_is_passed_over(void **state)
{
	struct starts *s = *state;
	struct err e;

	start_ok(s, SOFTHSM_PIN);
	assert_ok(file_replace(s->seen, bytes_of("x", 1), 0600, &e), &e);
	starts_truncate(s->object, 0);
	start_ok(s, SOFTHSM_PIN);
	assert_non_null(strstr(s->said, "token-put-back "));
}

static void a_folder_that_is_gone_is_not_made(void **state)
{
	struct starts *s = *state;
	char aside[PATH_MAX], tokens[PATH_MAX];
	struct err e;

	start_ok(s, SOFTHSM_PIN);
	(void)snprintf(aside, sizeof aside, "%s/aside", s->softhsm.dir);
	assert_int_equal(rename(s->folder, aside), 0);
	assert_int_equal(starts_once(s, SOFTHSM_PIN, &e), RC_TOKEN);
	assert_non_null(strstr(s->said, "token-folder "));
	assert_string_equal(s->last.what, s->folder);
	assert_false(exists(s->folder));
	assert_int_equal(rename(aside, s->folder), 0);
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "");
	/* The folder of all tokens. */
	(void)snprintf(tokens, sizeof tokens, "%s/gone", s->softhsm.dir);
	assert_int_equal(rename(s->tokens, tokens), 0);
	assert_int_equal(starts_once(s, SOFTHSM_PIN, &e), RC_TOKEN);
	assert_non_null(strstr(s->said, "token-folder "));
	assert_false(exists(s->tokens));
	assert_int_equal(rename(tokens, s->tokens), 0);
	start_ok(s, SOFTHSM_PIN);
}

static void others_tokens_are_left_alone(void **state)
{
	struct starts *s = *state;
	struct hsm_place own = s->place;
	char command[PATH_MAX + 64];

	softhsm_add_token("other", SOFTHSM_SO_PIN, SOFTHSM_PIN);
	start_ok(s, SOFTHSM_PIN);
	(void)snprintf(command, sizeof command, "test $(ls '%s' | wc -l) = 1",
		       s->keep);
	assert_int_equal(system(command), 0);
	/* A token of an earlier configuration is put back too, but does not matter. */
	s->place.uri = "pkcs11:token=other";
	start_ok(s, SOFTHSM_PIN);
	starts_truncate(s->object, 0);
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-put-back ");
	s->place = own;
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "");
}

static void what_is_not_guarded_is_said(void **state)
{
	struct starts *s = *state;
	char *conf = s->softhsm.conf, other[PATH_MAX], text[2 * PATH_MAX];
	struct err e;

	(void)snprintf(other, sizeof other, "%s/other.conf", s->softhsm.dir);
	assert_int_equal(setenv("SOFTHSM2_CONF", other, 1), 0);
	(void)!starts_once(s, SOFTHSM_PIN, &e);
	assert_non_null(strstr(s->said, "token-unguarded "));
	(void)snprintf(text, sizeof text,
		       "directories.tokendir=%s # here\n objectstore.backend = db\n",
		       s->tokens);
	assert_ok(file_replace(other, bytes_of_text(text), 0600, &e), &e);
	(void)!starts_once(s, SOFTHSM_PIN, &e);
	assert_non_null(strstr(s->said, "token-unguarded "));
	assert_non_null(strstr(s->last.why, "database"));
	assert_int_equal(setenv("SOFTHSM2_CONF", conf, 1), 0);
	/* Under another name. */
	(void)snprintf(other, sizeof other, "%s/other.so", s->softhsm.dir);
	(void)snprintf(text, sizeof text, "cp '%s' '%s'", softhsm_module(), other);
	assert_int_equal(system(text), 0);
	s->place.module = other;
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-unguarded ");
	/* A link to it tells. */
	assert_int_equal(unlink(other), 0);
	assert_int_equal(symlink(softhsm_module(), other), 0);
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-copy ");
}

static void leftovers_are_swept(void **state)
{
	struct starts *s = *state;
	char a[PATH_MAX], b[PATH_MAX];
	struct err e;

	start_ok(s, SOFTHSM_PIN);
	(void)snprintf(a, sizeof a, "%.4000s/.token.object.1.tmp", s->folder);
	(void)snprintf(b, sizeof b, "%.4000s/.x.seen.1.tmp", s->keep);
	assert_ok(file_replace(a, bytes_of("x", 1), 0600, &e), &e);
	assert_ok(file_replace(b, bytes_of("x", 1), 0600, &e), &e);
	start_ok(s, SOFTHSM_PIN);
	assert_false(exists(a));
	assert_false(exists(b));
}

/* ---- no room ---- */

static enum rc in_no_room(struct starts *s, struct err *e)
{
	struct rlimit limit = {100, 100};

	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return RC_OK;
	(void)signal(SIGXFSZ, SIG_IGN);
	return starts_once(s, SOFTHSM_PIN, e);
}

static enum rc naked_in_no_room(struct starts *s, struct err *e)
{
	struct rlimit limit = {100, 100};

	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return RC_OK;
	(void)signal(SIGXFSZ, SIG_IGN);
	return starts_naked(s, e);
}

static void a_full_disk_is_an_error_until_there_is_room(void **state)
{
	struct starts *s = *state;
	struct token_object o;
	uint8_t CLEANUP_FREE *file = NULL;
	size_t n;
	struct err e;

	start_ok(s, SOFTHSM_PIN);
	(void)starts_wait(starts_fork(s, naked_in_no_room, false));
	assert_ok(file_read(s->object, 4096, &file, &n, &e), &e);
	assert_false(token_object_read(bytes_of(file, n), &o)); /* it is lost */
	assert_int_equal(starts_naked(s, &e), RC_TOKEN);
	/* Still none: the words are of the disk, not of the token. */
	assert_false(starts_wait(starts_fork(s, in_no_room, false)));
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-put-back ");
	/* And where the login itself finds none. */
	assert_false(starts_wait(starts_fork(s, in_no_room, false)));
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "token-put-back ");
}

static void room_again(int signal)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	(void)signal;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

/* The login's own write finds no room, the next one does. */
static enum rc in_no_room_once(struct starts *s, struct err *e)
{
	struct rlimit limit = {100, RLIM_INFINITY};

	(void)signal(SIGXFSZ, room_again);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
	    starts_once(s, SOFTHSM_PIN, e) != RC_OK)
		return RC_ERROR;
	return strcmp(s->said, "token-put-back ") == 0 ? RC_OK : RC_ERROR;
}

static void a_login_that_left_it_torn_is_put_back(void **state)
{
	struct starts *s = *state;

	start_ok(s, SOFTHSM_PIN);
	assert_true(starts_wait(starts_fork(s, in_no_room_once, false)));
	start_ok(s, SOFTHSM_PIN);
	assert_string_equal(s->said, "");
}

/* ---- races ---- */

/* A process that undoes something after 60 ms. */
static pid_t soon(const char *from, const char *to)
{
	static const struct timespec pause = {.tv_nsec = 60000000};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)nanosleep(&pause, NULL);
		_exit(rename(from, to) != 0);
	}
	return pid;
}

/* Three of forty times; a slow machine may be too late for some. */
static void what_passes_is_waited_for(void **state)
{
	struct starts *s = *state;
	char aside[PATH_MAX], command[3 * PATH_MAX];
	unsigned passed = 0, again = 0;
	struct err e;

	(void)snprintf(aside, sizeof aside, "%s/aside", s->softhsm.dir);
	for (unsigned i = 0; i < 40 && (passed < 3 || !again); i++) {
		/* Another's login has the file empty: nothing is put back. */
		start_ok(s, SOFTHSM_PIN);
		(void)snprintf(command, sizeof command, "cp -p '%s' '%s'", s->object,
			       aside);
		assert_int_equal(system(command), 0);
		starts_truncate(s->object, 0);
		pid_t pid = soon(aside, s->object);

		start_ok(s, SOFTHSM_PIN);
		passed += s->said[0] == '\0';
		assert_true(starts_wait(pid));
		/* The token is not there at first: it is looked for again. */
		assert_int_equal(rename(s->folder, aside), 0);
		pid = soon(aside, s->folder);
		again += starts_once(s, SOFTHSM_PIN, &e) == RC_OK &&
			 strstr(s->said, "token-folder ") != NULL;
		assert_true(starts_wait(pid));
	}
	assert_true(passed >= 3);
	assert_true(again);
}

static enum rc once(struct starts *s, struct err *e)
{
	return starts_once(s, SOFTHSM_PIN, e);
}

static unsigned at_once(struct starts *s, starts_function *start)
{
	pid_t pids[8];
	unsigned bad = 0;

	for (size_t i = 0; i < COUNT_OF(pids); i++)
		pids[i] = starts_fork(s, start, false);
	for (size_t i = 0; i < COUNT_OF(pids); i++)
		bad += !starts_wait(pids[i]);
	return bad;
}

static void starts_do_not_race(void **state)
{
	struct starts *s = *state;
	unsigned lost = 0;

	/* It would, without the lock. */
	for (unsigned i = 0; i < 100 && !lost; i++)
		lost = at_once(s, starts_naked);
	assert_true(lost);
	for (size_t i = 0; i < support_rounds(40); i++)
		assert_int_equal(at_once(s, once), 0);
}

static enum rc now_and_then(struct starts *s, struct err *e)
{
	static const struct timespec pause = {.tv_nsec = 5000000};

	(void)nanosleep(&pause, NULL);
	(void)!starts_naked(s, e);
	return RC_OK;
}

static void a_race_with_other_programs_is_tried_again(void **state)
{
	struct starts *s = *state;
	pid_t other;

	start_ok(s, SOFTHSM_PIN);
	other = starts_fork(s, now_and_then, true);
	for (size_t i = 0; i < support_rounds(300); i++)
		start_ok(s, SOFTHSM_PIN);
	(void)kill(other, SIGKILL);
	(void)starts_wait(other);
}

static void the_lock_is_waited_for(void **state)
{
	struct starts *s = *state;
	int fd = open(s->tokens, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ends[2];
	struct pollfd p;
	pid_t pid;

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pipe(ends), 0);
	pid = starts_fork(s, once, false); /* it has the pipe until it ends */
	(void)close(ends[1]);
	p = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&p, 1, 300), 0);
	(void)close(fd);
	assert_true(starts_wait(pid));
	(void)close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(only_a_whole_file_is_whole),
		T(a_good_login_makes_the_copy),
		T(what_is_torn_is_put_back),
		T(the_first_login_is_covered),
		T(an_old_copy_brings_no_old_pin_back),
		T(an_older_copy_is_said),
		T(without_a_copy_nothing_is_made),
		T(a_torn_copy_is_passed_over),
		T(a_folder_that_is_gone_is_not_made),
		T(others_tokens_are_left_alone),
		T(what_is_not_guarded_is_said),
		T(leftovers_are_swept),
		T(a_full_disk_is_an_error_until_there_is_room),
		T(a_login_that_left_it_torn_is_put_back),
		T(what_passes_is_waited_for),
		T(starts_do_not_race),
		T(a_race_with_other_programs_is_tried_again),
		T(the_lock_is_waited_for),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
