#include "child.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define FIRST_FREE_FD (CARRY_RESULT_FD + 1)

/* What a child writes, up to a bound; more than that is an error. */
struct output {
	int fd; /* -1 after its end */
	size_t n, cap;
	bool too_much;
	uint8_t *p;
};

struct child {
	int job, content;      /* what it reads: files in memory */
	int result_w, error_w; /* its ends of the pipes */
	struct output result, error;
	pid_t pid;
	int pidfd;
	bool late, stopped;
	int status; /* as an exit code; 128 and above: a signal */
};

/* Out of the way of the numbers that the child will know it by. */
static int high(int fd)
{
	int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD + 5);

	fd_close(fd);
	return up;
}

static int file_of(const char *name, struct bytes b)
{
	int fd = high(memfd_create(name, MFD_CLOEXEC));

	if (fd < 0 || !file_write_all(fd, b) ||
	    lseek(fd, 0, SEEK_SET) != 0) {
		fd_close(fd);
		return -1;
	}
	return fd;
}

static bool pipe_of(struct output *o, size_t cap, int *other)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) != 0)
		return false;
	o->fd = high(p[0]);
	*other = high(p[1]);
	o->cap = cap;
	o->p = malloc(cap + 1);
	return o->fd >= 0 && *other >= 0 && o->p &&
	       fcntl(o->fd, F_SETFL, O_NONBLOCK) == 0;
}

static enum rc prepare(struct child *c, json_t *job, struct bytes content,
		       struct err *e)
{
	char CLEANUP_FREE *text = NULL;

	if (json_object_set_new(job, "parent", json_integer(getpid())) != 0 ||
	    !(text = json_dumps(job, JSON_COMPACT)) ||
	    strlen(text) > CARRY_JOB_MAX)
		return err_set(e, RC_ERROR, "carry", "the job is no JSON, or too long",
			       NULL, "a job");
	c->job = file_of("job", bytes_of_text(text));
	c->content = file_of("content", content);
	if (c->job < 0 || c->content < 0 ||
	    !pipe_of(&c->result, CARRY_CONTENT_MAX, &c->result_w) ||
	    !pipe_of(&c->error, CARRY_ERROR_MAX, &c->error_w))
		return err_errno(e, RC_ERROR, "carry", NULL, "a job");
	return RC_OK;
}

static int spawn(struct child *c, const char *program)
{
	char *argv[] = {(char *)(uintptr_t)"carry", NULL}, *none[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t empty, pipe_only;
	int bad;

	sigemptyset(&empty);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	bad = posix_spawn_file_actions_adddup2(&files, c->job, 0) ||
	      posix_spawn_file_actions_adddup2(&files, c->error_w, 1) ||
	      posix_spawn_file_actions_adddup2(&files, c->content,
					       CARRY_CONTENT_FD) ||
	      posix_spawn_file_actions_adddup2(&files, c->result_w,
					       CARRY_RESULT_FD) ||
	      posix_spawn_file_actions_addclosefrom_np(&files, FIRST_FREE_FD) ||
	      posix_spawnattr_setsigmask(&attr, &empty) ||
	      posix_spawnattr_setsigdefault(&attr, &pipe_only) ||
	      posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	bad = bad ? ENOMEM
		  : posix_spawn(&c->pid, program, &files, &attr, argv, none);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return bad;
}

static enum rc start(struct child *c, const char *program, struct err *e)
{
	errno = spawn(c, program);
	if (errno)
		return err_errno(e, RC_ERROR, "start",
				 "install the whole package", "%s", program);
	/* Ours, so that the pipes end with the child. */
	fd_close(c->result_w);
	fd_close(c->error_w);
	c->result_w = c->error_w = -1;
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0) {
		err_errno(e, RC_ERROR, "pidfd_open", NULL, "%s", program);
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	return c->pidfd < 0 ? e->rc : RC_OK;
}

static void drain(struct output *o)
{
	uint8_t more[4096];

	while (o->fd >= 0) {
		ssize_t r = read(o->fd, more, sizeof more);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN)
			return;
		if (r > 0 && num_size(r) <= o->cap - o->n) {
			memcpy(o->p + o->n, more, num_size(r));
			o->n += num_size(r);
			continue;
		}
		o->too_much = r > 0;
		fd_close(o->fd); /* the end, or more than a job may bring */
		o->fd = -1;
	}
}

static void kill_it(struct child *c)
{
	(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

/* Read until it has ended, or make it end. */
static void attend(struct child *c, double deadline, int stop_fd)
{
	enum { ENDED, RESULT, ERROR, STOP };
	struct pollfd p[] = {[ENDED] = {.fd = c->pidfd, .events = POLLIN},
			     [RESULT] = {.events = POLLIN},
			     [ERROR] = {.events = POLLIN},
			     [STOP] = {.fd = stop_fd, .events = POLLIN}};
	siginfo_t how = {0};

	while (!(p[ENDED].revents & POLLIN)) {
		double left = deadline - proc_now();

		p[RESULT].fd = c->result.fd;
		p[ERROR].fd = c->error.fd;
		if (left <= 0)
			c->late = true;
		if (c->late || c->stopped) {
			kill_it(c);
			p[STOP].fd = -1;
			left = 3600; /* SIGKILL has been sent: it ends */
		}
		if (poll(p, COUNT_OF(p), (int)(left * 1000) + 1) <= 0)
			continue;
		drain(&c->result);
		drain(&c->error);
		c->stopped = c->stopped || p[STOP].revents;
	}
	drain(&c->result);
	drain(&c->error);
	(void)waitid(P_PIDFD, (id_t)c->pidfd, &how, WEXITED);
	c->status = how.si_code == CLD_EXITED ? how.si_status
					      : 128 + how.si_status;
}

static enum rc outcome(struct child *c, const char *what, double seconds,
		       struct err *e)
{
	char why[80];
	json_t *j;

	if (c->stopped)
		return err_set(e, RC_STALE, "carry", "front is being stopped",
			       "it goes on with the next start", "%s", what);
	(void)snprintf(why, sizeof why, "did not end in %.0f seconds", seconds);
	if (c->late)
		return err_set(e, RC_STALE, "carry", why,
			       "is the server, or the disk, stuck?", "%s", what);
	if (c->status == 0 && !c->result.too_much)
		return RC_OK;
	j = json_loadb((const char *)c->error.p, c->error.n,
		       JSON_REJECT_DUPLICATES, NULL);
	(void)snprintf(why, sizeof why, "ended with status %d and no word",
		       c->status);
	if (j)
		(void)err_from_json(j, e);
	else
		err_set(e, RC_ERROR, "carry", why, "see front's log", "%s", what);
	json_decref(j);
	return e->rc;
}

static void clear(struct child *c)
{
	const int fds[] = {c->job,	 c->content,  c->result_w, c->error_w,
			   c->result.fd, c->error.fd, c->pidfd};

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fd_close(fds[i]);
	free(c->result.p);
	free(c->error.p);
}

enum rc child_run(const char *program, json_t *job, struct bytes content,
		  double seconds, int stop_fd, uint8_t **result, size_t *n,
		  struct err *e)
{
	struct child c = {.job = -1, .content = -1, .result_w = -1,
			  .error_w = -1, .result.fd = -1, .error.fd = -1,
			  .pidfd = -1};
	const char *url = json_string_value(json_object_get(job, "url"));
	const char *folder = json_string_value(json_object_get(job, "folder"));
	const char *what = url ? url : folder ? folder : "a job";
	enum rc rc = prepare(&c, job, content, e);

	if (rc == RC_OK)
		rc = start(&c, program, e);
	if (rc == RC_OK) {
		attend(&c, proc_now() + seconds, stop_fd);
		rc = outcome(&c, what, seconds, e);
	}
	if (rc == RC_OK && result) {
		*result = c.result.p;
		*n = c.result.n;
		c.result.p = NULL;
	}
	json_decref(job);
	clear(&c);
	return rc;
}
