#include "internal.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

const char *sgn_fate_name(enum sgn_fate f)
{
	static const char *const names[] = {[SGN_SIGNED] = "signed",
					    [SGN_UNCHANGED] = "unchanged",
					    [SGN_REFUSED] = "refused",
					    [SGN_OUTDATED] = "outdated"};

	return names[f];
}

void run_tell(struct run *r, const char *path, enum sgn_fate fate, size_t n,
	      const struct err *error)
{
	const struct sgn_job *job = r->job;
	char name[PATH_MAX];

	(void)pthread_mutex_lock(&r->lock);
	r->sum.fate[fate]++;
	r->sum.bytes += n;
	if (job->told) {
		(void)snprintf(name, sizeof name, "%s%s", job->prefix, path);
		job->told(job->arg, name, fate, error);
	}
	if (job->progress && r->sum.files)
		job->progress(job->arg, &r->sum);
	(void)pthread_mutex_unlock(&r->lock);
}

void run_fail(struct run *r, const struct err *e)
{
	(void)pthread_mutex_lock(&r->lock);
	if (r->error.rc == RC_OK)
		r->error = *e;
	atomic_store(&r->over, true);
	(void)pthread_mutex_unlock(&r->lock);
}

/* One more than there are processors, for they wait for signatures and for the disk. */
static unsigned workers_of(const struct run *r)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned most = r->job->workers ? r->job->workers : SGN_WORKERS_MAX;

	return cores > 0 && num_size(cores) < most ? (unsigned)cores + 1 : most;
}

/* This thread is one of them. */
static void work_all(struct run *r)
{
	struct worker workers[SGN_WORKERS_MAX];
	unsigned n = workers_of(r), started = 0;

	for (unsigned i = 0; i < n; i++)
		workers[i] = (struct worker){.run = r, .number = i};
	while (started + 1 < n &&
	       pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
		started++;
	work(&workers[n - 1]);
	while (started-- > 0)
		(void)pthread_join(workers[started].thread, NULL);
}

static enum rc run(struct run *r, struct err *e)
{
	struct err late;

	r->root = open(r->job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->root < 0)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_REFUSED,
				 "open folder", NULL, "%.150s", r->job->dir);
	if (tree_walk(r, &r->tree, e) != RC_OK)
		return e->rc;
	(void)pthread_mutex_lock(&r->lock);
	r->sum.files = r->tree.n + r->sum.fate[SGN_REFUSED];
	(void)pthread_mutex_unlock(&r->lock);
	work_all(r);
	/* What was signed before it failed is kept. */
	if (aside_end(r, &late) != RC_OK)
		run_fail(r, &late);
	if (r->error.rc != RC_OK)
		*e = r->error;
	return r->error.rc;
}

enum rc sgn_run(const struct sgn_job *job, struct sgn_sum *sum, struct err *e)
{
	struct run r = {.job = job, .root = -1};
	enum rc rc;

	(void)pthread_mutex_init(&r.lock, NULL);
	rc = run(&r, e);
	*sum = r.sum;
	tree_clear(&r.tree);
	fd_close(r.root);
	(void)pthread_mutex_destroy(&r.lock);
	return rc;
}
