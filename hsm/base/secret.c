#include "base/secret.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>

enum rc secret_new(size_t n, struct secret **out, struct err *e)
{
	struct secret *s;

	if (n == 0 || n > SECRET_BLOCK_MAX)
		return err_set(e, RC_ERROR, "secret", "length out of range",
			       NULL, "%zu bytes", n);
	if (sodium_init() < 0)
		return err_set(e, RC_ERROR, "sodium_init", "failed", NULL,
			       "libsodium");
	s = calloc(1, sizeof *s);
	if (!s || !(s->p = sodium_malloc(n))) {
		free(s);
		return err_errno(e, RC_ERROR, "sodium_malloc", NULL,
				 "%zu bytes", n);
	}
	/* sodium_malloc() ignores a failed lock; locking twice is harmless. */
	if (mlock(s->p, n) != 0) {
		err_errno(e, RC_ERROR, "mlock",
			  "raise the limit of locked memory (ulimit -l, LimitMEMLOCK=)",
			  "%zu bytes of secret memory", n);
		sodium_free(s->p);
		free(s);
		return e->rc;
	}
	memset(s->p, 0, n);
	s->n = n;
	*out = s;
	return RC_OK;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	sodium_free(s->p); /* zeroes and unlocks */
	free(s);
}

/* One line from fd, read in place: no copy of it lies anywhere else. */
static enum rc read_line(int fd, const char *what, struct secret **out,
			 struct err *e)
{
	struct secret CLEANUP(secret_free) *s = NULL;
	size_t n = 0;

	if (secret_new(SECRET_MAX, &s, e) != RC_OK)
		return e->rc;
	while (n < SECRET_MAX) {
		ssize_t r = read(fd, s->p + n, SECRET_MAX - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, RC_ERROR, "read", NULL, "%s", what);
		n += num_size(r);
		if (r == 0 || memchr(s->p, '\n', n))
			break;
	}
	uint8_t *end = memchr(s->p, '\n', n);

	if (!end && n == SECRET_MAX)
		return err_set(e, RC_ERROR, "read", "the first line is too long",
			       NULL, "%s", what);
	s->n = end ? num_size(end - s->p) : n;
	if (s->n && s->p[s->n - 1] == '\r')
		s->n--;
	sodium_memzero(s->p + s->n, SECRET_MAX - s->n);
	if (s->n == 0)
		return err_set(e, RC_ERROR, "read", "the first line is empty",
			       "write the secret there, alone on one line",
			       "%s", what);
	*out = s;
	s = NULL;
	return RC_OK;
}

enum rc secret_read_file(const char *path, struct secret **out, struct err *e)
{
	int CLEANUP(fd_close) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, RC_ERROR, "open", "is not a regular file",
			       NULL, "%s", path);
	if (st.st_mode & 077 || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(e, RC_ERROR, "open",
			       "others than its owner may read it",
			       "chmod 0600 it, and give it to the user that reads it",
			       "%s", path);
	return read_line(fd, path, out, e);
}

enum rc secret_read_credential(const char *name, struct secret **out,
			       struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	if (!dir)
		return err_set(e, RC_ERROR, "credential",
			       "CREDENTIALS_DIRECTORY is not set",
			       "start under systemd with LoadCredential=, or name a file",
			       "%s", name);
	if (snprintf(path, sizeof path, "%s/%s", dir, name) >=
	    num_int(sizeof path))
		return err_set(e, RC_ERROR, "credential", "path too long", NULL,
			       "%s", name);
	int CLEANUP(fd_close) fd = open(path, O_RDONLY | O_CLOEXEC);

	/* systemd guards the folder; the file's own mode is its business. */
	if (fd < 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", path);
	return read_line(fd, path, out, e);
}

/* ---- asking ---- */

static const int ending[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
static volatile sig_atomic_t ask_caught;

static void ask_catch(int sig)
{
	ask_caught = sig;
}

/* Wait for a line of the terminal. Signals are blocked but in here, so that none
 * is lost, and none ends us before the terminal is as it was. */
static bool wait_for_line(int tty, const sigset_t *mask)
{
	struct pollfd p = {.fd = tty, .events = POLLIN};

	while (!ask_caught && ppoll(&p, 1, NULL, mask) < 0 && errno == EINTR)
		continue;
	return !ask_caught;
}

static enum rc ask_silently(int tty, const char *prompt, const sigset_t *mask,
			    struct secret **out, struct err *e)
{
	struct termios before, silent;
	enum rc rc;

	if (tcgetattr(tty, &before) != 0)
		return err_errno(e, RC_ERROR, "ask", NULL, "the terminal");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(tty, TCSAFLUSH, &silent);
	(void)!write(tty, prompt, strlen(prompt));
	rc = wait_for_line(tty, mask)
		     ? read_line(tty, "the terminal", out, e)
		     : err_set(e, RC_ERROR, "ask", "interrupted",
			       "nothing was changed", "the terminal");
	(void)!write(tty, "\n", 1);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	return rc;
}

enum rc secret_ask(const char *prompt, struct secret **out, struct err *e)
{
	int CLEANUP(fd_close) tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	const struct sigaction on = {.sa_handler = ask_catch};
	struct sigaction before[COUNT_OF(ending)];
	sigset_t block, old, open_mask;
	bool ends = false;
	enum rc rc;

	if (tty < 0)
		return err_set(e, RC_USAGE, "ask", "there is no terminal",
			       "name a file that only you can read instead",
			       "%s", prompt);
	ask_caught = 0;
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGTSTP); /* would leave the terminal silent */
	for (size_t i = 0; i < COUNT_OF(ending); i++)
		(void)sigaddset(&block, ending[i]);
	(void)sigprocmask(SIG_BLOCK, &block, &old);
	open_mask = old;
	for (size_t i = 0; i < COUNT_OF(ending); i++) {
		(void)sigdelset(&open_mask, ending[i]);
		(void)sigaction(ending[i], &on, &before[i]);
	}
	(void)sigaddset(&open_mask, SIGTSTP);
	rc = ask_silently(tty, prompt, &open_mask, out, e);
	for (size_t i = 0; i < COUNT_OF(ending); i++) {
		(void)sigaction(ending[i], &before[i], NULL);
		ends |= ask_caught == ending[i] &&
			before[i].sa_handler == SIG_DFL;
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (ends)
		(void)raise(ask_caught); /* as if it had not been caught */
	return rc;
}
