/* What tvs cannot do, once it is confined; in a child, for it is for good. */
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "confine.h"
#include <errno.h>
#include <linux/if_alg.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static long run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long signal_parent(void)
{
	return kill(getppid(), 0);
}

static long trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long ask_kernel_for_crypto(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static long to_keyd(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

static long to_phones(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static void *nothing(void *arg)
{
	return arg;
}

static long make_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	return errno ? -1 : pthread_join(thread, NULL);
}

static const struct row {
	const char *name;
	long (*call)(void);
	bool refused;
} rows[] = {
	{"a program", run_program, true},
	{"a process", make_process, true},
	{"a signal", signal_parent, true},
	{"another's memory", trace_parent, true},
	{"a kernel's door", ask_kernel_for_crypto, true},
	{"keyd", to_keyd, false},
	{"phones", to_phones, false},
	{"a thread", make_thread, false},
};

static void confined(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct err e;

			if (proc_harden(&e) != RC_OK || confine(&e) != RC_OK)
				_exit(9);
			errno = 0;
			_exit(rows[i].call() < 0 ? (errno == EACCES ? 1 : 2) : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != rows[i].refused)
			fail_msg("%s: %d", rows[i].name, WEXITSTATUS(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
