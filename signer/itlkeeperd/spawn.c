#include "spawn.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define MAX_KEPT 16
#define DEFAULT_PATH                                                           \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

static bool is_kept(const char *entry, const char *const *keep)
{
	for (; *keep; keep++) {
		size_t n = strlen(*keep);

		if (!strncmp(entry, *keep, n) && entry[n] == '=')
			return true;
	}
	return false;
}

static void clean_environment(const char *const *keep,
			      char *to[MAX_KEPT + 2])
{
	static char path[] = DEFAULT_PATH;
	size_t n = 0;

	for (char **v = environ; v && *v && n < MAX_KEPT; v++)
		if (is_kept(*v, keep))
			to[n++] = *v;
	if (!getenv("PATH"))
		to[n++] = path;
	to[n] = NULL;
}

static bool set_descriptors(const struct spawn *s)
{
	int null = open("/dev/null", O_RDWR);
	int err = s->stderr_fd >= 0 ? s->stderr_fd : STDERR_FILENO;

	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	       dup2(s->stderr_fd >= 0 ? null : err, STDOUT_FILENO) >= 0 &&
	       dup2(err, STDERR_FILENO) >= 0 &&
	       close_range(STDERR_FILENO + 1, ~0U, 0) == 0;
}

static void set_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool become(const struct spawn *s)
{
	if (!s->user)
		return true;
	return initgroups(s->user, s->gid) == 0 &&
	       setresgid(s->gid, s->gid, s->gid) == 0 &&
	       setresuid(s->uid, s->uid, s->uid) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

__attribute__((noreturn)) static void child(const struct spawn *s, pid_t parent)
{
	char *env[MAX_KEPT + 2];
	struct err e;

	set_signals();
	(void)umask(022);
	clean_environment(s->keep, env);
	if ((s->group && setpgid(0, 0) != 0) || chdir("/") != 0 ||
	    !set_descriptors(s) || !become(s) ||
	    /* After become(): the kernel forgets it when the user changes. */
	    (s->dies_with_us && prctl(PR_SET_PDEATHSIG, s->dies_with_us) != 0)) {
		err_errno(&e, RC_ERROR, "become the user of", NULL, "%s",
			  s->path);
	} else if (s->dies_with_us && getppid() != parent) {
		_exit(127); /* it ended before the prctl() */
	} else {
		(void)execve(s->path, (char *const *)(uintptr_t)s->argv, env);
		err_errno(&e, RC_ERROR, "exec", NULL, "%s", s->path);
	}
	log_error("spawn", &e);
	_exit(127);
}

enum rc spawn_start(const struct spawn *s, pid_t *pid, struct err *e)
{
	pid_t self = getpid(), got = fork();

	if (got < 0)
		return err_errno(e, RC_ERROR, "fork", NULL, "%s", s->path);
	if (got == 0)
		child(s, self);
	if (s->group)
		(void)setpgid(got, got); /* whoever comes first */
	*pid = got;
	return RC_OK;
}
