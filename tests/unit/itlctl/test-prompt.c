/* The prompt, on a terminal of its own. */
#include "support/support.h"
#include "door.h"
#include "base/num.h"
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_MS 60000 /* only a prompt that hangs waits so long */

struct terminal {
	pid_t pid;
	int fd;
	size_t n;
	char text[16384]; /* what was not yet looked at */
};

static struct terminal start(struct world *w)
{
	struct terminal t = {0};

	t.pid = forkpty(&t.fd, NULL, NULL, NULL);
	assert_true(t.pid >= 0);
	if (t.pid == 0) {
		(void)setenv("TERM", "dumb", 1);
		(void)setenv("HOME", w->dir, 1);
		/* libedit keeps the names of its functions for good */
		(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		(void)execl(ITLCTL, "itlctl", "--config", w->dir, (char *)NULL);
		_exit(127);
	}
	return t;
}

/* Read until `what` is seen, and go on behind it; NULL: read to the end. */
static void expect(struct terminal *t, const char *what)
{
	char *at = NULL;

	while (!(what && (at = strstr(t->text, what)))) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		ssize_t r;

		assert_true(t->n < sizeof t->text - 1);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		r = read(t->fd, t->text + t->n, sizeof t->text - 1 - t->n);
		if (r <= 0)
			break;
		t->n += num_size(r);
		t->text[t->n] = '\0';
	}
	if (!what)
		return;
	if (!at)
		fail_msg("not seen: %s, but: %s", what, t->text);
	at += strlen(what);
	t->n -= num_size(at - t->text);
	memmove(t->text, at, t->n + 1);
}

/* The prompt, and then the mode in which libedit reads: it shows the one before
 * it sets the other, and what is typed between them is not its. */
static void expect_prompt(struct terminal *t, const char *what)
{
	struct termios mode;

	expect(t, what);
	for (int ms = 0; ms < WAIT_MS; ms++) {
		assert_int_equal(tcgetattr(t->fd, &mode), 0);
		if (!(mode.c_lflag & ICANON))
			return;
		usleep(1000);
	}
	fail_msg("the terminal is not libedit's");
}

static void type(const struct terminal *t, const char *keys)
{
	assert_int_equal(write(t->fd, keys, strlen(keys)), strlen(keys));
}

static int end(struct terminal *t)
{
	int status;

	expect(t, NULL);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	close(t->fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_prompt_tells_where_one_stands(void **state)
{
	struct terminal t = start(*state);

	expect_prompt(&t, "admin:");
	type(&t, "node test10sub\r");
	expect_prompt(&t, "admin(test10sub):");
	type(&t, "utils itl res\tlocalkey\r"); /* nobody listens */
	expect(&t, "front.sock");
	expect_prompt(&t, "admin(test10sub):");
	type(&t, "exit\r");
	assert_int_equal(end(&t), 0);
}

static void a_failing_command_does_not_leave(void **state)
{
	struct terminal t = start(*state);

	expect_prompt(&t, "admin:");
	type(&t, "shwo itl\r");
	expect(&t, "the nearest: show itl");
	expect_prompt(&t, "admin:");
	type(&t, "\x04"); /* the end of input */
	assert_int_equal(end(&t), 0);
}

static void an_interrupt_cancels_the_line(void **state)
{
	struct terminal t = start(*state);

	expect_prompt(&t, "admin:");
	type(&t, "exit");
	expect(&t, "exit");
	type(&t, "\x03");
	expect_prompt(&t, "admin:");
	type(&t, "help quit\r");
	expect(&t, "leave the prompt");
	type(&t, "quit\r");
	assert_int_equal(end(&t), 0);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(the_prompt_tells_where_one_stands),
		IN_WORLD(a_failing_command_does_not_leave),
		IN_WORLD(an_interrupt_cancels_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
