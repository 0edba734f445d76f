#include "bouncer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "request.h"
#include "spawn.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define STRAY_SECONDS 10 /* that a file may lie there without being a request */
#define MAX_LAST_READS 32 /* of 4096 bytes: more than a pipe holds */

/* A node's command, or the phones'. pid 0: none runs. */
struct job {
	const char *name;    /* of the request and its answer */
	const char *command; /* NULL: none is configured */
	const char *key;     /* of cluster.conf, which would */
	bool remote;         /* it runs over SSH: front asks for it, never root */
	unsigned seconds;
	pid_t pid;
	bool late; /* killed at its deadline */
	int err;   /* the command's standard error, or -1 */
	double deadline;
	char nonce[RESTART_NONCE_HEX + 1];
	struct last_line line;
};

struct bouncer {
	const struct cluster *c;
	uid_t writer;
	int dir, watch;
	size_t njobs;
	struct job jobs[BOUNCER_MAX_JOBS];
};

static const char *const keep[] = {"PATH", "LANG", "TZ", NULL};

static void add_job(struct bouncer *b, const char *name, const char *command,
		    const char *key, unsigned seconds)
{
	b->jobs[b->njobs++] = (struct job){.name = name, .command = command,
					   .key = key, .seconds = seconds,
					   .err = -1};
}

enum rc bouncer_open(const struct cluster *c, uid_t writer,
		     struct bouncer **out, struct err *e)
{
	struct bouncer CLEANUP(bouncer_free) *b = calloc(1, sizeof *b);
	char path[CLUSTER_PATH_MAX];

	if (!b)
		return err_errno(e, RC_ERROR, "calloc", NULL, "bouncer");
	b->c = c;
	b->writer = writer;
	for (size_t i = 0; i < c->nnodes; i++) {
		add_job(b, c->nodes[i].id, c->nodes[i].restart, "restart",
			c->restart_seconds);
		b->jobs[i].remote = c->nodes[i].remote;
	}
	add_job(b, RESTART_PHONES, c->phone_reset, "phone-reset",
		c->phone_reset_seconds);
	cluster_path(c, PATH_RESTART, path);
	b->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	b->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (b->dir < 0 || b->watch < 0 ||
	    inotify_add_watch(b->watch, path, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
		return err_errno(e, RC_ERROR, "watch", NULL, "%s", path);
	*out = b;
	b = NULL;
	return RC_OK;
}

void bouncer_free(struct bouncer *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->njobs; i++) {
		struct job *j = &b->jobs[i];

		if (j->pid) {
			(void)kill(-j->pid, SIGKILL);
			(void)waitpid(j->pid, NULL, 0);
		}
		fd_close(j->err);
	}
	fd_close(b->dir);
	fd_close(b->watch);
	free(b);
}

bool bouncer_idle(const struct bouncer *b)
{
	for (size_t i = 0; i < b->njobs; i++)
		if (b->jobs[i].pid)
			return false;
	return true;
}

static void answer(const struct bouncer *b, const struct job *j, int status,
		   const char *last)
{
	char dir[CLUSTER_PATH_MAX], path[2 * CLUSTER_PATH_MAX];
	char text[REQUEST_ANSWER_MAX];
	size_t n = request_answer(j->nonce, status, last, text);
	struct err e;

	cluster_path(b->c, PATH_RESTARTED, dir);
	if (file_path(path, sizeof path, dir, j->name, &e) != RC_OK ||
	    file_replace(path, bytes_of(text, n), 0644, &e) != RC_OK)
		log_error("restart-answer", &e);
}

static enum rc start(struct job *j, struct err *e)
{
	const char *const argv[] = {"sh", "-c", j->command, NULL};
	int fds[2];

	if (j->remote)
		return err_set(e, RC_REFUSED, "restart",
			       "this node's command runs over SSH, and front asks for it",
			       NULL, "%s", j->name);
	if (!j->command)
		return err_set(e, RC_USAGE, "restart",
			       "cluster.conf gives no command for it",
			       "give it the key: itlkeeperd takes a changed file up in a moment", "%s: %s",
			       j->name, j->key);
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_errno(e, RC_ERROR, "pipe", NULL, "%s", j->name);
	int CLEANUP(fd_close) ours = fds[0], CLEANUP(fd_close) theirs = fds[1];
	/* stderr stays blocking for the command; only our end may not wait. */
	const struct spawn s = {.path = "/bin/sh",
				.argv = argv,
				.keep = keep,
				.stderr_fd = theirs,
				.group = true};

	if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(e, RC_ERROR, "fcntl", NULL, "%s", j->name);
	if (spawn_start(&s, &j->pid, e) != RC_OK)
		return e->rc;
	j->err = ours;
	ours = -1;
	j->line = (struct last_line){0};
	j->late = false;
	j->deadline = proc_now() + j->seconds;
	log_info("event=restart node=%s", j->name);
	return RC_OK;
}

static void take(struct bouncer *b, struct job *j)
{
	struct err e;
	enum rc rc = request_take(b->dir, j->name, b->writer, j->nonce, &e);

	if (rc == RC_OK && start(j, &e) == RC_OK)
		return;
	if (rc == RC_NOTFOUND)
		return;
	log_error("restart-request", &e);
	if (rc == RC_OK) /* it was a request, and somebody waits */
		answer(b, j, 1, e.why);
}

static bool is_request(const struct bouncer *b, const char *name)
{
	for (size_t i = 0; i < b->njobs; i++)
		if (!strcmp(b->jobs[i].name, name))
			return true;
	return false;
}

/* What front writes aside gets its name at once. */
static bool is_old(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	       time(NULL) - st.st_mtim.tv_sec > STRAY_SECONDS;
}

bool bouncer_sweep(const struct bouncer *b)
{
	int fd = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *f;
	bool empty = true;

	if (!d) {
		fd_close(fd);
		return true;
	}
	while ((f = readdir(d))) {
		if (!strcmp(f->d_name, ".") || !strcmp(f->d_name, ".."))
			continue;
		/* A request came just now, or bouncer_work() could not remove it. */
		if (is_request(b, f->d_name) || !is_old(b->dir, f->d_name) ||
		    (unlinkat(b->dir, f->d_name, 0) != 0 &&
		     unlinkat(b->dir, f->d_name, AT_REMOVEDIR) != 0))
			empty = false;
	}
	(void)closedir(d);
	return empty;
}

void bouncer_work(struct bouncer *b)
{
	double now = proc_now();

	for (size_t i = 0; i < b->njobs; i++) {
		struct job *j = &b->jobs[i];

		if (!j->pid) {
			take(b, j);
		} else if (now >= j->deadline && !j->late) {
			j->late = true;
			(void)kill(-j->pid, SIGKILL);
		}
	}
}

/* False when nothing is left for now. */
static bool read_line(struct job *j)
{
	uint8_t buf[4096];
	ssize_t r = read(j->err, buf, sizeof buf);

	if (r > 0) {
		last_line_put(&j->line, bytes_of(buf, num_size(r)));
		return true;
	}
	if (r == 0 || errno != EAGAIN) {
		fd_close(j->err);
		j->err = -1;
	}
	return false;
}

bool bouncer_ended(struct bouncer *b, pid_t pid, int wait_status)
{
	struct job *j = b->jobs;
	char late[64];
	int status;

	while (j < b->jobs + b->njobs && j->pid != pid)
		j++;
	if (j == b->jobs + b->njobs)
		return false;
	/* The rest, but not for ever: a daemon may keep the pipe open. */
	for (int i = 0; j->err >= 0 && i < MAX_LAST_READS; i++)
		if (!read_line(j))
			break;
	fd_close(j->err);
	j->err = -1;
	j->pid = 0;
	status = j->late ? RESTART_LATE
		 : WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
					  : 128 + WTERMSIG(wait_status);
	if (status == 0)
		log_info("event=restarted node=%s", j->name);
	else
		log_warn("event=restart-failed node=%s status=%d stderr=\"%s\"",
			 j->name, status, last_line_text(&j->line));
	(void)snprintf(late, sizeof late,
		       "the command did not end in time (%s-seconds)", j->key);
	answer(b, j, status,
	       j->late ? late : last_line_text(&j->line));
	return true;
}

size_t bouncer_poll(const struct bouncer *b, struct pollfd fds[BOUNCER_MAX_FDS],
		    double *deadline)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){.fd = b->watch, .events = POLLIN};
	for (size_t i = 0; i < b->njobs; i++) {
		const struct job *j = &b->jobs[i];

		if (j->pid && !j->late && j->deadline < *deadline)
			*deadline = j->deadline;
		if (j->err >= 0)
			fds[n++] = (struct pollfd){.fd = j->err, .events = POLLIN};
	}
	return n;
}

void bouncer_polled(struct bouncer *b, const struct pollfd *fds, size_t n)
{
	char events[4096];

	/* What the events say does not matter: bouncer_work() looks itself. */
	if (fds[0].revents)
		while (read(b->watch, events, sizeof events) > 0)
			;
	for (size_t k = 1; k < n; k++)
		for (size_t i = 0; fds[k].revents && i < b->njobs; i++)
			if (b->jobs[i].err == fds[k].fd)
				(void)read_line(&b->jobs[i]);
}
