/* Files of another machine, as a thread of a run has them of this one (work.c). */
#include "internal.h"
#include "base/num.h"
#include <string.h>

struct item {
	uint32_t number;
	char path[SGN_NAME_MAX + sizeof SGN_SUFFIX];
	char name[SGN_NAME_MAX];
	unsigned digest;
	uint8_t *room; /* malloc()ed: ITL_MAX_SGN_HEADER bytes, then the file */
	size_t skip;   /* of the file: its header */
	struct bytes content;
};

struct sgn_again {
	const struct sgn_job *job;
	X509 **certs;
	struct check *check;
	size_t n, bytes;
	struct item items[SGN_BATCH_MAX];
};

enum rc sgn_again_new(const struct sgn_job *job, struct sgn_again **out, struct err *e)
{
	struct sgn_again CLEANUP(sgn_again_free) *a = calloc(1, sizeof *a);

	if (a)
		a->certs = calloc(job->nsigners + 1, sizeof *a->certs);
	if (!a || !a->certs)
		return err_errno(e, RC_ERROR, "calloc", NULL, "certificates");
	a->job = job;
	a->certs[0] = job->signer;
	for (size_t i = 0; i < job->nsigners; i++)
		a->certs[i + 1] = job->signers[i];
	if (check_new(a->certs, job->nsigners + 1, &a->check, e) != RC_OK)
		return e->rc;
	*out = a;
	a = NULL;
	return RC_OK;
}

static void forget(struct sgn_again *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->items[i].room);
	a->n = a->bytes = 0;
}

void sgn_again_free(struct sgn_again *a)
{
	if (!a)
		return;
	forget(a);
	check_free(a->check);
	free(a->certs);
	free(a);
}

bool sgn_again_full(const struct sgn_again *a, size_t n)
{
	return a->n == SGN_BATCH_MAX || (a->n && a->bytes + n > SGN_BATCH_BYTES);
}

enum rc sgn_again_add(struct sgn_again *a, uint32_t number, const char *path,
		      struct bytes sgn, bool *current, struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct item *it = &a->items[a->n];
	size_t which = 0;

	if (check_read(a->check, sgn, path, &l, &which, e) != RC_OK)
		return e->rc;
	*current = which == 0;
	if (*current)
		return RC_OK;
	if (l->content.n > a->job->max)
		return err_set(e, RC_REFUSED, "read", "the file is too large",
			       "file-bytes in cluster.conf allows more",
			       "%.150s: over %zu bytes", path, a->job->max);
	*it = (struct item){.number = number,
			    .digest = l->digest,
			    .skip = sgn.n - l->content.n};
	(void)snprintf(it->path, sizeof it->path, "%s", path);
	if (check_name(l, path, it->name, e) != RC_OK)
		return e->rc;
	it->room = malloc(ITL_MAX_SGN_HEADER + sgn.n);
	if (!it->room)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%.150s", path);
	memcpy(it->room + ITL_MAX_SGN_HEADER, sgn.p, sgn.n);
	it->content = bytes_of(it->room + ITL_MAX_SGN_HEADER + it->skip, l->content.n);
	a->bytes += sgn.n;
	a->n++;
	return RC_OK;
}

/* The header that came, before the content, is what phones will get. */
static enum rc finish(struct sgn_again *a, struct item *it, const struct sgn_file *f,
		      struct err *e)
{
	uint8_t *start = it->room + ITL_MAX_SGN_HEADER + it->skip;

	if (!f->header) {
		*e = f->error;
		return e->rc != RC_OK ? e->rc
				      : err_set(e, RC_ERROR, "sign", "there is no answer",
						NULL, "%.150s", it->path);
	}
	if (f->nheader > ITL_MAX_SGN_HEADER)
		return err_set(e, RC_VERIFY, "sign", "the header is too long", NULL,
			       "%.150s", it->path);
	start -= f->nheader;
	memcpy(start, f->header, f->nheader);
	return check_answer(a->check, bytes_of(start, f->nheader + it->content.n), it->name,
			    it->digest, it->content, false, e);
}

/* Those of one digest, which one call signs. */
static size_t gather(const struct sgn_again *a, unsigned digest,
		     struct sgn_file files[SGN_BATCH_MAX], size_t of[SGN_BATCH_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (a->items[i].digest != digest)
			continue;
		files[n] = (struct sgn_file){.name = a->items[i].name,
					     .content = a->items[i].content,
					     .fd = -1};
		of[n++] = i;
	}
	return n;
}

enum rc sgn_again_sign(struct sgn_again *a,
		       enum rc (*got)(void *arg, uint32_t number, const char *path,
				      struct bytes header, size_t skip,
				      const struct err *why, struct err *e),
		       void *arg, struct err *e)
{
	struct sgn_file CLEANUP_FREE *files = calloc(SGN_BATCH_MAX, sizeof *files);
	size_t of[SGN_BATCH_MAX], n;
	enum rc rc = files ? RC_OK : err_errno(e, RC_ERROR, "calloc", NULL, "a batch");

	for (unsigned d = ITL_SHA1; rc == RC_OK && d <= ITL_SHA512; d++) {
		n = gather(a, d, files, of);
		if (n)
			rc = a->job->sign(a->job->arg, 0, d, files, n, e);
		for (size_t i = 0; i < n; i++) {
			struct item *it = &a->items[of[i]];
			bool ok = false;
			struct err why = {.rc = RC_OK};

			if (rc == RC_OK)
				ok = finish(a, it, &files[i], &why) == RC_OK;
			if (rc == RC_OK)
				rc = got(arg, it->number, it->path,
					 ok ? bytes_of(files[i].header, files[i].nheader)
					    : bytes_of(NULL, 0),
					 it->skip, &why, e);
			free(files[i].header);
		}
	}
	forget(a);
	return rc;
}
