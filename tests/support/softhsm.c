#include "support/softhsm.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static size_t read_all(int fd, char *out, size_t cap)
{
	char rest[4096];
	size_t n = 0;
	ssize_t r;

	for (;;) {
		bool keep = out && n + 1 < cap;

		r = keep ? read(fd, out + n, cap - 1 - n)
			 : read(fd, rest, sizeof rest);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		if (keep)
			n += num_size(r);
	}
	assert_int_equal(r, 0);
	if (out)
		out[n] = '\0';
	return n;
}

int support_run(const char *const argv[], char *out, size_t cap)
{
	posix_spawn_file_actions_t actions;
	int pipes[2], status, spawned;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(
				 &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0),
			 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, pipes[1],
							  STDOUT_FILENO),
			 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, pipes[1],
							  STDERR_FILENO),
			 0);
	spawned = posix_spawnp(&pid, argv[0], &actions, NULL,
			       (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipes[1]);
	if (spawned != 0)
		fail_msg("%s: %s", argv[0], strerror(spawned));
	(void)read_all(pipes[0], out, cap);
	(void)close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void softhsm_start(struct softhsm *h, const char *label)
{
	char path[4096];
	FILE *f;

	h->dir = support_tmpdir();
	assert_true(snprintf(path, sizeof path, "%s/tokens", h->dir) <
		    num_int(sizeof path));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(asprintf(&h->conf, "%s/softhsm2.conf", h->dir) > 0);
	f = fopen(h->conf, "we");
	assert_non_null(f);
	assert_true(fprintf(f,
			    "directories.tokendir = %s\n"
			    "objectstore.backend = file\n"
			    "log.level = ERROR\n"
			    "slots.removable = false\n",
			    path) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("SOFTHSM2_CONF", h->conf, 1), 0);
	if (label)
		softhsm_add_token(label, SOFTHSM_SO_PIN, SOFTHSM_PIN);
}

void softhsm_add_token(const char *label, const char *so_pin, const char *pin)
{
	const char *const argv[] = {"softhsm2-util", "--init-token", "--free",
				    "--label", label, "--so-pin", so_pin,
				    "--pin", pin, NULL};
	char out[1024];

	if (support_run(argv, out, sizeof out) != 0)
		fail_msg("softhsm2-util: %s", out);
}

void softhsm_stop(struct softhsm *h)
{
	(void)unsetenv("SOFTHSM2_CONF");
	support_tmpdir_remove(h->dir);
	free(h->conf);
	*h = (struct softhsm){0};
}

const char *softhsm_module(void)
{
	return SOFTHSM_MODULE;
}

struct secret *softhsm_secret(const char *text)
{
	struct secret *s = NULL;
	struct err e;

	assert_ok(secret_new(strlen(text), &s, &e), &e);
	memcpy(s->p, text, s->n);
	return s;
}
