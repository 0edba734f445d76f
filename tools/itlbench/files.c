/*
 * Configuration files from disk to signed files on disk, by itlctl through front and
 * keyd, beside the ceiling of keyd's token. By turns: a part of the files, then bare
 * signatures for as long. At the end all of them again, unchanged.
 */
#include "itlbench.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "bench.h"
#include "ceiling.h"
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES 40000u
#define FILE_BYTES 8192u
#define TURNS 2u
#define GOAL_SOFTHSM 0.75
#define GOAL_TOKEN 0.90     /* of one that does not use our processor */
#define GOAL_UNCHANGED 2.0  /* seconds */

extern char **environ;

struct files {
	const struct settings *s;
	const struct keyd_config *config;
	struct ceiling *ceiling;
	char itlctl[PATH_MAX], dir[PATH_MAX];
	char tree[PATH_MAX]; /* below dir, which is signed */
	unsigned n;
	clockid_t services[2]; /* keyd's, front's processor */
	double bare, through;  /* seconds of all turns */
	double signed_bare;    /* signatures */
	double cpu_bare, cpu_services, cpu_itlctl; /* seconds */
};

static double seconds_of_children(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* The processor's clock of who serves a socket. */
static enum rc service_clock(const struct cluster *c, enum cluster_path which,
			     clockid_t *out, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	int CLEANUP(fd_close) fd = -1;
	struct sock_peer peer;

	cluster_path(c, which, path);
	if (sock_connect(path, &fd, e) || sock_peer(fd, &peer, e))
		return e->rc;
	if (clock_getcpuclockid(peer.pid, out) != 0)
		return err_set(e, RC_ERROR, "files", "its process is not to be found",
			       NULL, "%s", path);
	return RC_OK;
}

/* ---- the files ---- */

/* Turn t has the names that begin with SEP0t. */
static enum rc make_file(const struct files *f, unsigned i, struct err *e)
{
	char path[PATH_MAX], name[64], content[FILE_BYTES];
	int CLEANUP(fd_close) fd = -1;
	int n;

	(void)snprintf(name, sizeof name, "SEP0%X%010X.cnf.xml", i % TURNS, i);
	n = snprintf(content, sizeof content, "<device><name>%s</name>\n", name);
	memset(content + n, 'x', sizeof content - num_size(n));
	if (file_path(path, sizeof path, f->tree, name, e))
		return e->rc;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || !file_write_all(fd, bytes_of(content, sizeof content)))
		return err_errno(e, RC_ERROR, "write", NULL, "%s", path);
	return RC_OK;
}

/* A tree of its own: files that were removed a moment ago slow new ones down on some
 * file systems. The names within are the same in each, and so are the signatures. */
static enum rc make_files(struct files *f, const char *name, struct err *e)
{
	if (file_path(f->tree, sizeof f->tree, f->dir, name, e) ||
	    file_make_dir(f->tree, 0755, (uid_t)-1, (gid_t)-1, e))
		return e->rc;
	for (unsigned i = 0; i < f->n; i++)
		if (make_file(f, i, e))
			return e->rc;
	sync(); /* what is written then is ours */
	return RC_OK;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

/* ---- both sides ---- */

/* NULL: all of them. No fork() once the token's module is loaded: posix_spawn() runs
 * nothing of this process in the new one. */
static enum rc run_itlctl(const struct files *f, const char *pattern, struct err *e)
{
	char *argv[] = {(char *)(uintptr_t)f->itlctl, (char[]){"--config"},
			(char *)(uintptr_t)f->s->config, (char[]){"sign"},
			(char[]){"--dir"}, (char *)(uintptr_t)f->tree,
			pattern ? (char[]){"--pattern"} : NULL,
			(char *)(uintptr_t)pattern, NULL};
	posix_spawn_file_actions_t actions;
	int status, code;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					       O_WRONLY, 0);
	code = posix_spawn(&pid, f->itlctl, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (code != 0) {
		errno = code;
		return err_errno(e, RC_ERROR, "spawn", NULL, "%s", f->itlctl);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, RC_ERROR, "wait", NULL, "%s", f->itlctl);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, RC_ERROR, "run", "failed", NULL,
			       "itlctl sign: exit status %d",
			       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return RC_OK;
}

static double services(const struct files *f)
{
	return bench_clock(f->services[0]) + bench_clock(f->services[1]);
}

static enum rc turn_through(struct files *f, unsigned turn, struct err *e)
{
	double began = proc_now(), own = seconds_of_children(), of = services(f);
	char pattern[16];

	(void)snprintf(pattern, sizeof pattern, "SEP0%X*", turn);
	if (run_itlctl(f, pattern, e))
		return e->rc;
	f->through += proc_now() - began;
	f->cpu_itlctl += seconds_of_children() - own;
	f->cpu_services += services(f) - of;
	return RC_OK;
}

/* For as long as a turn of the others took. */
static enum rc turn_bare(struct files *f, double seconds, struct err *e)
{
	double began = proc_now(), own = bench_clock(CLOCK_PROCESS_CPUTIME_ID), rate;

	if (ceiling_rate(f->ceiling, ceiling_sessions(f->ceiling), seconds, &rate, e))
		return e->rc;
	seconds = proc_now() - began;
	f->bare += seconds;
	f->signed_bare += rate * seconds;
	f->cpu_bare += bench_clock(CLOCK_PROCESS_CPUTIME_ID) - own;
	return RC_OK;
}

static void print_rates(const struct files *f)
{
	double bare = f->signed_bare / f->bare, through = f->n / f->through;
	double goal = f->s->token_us ? GOAL_TOKEN : GOAL_SOFTHSM;
	double nominal = f->s->token_us ? f->config->sessions * 1e6 / f->s->token_us : 0;

	(void)printf("%-44s %12.1f /s\n%u %-38s %12.1f /s\n", "C_Sign, RSA, a thread for each session",
		     bare, f->n, "files, disk to disk", through);
	(void)printf("%-44s %12.2f    (goal %.2f: %s)\n", "ratio", through / bare, goal,
		     through / bare >= goal ? "met" : "missed");
	if (nominal > 0)
		(void)printf("%-44s %12.2f    (goal %.2f: %s)\n",
			     "ratio to the token's own time", through / nominal, goal,
			     through / nominal >= goal ? "met" : "missed");
	(void)printf("microseconds of processor for each: C_Sign %.1f; keyd and front %.1f, itlctl %.1f; ratio %.2f\n",
		     f->cpu_bare / f->signed_bare * 1e6, f->cpu_services / f->n * 1e6,
		     f->cpu_itlctl / f->n * 1e6,
		     f->cpu_bare / f->signed_bare /
			     ((f->cpu_services + f->cpu_itlctl) / f->n));
}

static enum rc again(const struct files *f, struct err *e)
{
	double began = proc_now(), own = seconds_of_children();

	if (run_itlctl(f, NULL, e))
		return e->rc;
	began = proc_now() - began;
	(void)printf("all again, unchanged: %.2f s, %.2f s of processor (goal at most %.0f s: %s)\n",
		     began, seconds_of_children() - own, GOAL_UNCHANGED,
		     began <= GOAL_UNCHANGED ? "met" : "missed");
	return RC_OK;
}

static enum rc measure(struct files *f, struct err *e)
{
	if (f->s->warm && (make_files(f, "warm", e) || run_itlctl(f, NULL, e)))
		return e->rc;
	if (make_files(f, "files", e))
		return e->rc;
	for (unsigned turn = 0; turn < TURNS; turn++) {
		double before = f->through;

		if (turn_through(f, turn, e) ||
		    turn_bare(f, f->through - before, e))
			return e->rc;
	}
	print_rates(f);
	return again(f, e);
}

static enum rc set_up(struct files *f, struct err *e)
{
	const struct cluster *c = f->config->cluster;
	int n = snprintf(f->dir, sizeof f->dir, "%s/itlbench.XXXXXX", f->s->file);

	if (proc_sibling("itlctl", f->itlctl, sizeof f->itlctl, e) ||
	    service_clock(c, PATH_KEYD_SOCKET, &f->services[0], e) ||
	    service_clock(c, PATH_FRONT_SOCKET, &f->services[1], e))
		return e->rc;
	if (n >= num_int(sizeof f->dir) || !mkdtemp(f->dir)) {
		f->dir[0] = '\0';
		return err_errno(e, RC_ERROR, "mkdtemp", NULL, "%s", f->s->file);
	}
	return RC_OK;
}

enum rc measure_files(const struct settings *s, struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *k = NULL;
	struct ceiling CLEANUP(ceiling_free) *c = NULL;
	static struct files f;
	enum rc rc;

	if (keyd_config_read(s->config, &k, e) ||
	    ceiling_open(k->module, k->uri, s->pin_file, k->sessions, &c, e))
		return e->rc;
	f = (struct files){.s = s, .config = k, .ceiling = c,
			   .n = s->count ? s->count : FILES};
	rc = set_up(&f, e);
	if (rc == RC_OK)
		rc = measure(&f, e);
	if (f.dir[0])
		(void)nftw(f.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return rc;
}
