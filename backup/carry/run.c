#include "carry/run.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "voice.h"
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

#define FIRST_FREE_FD (CARRY_TALK_FD + 1)
#define GRACE 2 /* seconds that a job may take beside its own deadline */

/* What a child writes, up to a bound; more than that is an error. */
struct output {
	int fd; /* -1 after its end */
	size_t n, cap, max;
	bool too_much;
	uint8_t *p;
};

struct child {
	int job, content;      /* what it reads: files in memory, */
	int secret, agent;     /* a pipe, a copy of the agent's socket; or -1 */
	int result_w, error_w; /* its ends of the pipes, */
	int talk;              /* and of a dialogue; or -1 */
	struct output result, error;
	struct carry_voice voice;
	pid_t pid;
	int pidfd;
	bool late, stopped;
	int status; /* as an exit code; 128 and above: a signal */
};

/* Out of the way of the numbers that the child will know it by. */
#define HIGH_FD (FIRST_FREE_FD + 3)

static int high(int fd)
{
	int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);

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

/* Written before anybody reads: a pipe holds more than SECRET_MAX bytes. */
static int pipe_with(const struct secret *password)
{
	int p[2], fd;
	bool ok;

	if (pipe2(p, O_CLOEXEC) != 0)
		return -1;
	ok = file_write_all(p[1], bytes_of(password->p, password->n));
	fd_close(p[1]);
	fd = high(p[0]);
	if (!ok) {
		fd_close(fd);
		fd = -1;
	}
	return fd;
}

static bool pipe_of(struct output *o, size_t max, int *other)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) != 0)
		return false;
	o->fd = high(p[0]);
	*other = high(p[1]);
	o->max = max;
	o->cap = 4096;
	o->p = malloc(o->cap);
	return o->fd >= 0 && *other >= 0 && o->p &&
	       fcntl(o->fd, F_SETFL, O_NONBLOCK) == 0;
}

static enum rc prepare(struct child *c, const struct carry_job *j, struct err *e)
{
	char CLEANUP_FREE *text = NULL;

	if (json_object_set_new(j->job, "parent", json_integer(getpid())) != 0 ||
	    !(text = json_dumps(j->job, JSON_COMPACT)) ||
	    strlen(text) > CARRY_JOB_MAX)
		return err_set(e, RC_ERROR, "carry", "the job is no JSON, or too long",
			       NULL, "a job");
	c->job = file_of("job", bytes_of_text(text));
	c->content = file_of("content", j->content);
	if (j->password)
		c->secret = pipe_with(j->password);
	if (j->agent_fd >= 0)
		c->agent = fcntl(j->agent_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (j->talk && voice_open(&c->voice, j->talk, &c->talk))
		c->talk = high(c->talk);
	if (c->job < 0 || c->content < 0 || (j->password && c->secret < 0) ||
	    (j->talk && c->talk < 0) ||
	    (j->agent_fd >= 0 && c->agent < 0) ||
	    !pipe_of(&c->result, j->max, &c->result_w) ||
	    !pipe_of(&c->error, CARRY_ERROR_MAX, &c->error_w))
		return err_errno(e, RC_ERROR, "carry", NULL, "a job");
	return RC_OK;
}

/* Its descriptors, each under the number that it knows; no others. */
static bool place(const struct child *c, posix_spawn_file_actions_t *files)
{
	const struct {
		int from, to;
	} fds[] = {
		{c->job, 0},
		{c->error_w, 1},
		{c->content, CARRY_CONTENT_FD},
		{c->result_w, CARRY_RESULT_FD},
		{c->secret, CARRY_SECRET_FD},
		{c->agent, CARRY_AGENT_FD},
		{c->talk, CARRY_TALK_FD},
	};
	int bad = 0;

	for (size_t i = 0; i < COUNT_OF(fds) && !bad; i++)
		bad = fds[i].from >= 0
			      ? posix_spawn_file_actions_adddup2(
					files, fds[i].from, fds[i].to)
			      : posix_spawn_file_actions_addclose(files,
								  fds[i].to);
	return !bad && !posix_spawn_file_actions_addclosefrom_np(files,
								 FIRST_FREE_FD);
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
	bad = !place(c, &files) ||
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
	fd_close(c->talk);
	c->result_w = c->error_w = c->talk = -1;
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0) {
		err_errno(e, RC_ERROR, "pidfd_open", NULL, "%s", program);
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	return c->pidfd < 0 ? e->rc : RC_OK;
}

static bool append(struct output *o, const uint8_t *p, size_t n)
{
	size_t cap = o->cap;
	uint8_t *more;

	if (n > o->max - o->n)
		return false;
	while (cap < o->n + n)
		cap *= 2;
	if (cap != o->cap) {
		more = realloc(o->p, cap);
		if (!more)
			return false;
		o->p = more;
		o->cap = cap;
	}
	memcpy(o->p + o->n, p, n);
	o->n += n;
	return true;
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
		if (r > 0 && append(o, more, num_size(r)))
			continue;
		o->too_much = r > 0;
		fd_close(o->fd); /* the end, or more than a job may bring */
		o->fd = -1;
	}
}

static void kill_it(struct child *c)
{
	(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

/* A put has no deadline of its own, and so none to give it time after: what it
 * waits for is a disk, and no call to that can be given up but by its end. */
static double kill_after(const struct carry_job *j)
{
	return j->seconds + (json_object_get(j->job, "seconds") ? GRACE : 0);
}

/* What is in a dialogue may be between two renames: it hears that this is the end. */
static void let_end(struct child *c, double *deadline)
{
	double soon = proc_now() + GRACE;

	if (c->voice.fd < 0)
		return;
	voice_hang_up(&c->voice);
	if (*deadline > soon)
		*deadline = soon;
}

/* Read until it has ended, or make it end. */
static void attend(struct child *c, const struct carry_job *j)
{
	enum { ENDED, RESULT, ERROR, STOP, TALK };
	struct pollfd p[] = {[ENDED] = {.fd = c->pidfd, .events = POLLIN},
			     [RESULT] = {.events = POLLIN},
			     [ERROR] = {.events = POLLIN},
			     [STOP] = {.fd = j->stop_fd, .events = POLLIN},
			     [TALK] = {.fd = -1}};
	double deadline = proc_now() + kill_after(j);
	siginfo_t how = {0};

	while (!(p[ENDED].revents & POLLIN)) {
		double left = deadline - proc_now();

		p[RESULT].fd = c->result.fd;
		p[ERROR].fd = c->error.fd;
		p[TALK] = voice_poll(&c->voice);
		if (left <= 0)
			c->late = true;
		if (c->late || (c->stopped && !j->talk)) {
			kill_it(c);
			left = 3600; /* SIGKILL has been sent: it ends */
		}
		if (c->late || c->stopped)
			p[STOP].fd = -1;
		if (poll(p, COUNT_OF(p), (int)(left * 1000) + 1) <= 0)
			continue;
		drain(&c->result);
		drain(&c->error);
		if (p[TALK].revents && voice_attend(&c->voice))
			deadline = proc_now() + kill_after(j);
		c->stopped = c->stopped || p[STOP].revents;
		if (c->stopped || c->voice.error.rc != RC_OK)
			let_end(c, &deadline);
	}
	drain(&c->result);
	drain(&c->error);
	(void)voice_attend(&c->voice);
	(void)waitid(P_PIDFD, (id_t)c->pidfd, &how, WEXITED);
	c->status = how.si_code == CLD_EXITED ? how.si_status
					      : 128 + how.si_status;
}

/* What the job is about, for the parent's own words. */
static void name_of(const json_t *job, char *to, size_t cap)
{
	const char *url = json_string_value(json_object_get(job, "url"));
	const char *host = json_string_value(json_object_get(job, "host"));
	const char *folder = json_string_value(json_object_get(job, "folder"));

	(void)snprintf(to, cap, "%s%s%s", url ? url : host ? host : "",
		       !url && host && folder ? ":" : "",
		       !url && folder ? folder : "");
	if (!to[0])
		(void)snprintf(to, cap, "a job");
}

static enum rc outcome(struct child *c, const struct carry_job *job,
		       struct err *e)
{
	char why[80], what[sizeof e->what];
	json_t *j;

	name_of(job->job, what, sizeof what);
	if (c->stopped)
		return err_set(e, RC_STALE, "carry", "was stopped before its end",
			       NULL, "%s", what);
	if (c->voice.error.rc != RC_OK) {
		*e = c->voice.error;
		return e->rc;
	}
	(void)snprintf(why, sizeof why,
		       job->talk ? "nothing came of it for %.0f seconds"
				 : "did not end in %.0f seconds",
		       kill_after(job));
	if (c->late)
		return err_set(e, RC_STALE, "carry", why,
			       "is the server, or the disk, stuck?", "%s", what);
	if (c->result.too_much)
		return err_set(e, RC_ERROR, "carry", "brought more than it may",
			       NULL, "%s: over %zu bytes", what, job->max);
	if (c->status == 0)
		return RC_OK;
	j = json_loadb((const char *)c->error.p, c->error.n,
		       JSON_REJECT_DUPLICATES, NULL);
	(void)snprintf(why, sizeof why, "ended with status %d and no word",
		       c->status);
	if (j)
		(void)err_from_json(j, e);
	else
		err_set(e, RC_ERROR, "carry", why, "see the log", "%s", what);
	json_decref(j);
	return e->rc;
}

static void clear(struct child *c)
{
	const int fds[] = {c->job,	 c->content,  c->secret,
			   c->agent,	 c->result_w, c->error_w,
			   c->result.fd, c->error.fd, c->pidfd, c->talk};

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fd_close(fds[i]);
	free(c->result.p);
	free(c->error.p);
	voice_clear(&c->voice);
}

enum rc carry_run(const struct carry_job *j, uint8_t **result, size_t *n,
		  struct err *e)
{
	struct child c = {.job = -1, .content = -1, .secret = -1, .agent = -1,
			  .result_w = -1, .error_w = -1, .result.fd = -1,
			  .error.fd = -1, .pidfd = -1, .talk = -1, .voice.fd = -1};
	enum rc rc = prepare(&c, j, e);

	if (rc == RC_OK)
		rc = start(&c, j->program, e);
	if (rc == RC_OK) {
		attend(&c, j);
		rc = outcome(&c, j, e);
	}
	if (rc == RC_OK && result) {
		*result = c.result.p;
		*n = c.result.n;
		c.result.p = NULL;
	}
	json_decref(j->job);
	clear(&c);
	return rc;
}
