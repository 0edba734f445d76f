#include "support/sshd.h"
#include "support/support.h"
#include "base/file.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_MAX 1024

static void script(const struct sshd *s, const char *command, const char *options)
{
	char line[COMMAND_MAX];

	if (geteuid() != 0)
		fail_msg("this test needs root: sshd's user is real");
	assert_true(snprintf(line, sizeof line, "%s/sshd %s '%s' %s", SUPPORT_DIR,
			     command, s->dir, options) < (int)sizeof line);
	assert_int_equal(system(line), 0);
}

/* The first line of a file that the script leaves. */
static void read_line(const struct sshd *s, const char *name, char *to, size_t cap)
{
	uint8_t CLEANUP_FREE *text = NULL;
	char path[512];
	struct err e;
	size_t n;

	assert_ok(file_path(path, sizeof path, s->dir, name, &e), &e);
	assert_ok(file_read(path, 4096, &text, &n, &e), &e);
	text[strcspn((char *)text, "\n")] = '\0';
	assert_true(snprintf(to, cap, "%s", (char *)text) < (int)cap);
}

void sshd_start(struct sshd *s, const char *dir, const char *options)
{
	char port[16];

	*s = (struct sshd){0};
	assert_true(snprintf(s->dir, sizeof s->dir, "%s", dir) < (int)sizeof s->dir);
	script(s, "start", options);
	read_line(s, "port", port, sizeof port);
	read_line(s, "user", s->user, sizeof s->user);
	read_line(s, "password", s->password, sizeof s->password);
	s->port = (unsigned)strtoul(port, NULL, 10);
	(void)snprintf(s->vault, sizeof s->vault, "%s/vault", s->dir);
	(void)snprintf(s->key, sizeof s->key, "%s/key", s->dir);
	(void)snprintf(s->key_locked, sizeof s->key_locked, "%s/key-locked", s->dir);
	(void)snprintf(s->known_hosts, sizeof s->known_hosts, "%s/known_hosts",
		       s->dir);
}

void sshd_stop(const struct sshd *s)
{
	script(s, "stop", "");
}

void sshd_rekey(const struct sshd *s)
{
	script(s, "rekey", "");
}

void sshd_agent(const struct sshd *s, char *path, size_t cap)
{
	script(s, "agent", ">/dev/null");
	assert_true(snprintf(path, cap, "%s/agent", s->dir) < (int)cap);
}

void smtpd_start(struct smtpd *s, const char *dir, const char *options)
{
	char line[COMMAND_MAX], port[16] = "";
	int in[2], out[2];
	FILE *from;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_true(snprintf(line, sizeof line, "exec %s/smtpd '%s' %s", SUPPORT_DIR,
			     dir, options) < (int)sizeof line);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	s->hold = in[1];
	from = fdopen(out[0], "r");
	assert_non_null(from);
	assert_non_null(fgets(port, sizeof port, from));
	(void)fclose(from);
	s->port = (unsigned)strtoul(port, NULL, 10);
	assert_true(s->port > 0);
}

void smtpd_stop(struct smtpd *s)
{
	close(s->hold);
	assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
}
