#include "itlctl/auditlog.h"
#include "base/num.h"
#include "base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)

char *auditlog_time(int64_t t, char to[24])
{
	time_t at = (time_t)t;
	struct tm tm;

	to[0] = '\0';
	if (localtime_r(&at, &tm))
		(void)strftime(to, 24, "%Y-%m-%d %H:%M:%S", &tm);
	return to;
}

enum rc auditlog_find_own(struct ctl *c, struct audit_files *out, struct err *e)
{
	char path[CLUSTER_PATH_MAX];

	*out = (struct audit_files){0};
	if (ctl_open(c, NEED_CLUSTER, e) != RC_OK)
		return e->rc;
	cluster_path(c->cluster, PATH_AUDIT_LOG, path);
	return audit_files_find(path, out, e);
}

enum rc auditlog_find(struct ctl *c, struct audit_files *out, struct err *e)
{
	if (c->nargs == 0)
		return auditlog_find_own(c, out, e);
	*out = (struct audit_files){0};
	out->paths = calloc(c->nargs, sizeof *out->paths);
	for (; out->paths && out->n < c->nargs; out->n++) {
		out->paths[out->n] = strdup(c->args[out->n]);
		if (!out->paths[out->n])
			break;
	}
	return out->paths && out->n == c->nargs
		       ? RC_OK
		       : err_errno(e, RC_ERROR, "read", NULL, "%s", c->args[0]);
}

/* ---- how far it is ---- */

struct progress {
	bool wanted;
	off_t all, done;
	double next; /* proc_now() */
};

static struct progress progress_begin(const struct audit_files *f)
{
	struct progress p = {.wanted = isatty(STDERR_FILENO) == 1,
			     .next = proc_now() + 0.5};
	struct stat st;

	for (size_t i = 0; i < f->n; i++)
		if (stat(f->paths[i], &st) == 0)
			p.all += st.st_size;
	return p;
}

static void progress_add(struct progress *p, size_t n)
{
	p->done += (off_t)n;
	if (!p->wanted || p->all <= 0 || proc_now() < p->next)
		return;
	(void)fprintf(stderr, "\r%3d %%", (int)(p->done * 100 / p->all));
	p->next = proc_now() + 0.2;
}

static void progress_end(const struct progress *p)
{
	if (p->wanted && p->next > 0)
		(void)fprintf(stderr, "\r     \r");
}

/* ---- lines ---- */

struct reading {
	const struct auditlog_reader *r;
	struct progress progress;
	char *buf; /* BLOCK and a line */
	size_t n;  /* in buf: a line without its end */
	struct err first;
};

static enum rc check(struct reading *g, struct bytes piece, struct err *e)
{
	if (g->first.rc != RC_OK ||
	    audit_verifier_feed(g->r->verifier, piece, &g->first) == RC_OK)
		return RC_OK;
	*e = g->first;
	return g->r->go_on ? RC_OK : e->rc;
}

static enum rc each_line(struct reading *g, size_t whole, struct err *e)
{
	const char *p = g->buf, *end = p + whole;

	while (p < end) {
		const char *stop = memchr(p, '\n', num_size(end - p));
		struct audit_point before = audit_verifier_point(g->r->verifier);
		size_t n = num_size(stop - p) + 1;

		if (check(g, bytes_of(p, n), e) != RC_OK)
			return e->rc;
		g->r->line(g->r->arg, p, n, &before);
		p = stop + 1;
	}
	return RC_OK;
}

/* What is in buf up to its last newline; the rest moves to the front. */
static enum rc take(struct reading *g, struct err *e)
{
	const char *last = memrchr(g->buf, '\n', g->n);
	size_t whole = last ? num_size(last - g->buf) + 1 : 0;
	enum rc rc = g->r->line ? each_line(g, whole, e)
				: check(g, bytes_of(g->buf, whole), e);

	memmove(g->buf, g->buf + whole, g->n - whole);
	g->n -= whole;
	if (rc == RC_OK && g->n >= AUDIT_LINE_MAX) { /* no line: the verifier says so */
		rc = check(g, bytes_of(g->buf, g->n), e);
		g->n = 0;
	}
	return rc;
}

static enum rc read_file(struct reading *g, const char *path, struct err *e)
{
	int CLEANUP(fd_close) fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_ERROR, "open",
				 "root and the group of administrators can read it",
				 "%s", path);
	if (audit_verifier_file(g->r->verifier, path, &g->first) != RC_OK &&
	    !g->r->go_on) {
		*e = g->first;
		return e->rc;
	}
	while ((got = read(fd, g->buf + g->n, BLOCK)) > 0) {
		g->n += num_size(got);
		progress_add(&g->progress, num_size(got));
		if (take(g, e) != RC_OK)
			return e->rc;
	}
	if (got < 0)
		return err_errno(e, RC_ERROR, "read", NULL, "%s", path);
	/* A torn end; the next file, if there is one, makes it an error. */
	if (check(g, bytes_of(g->buf, g->n), e) != RC_OK)
		return e->rc;
	g->n = 0;
	return RC_OK;
}

enum rc auditlog_read(const struct auditlog_reader *r, const struct audit_files *f,
		      struct err *e)
{
	char CLEANUP_FREE *buf = malloc(BLOCK + AUDIT_LINE_MAX);
	struct reading g = {.r = r, .progress = progress_begin(f), .buf = buf};
	enum rc rc = buf ? RC_OK : err_errno(e, RC_ERROR, "malloc", NULL, "a block");

	for (size_t i = 0; i < f->n && rc == RC_OK; i++)
		rc = read_file(&g, f->paths[i], e);
	progress_end(&g.progress);
	if (rc == RC_OK && g.first.rc != RC_OK) {
		*e = g.first;
		rc = e->rc;
	}
	return rc;
}
