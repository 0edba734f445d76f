/* Questions on a terminal of their own, and where there is none. */
#include "support/support.h"
#include "support/softhsm.h"
#include "ask/ask.h"
#include "base/num.h"
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 30000 /* only a question that hangs waits so long */
#define OPTION "--it ANSWER"

/* What a child does on its terminal: its exit code tells how it went. */
typedef int question(const char *arg);

struct talk {
	char seen[4096]; /* of the terminal */
	int code;
};

/* Give each answer once its prompt is seen; NULL ends the terminal's input. */
static struct talk talk(question *ask, const char *arg, const char *prompt,
			const char *const *answers)
{
	struct talk t = {.seen = ""};
	size_t n = 0, looked = 0;
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, NULL);

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(ask(arg));
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char *at;
		ssize_t r;

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		r = read(fd, t.seen + n, sizeof t.seen - 1 - n);
		if (r <= 0)
			break;
		n += num_size(r);
		t.seen[n] = '\0';
		while (*answers && (at = strstr(t.seen + looked, prompt))) {
			looked = num_size(at - t.seen) + strlen(prompt);
			assert_int_equal(write(fd, *answers, strlen(*answers)),
					 strlen(*answers));
			assert_int_equal(write(fd, "\n", 1), 1);
			answers++;
		}
	}
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	t.code = WEXITSTATUS(status);
	return t;
}

/* ---- yes or no ---- */

static int yes(const char *arg)
{
	bool said = false;
	struct err e;

	(void)arg;
	if (ask_yes("Sure?", false, &said, &e) != RC_OK)
		return 10 + (int)e.rc;
	return said;
}

static void yes_or_no(void **state)
{
	static const struct {
		const char *answers[4];
		int code;
	} rows[] = {
		{{"yes"}, 1}, {{"Y"}, 1}, {{"no"}, 0}, {{"N"}, 0},
		{{"perhaps", "", "yes"}, 1},
		{{"a", "b", "c"}, 10 + (int)RC_USAGE}, /* three times nonsense */
		{{"yes, I think so"}, -1}, /* -1: goes on asking */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *answers[5] = {rows[i].answers[0], rows[i].answers[1],
					  rows[i].answers[2], rows[i].answers[3]};
		struct talk t;

		if (rows[i].code == -1)
			answers[1] = "no";
		t = talk(yes, NULL, "Sure? ", answers);
		if (t.code != (rows[i].code == -1 ? 0 : rows[i].code))
			fail_msg("row %zu: %d: %s", i, t.code, t.seen);
	}
}

/* ---- lines ---- */

static int line(const char *preset)
{
	char to[8];
	struct err e;

	if (ask_line("Port:", preset, to, sizeof to, OPTION, &e) != RC_OK)
		return 10 + (int)e.rc;
	return strcmp(to, "22") == 0 ? 1 : strcmp(to, "2222") == 0 ? 2 : 3;
}

static void lines(void **state)
{
	static const struct {
		const char *preset, *answers[4];
		int code;
	} rows[] = {
		{"22", {""}, 1},
		{"22", {"2222"}, 2},
		{NULL, {"", "22"}, 1},
		{NULL, {"", "", ""}, 10 + (int)RC_USAGE},
		{NULL, {"too long for it", "22"}, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct talk t = talk(line, rows[i].preset, "Port: ", rows[i].answers);

		if (t.code != rows[i].code)
			fail_msg("row %zu: %d: %s", i, t.code, t.seen);
	}
}

/* ---- secrets ---- */

static int secret(const char *arg)
{
	struct secret *s = NULL;
	struct err e;
	int code;

	(void)arg;
	if (ask_secret("Word:", NULL, OPTION, &s, &e) != RC_OK)
		return 10 + (int)e.rc;
	code = s->n == 6 && !memcmp(s->p, "hidden", 6);
	secret_free(s);
	return code;
}

static int new_secret(const char *arg)
{
	struct secret *s = NULL;
	struct err e;

	(void)arg;
	if (ask_new_secret("Word:", "Word:", NULL, OPTION, &s, &e) != RC_OK)
		return 10 + (int)e.rc;
	secret_free(s);
	return 1;
}

static void secrets_are_not_seen(void **state)
{
	const char *one[] = {"hidden", NULL}, *same[] = {"hidden", "hidden", NULL};
	const char *two[] = {"hidden", "hiddem", NULL};
	const char *few[] = {"short", "short", NULL};
	struct talk t = talk(secret, NULL, "Word:", one);

	(void)state;
	assert_int_equal(t.code, 1);
	assert_null(strstr(t.seen, "hidden"));
	assert_int_equal(talk(new_secret, NULL, "Word:", same).code, 1);
	assert_int_equal(talk(new_secret, NULL, "Word:", few).code, 10 + (int)RC_USAGE);
	t = talk(new_secret, NULL, "Word:", two);
	assert_int_equal(t.code, 10 + (int)RC_USAGE);
	assert_null(strstr(t.seen, "hidde"));
}

/* ---- no terminal ---- */

static int mute(const char *arg)
{
	struct secret *s = NULL;
	char to[8], text[1200];
	struct err e;
	bool said;

	(void)arg;
	if (ask_secret("Word:", NULL, OPTION, &s, &e) != RC_USAGE ||
	    !strstr(err_text(&e, text, sizeof text), OPTION))
		return 2;
	if (ask_line("Port:", "22", to, sizeof to, OPTION, &e) != RC_USAGE ||
	    !strstr(err_text(&e, text, sizeof text), OPTION))
		return 3;
	if (ask_yes("Sure?", false, &said, &e) != RC_USAGE ||
	    !strstr(err_text(&e, text, sizeof text), "--yes"))
		return 4;
	return ask_yes("Sure?", true, &said, &e) == RC_OK && said ? 0 : 5;
}

static void without_a_terminal_the_option_is_named(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setsid(); /* /dev/tty is gone */
		_exit(mute(NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_secrets_file_asks_nothing(void **state)
{
	char *dir = support_tmpdir(), path[4096];
	struct secret *s = NULL;
	struct err e;
	FILE *f;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/file", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs("hidden\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_ok(ask_secret("Word:", path, OPTION, &s, &e), &e);
	assert_int_equal(s->n, 6);
	secret_free(s);
	s = NULL;
	assert_ok(ask_new_secret("Word:", "Word:", path, OPTION, &s, &e), &e);
	secret_free(s);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yes_or_no),
		cmocka_unit_test(lines),
		cmocka_unit_test(secrets_are_not_seen),
		cmocka_unit_test(without_a_terminal_the_option_is_named),
		cmocka_unit_test(a_secrets_file_asks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
