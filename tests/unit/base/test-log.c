#include "support/support.h"
#include "base/log.h"
#include <string.h>
#include <unistd.h>

/* What a call writes to standard error. */
static char written[4096];

static void begin(int pipes[2], int *saved)
{
	assert_int_equal(pipe(pipes), 0);
	*saved = dup(STDERR_FILENO);
	assert_true(*saved >= 0);
	assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
	(void)close(pipes[1]);
}

static void end(int pipes[2], int saved)
{
	ssize_t n;

	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	n = read(pipes[0], written, sizeof written - 1);
	(void)close(pipes[0]);
	assert_true(n > 0);
	written[n] = '\0';
}

static void test_lines(void **state)
{
	int pipes[2], saved;
	struct err e;

	(void)state;
	log_open("keyd");
	begin(pipes, &saved);
	log_info("event=start token=\"%s\"", "prod-a");
	end(pipes, saved);
	assert_string_equal(written,
			    "<6>keyd: event=start token=\"prod-a\"\n");
	begin(pipes, &saved);
	log_warn("event=late");
	end(pipes, saved);
	assert_string_equal(written, "<4>keyd: event=late\n");
	err_set(&e, RC_TOKEN, "C_Sign", "failed", NULL, "token \"a\"");
	begin(pipes, &saved);
	log_error("sign", &e);
	end(pipes, saved);
	assert_string_equal(written, "<3>keyd: event=sign rc=token "
				     "msg=\"C_Sign on token 'a': failed\"\n");
}

/* A line break inside a value does not make a line of its own. */
static void test_no_forged_lines(void **state)
{
	static char text[3000];
	int pipes[2], saved;

	(void)state;
	begin(pipes, &saved);
	log_info("name=%s", "a\n<3>keyd: event=forged\x1b[2J\x7f");
	end(pipes, saved);
	assert_string_equal(written,
			    "<6>keyd: name=a?<3>keyd: event=forged?[2J?\n");
	memset(text, 'a', sizeof text - 1);
	begin(pipes, &saved);
	log_info("%s", text);
	end(pipes, saved);
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_no_forged_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
