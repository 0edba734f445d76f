/* A thread of a run: look at files, have those signed that need it, write. */
#include "internal.h"
#include "base/num.h"
#include <string.h>

#define CHUNK 32 /* files that a thread takes at a time */

/* A file of the batch. */
struct item {
	const struct entry *entry;
	struct file file;
	struct bytes content; /* within it */
	char name[SGN_NAME_MAX];
};

struct batch {
	struct item items[SGN_BATCH_MAX];
	struct sgn_file files[SGN_BATCH_MAX];
	size_t n, bytes;
	unsigned digest;
};

/* What a worker has at hand. */
struct desk {
	struct worker *w;
	struct run *run;
	const struct sgn_job *job;
	struct check *check;
	X509 **certs; /* the signer, if there is one, and the others */
	size_t ncerts;
	struct folder folder;
	struct batch batch;
};

/* ---- a file and its .sgn ---- */

static void name_of(const struct desk *d, const struct entry *entry, char name[SGN_NAME_MAX])
{
	(void)snprintf(name, SGN_NAME_MAX, "%s%s" SGN_SUFFIX, d->job->prefix, entry->path);
}

static bool is_current(struct desk *d, const char *base, const struct item *it)
{
	struct file f CLEANUP(file_clear) = {.fd = -1};
	char name[NAME_MAX + 1];
	struct err ignored;

	(void)snprintf(name, sizeof name, "%s" SGN_SUFFIX, base);
	return folder_read(d->run->root, d->folder.fd, name, NULL, name,
			   it->content.n + ITL_MAX_SGN_HEADER, &f, &ignored) == RC_OK &&
	       !check_fault(d->check, bytes_of(f.p, f.n), it->name, d->job->digest,
			    it->content);
}

static void refuse(struct desk *d, const struct entry *entry, size_t n, const struct err *e)
{
	run_tell(d->run, entry->path, SGN_REFUSED, n, e);
}

/* ---- the batch ---- */

static void batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		file_clear(&b->items[i].file);
		free(b->files[i].header);
	}
	b->n = b->bytes = 0;
}

/* The header that came stands before the content, which has room for it. */
static enum rc finish(struct desk *d, size_t i, struct err *e)
{
	const struct item *it = &d->batch.items[i];
	const struct sgn_file *f = &d->batch.files[i];
	uint8_t *start = it->file.p + (it->content.p - it->file.p) - f->nheader;
	struct bytes sgn = {start, f->nheader + it->content.n};

	memcpy(start, f->header, f->nheader);
	if (check_answer(d->check, sgn, it->name, d->batch.digest, it->content, f->fd >= 0,
			 e) != RC_OK)
		return e->rc;
	return aside_put(d->run, &d->folder, it->entry, sgn, &it->file.st, e);
}

static void finish_all(struct desk *d)
{
	struct batch *b = &d->batch;

	for (size_t i = 0; i < b->n; i++) {
		struct sgn_file *f = &b->files[i];
		struct err e = f->error;

		if (f->header && f->nheader <= ITL_MAX_SGN_HEADER)
			e.rc = RC_OK;
		else if (e.rc == RC_OK)
			err_set(&e, RC_ERROR, "sign", "there is no answer", NULL, "%.150s",
				b->items[i].entry->path);
		if (e.rc != RC_OK)
			refuse(d, b->items[i].entry, 0, &e);
		else if (finish(d, i, &e) == RC_OK)
			continue;
		else if (e.rc == RC_ERROR) /* the disk: it is the same for all */
			run_fail(d->run, &e);
		else
			refuse(d, b->items[i].entry, 0, &e);
	}
}

static void flush(struct desk *d)
{
	struct batch *b = &d->batch;
	struct err e;

	if (!b->n)
		return;
	if (d->job->dry_run)
		for (size_t i = 0; i < b->n; i++)
			run_tell(d->run, b->items[i].entry->path, SGN_SIGNED,
				 b->items[i].content.n, NULL);
	else if (atomic_load(&d->run->over))
		;
	else if (d->job->sign(d->job->arg, d->w->number, b->digest, b->files, b->n, &e) !=
		 RC_OK)
		run_fail(d->run, &e);
	else
		finish_all(d);
	batch_clear(b);
}

/* Takes the item over. */
static enum rc put(struct desk *d, const struct item *it, unsigned digest)
{
	struct batch *b = &d->batch;

	if (b->n == SGN_BATCH_MAX || (b->n && b->digest != digest) ||
	    (b->n && b->bytes + it->content.n > SGN_BATCH_BYTES))
		flush(d);
	b->digest = digest;
	b->items[b->n] = *it;
	b->files[b->n] = (struct sgn_file){
		.name = b->items[b->n].name,
		.content = it->content,
		.fd = d->job->what == SGN_SIGN ? it->file.fd : -1,
	};
	b->bytes += it->content.n;
	b->n++;
	return RC_OK;
}

/* Before a signature is asked for that could not be kept. */
static enum rc may_write(const struct desk *d, const struct entry *entry, struct err *e)
{
	if (d->folder.writable)
		return RC_OK;
	return err_set(e, RC_REFUSED, "write", "its folder may not be written to",
		       "who signs must be able to write there", "%.190s" SGN_SUFFIX,
		       entry->path);
}

/* ---- each kind of run ---- */

static enum rc look_sign(struct desk *d, const struct entry *entry, const char *base,
			 struct err *e)
{
	struct item it = {.entry = entry, .file = {.fd = -1}};
	enum rc rc;

	name_of(d, entry, it.name);
	rc = folder_read(d->run->root, d->folder.fd, base, entry, entry->path, d->job->max,
			 &it.file, e);
	it.content = bytes_of(it.file.p, it.file.n);
	if (rc == RC_OK && is_current(d, base, &it))
		run_tell(d->run, entry->path, SGN_UNCHANGED, it.content.n, NULL);
	else if (rc == RC_OK && (rc = may_write(d, entry, e)) == RC_OK)
		return put(d, &it, d->job->digest);
	file_clear(&it.file);
	return rc;
}

/* Its .sgn, parsed, and by which certificate it is. */
static enum rc read_sgn(struct desk *d, const char *base, const struct entry *entry,
			struct file *f, struct itl **l, size_t *which, struct err *e)
{
	char sgn[NAME_MAX + 1], path[SGN_NAME_MAX + sizeof SGN_SUFFIX];

	(void)snprintf(sgn, sizeof sgn, "%s" SGN_SUFFIX, base);
	(void)snprintf(path, sizeof path, "%.255s" SGN_SUFFIX, entry->path);
	if (folder_read(d->run->root, d->folder.fd, sgn, NULL, path,
			d->job->max + ITL_MAX_SGN_HEADER, f, e) != RC_OK)
		return e->rc;
	return check_read(d->check, bytes_of(f->p, f->n), path, l, which, e);
}

static enum rc look_again(struct desk *d, const struct entry *entry, const char *base,
			  struct err *e)
{
	struct item it = {.entry = entry, .file = {.fd = -1}};
	struct itl CLEANUP(itl_free) *l = NULL;
	size_t which = 0;
	enum rc rc = read_sgn(d, base, entry, &it.file, &l, &which, e);

	if (rc == RC_OK && which == 0)
		run_tell(d->run, entry->path, SGN_UNCHANGED, it.file.n, NULL);
	else if (rc == RC_OK &&
		 (rc = check_name(l, entry->path, it.name, e)) == RC_OK &&
		 (rc = may_write(d, entry, e)) == RC_OK) {
		it.content = l->content;
		return put(d, &it, l->digest);
	}
	file_clear(&it.file);
	return rc;
}

static bool is_outdated(struct desk *d, const struct entry *entry, const char *base,
			const struct itl *l)
{
	struct file f CLEANUP(file_clear) = {.fd = -1};
	struct err ignored;

	return folder_read(d->run->root, d->folder.fd, base, entry, base, SGN_FILE_MAX, &f,
			   &ignored) == RC_OK &&
	       !bytes_equal(bytes_of(f.p, f.n), l->content);
}

static enum rc look_verify(struct desk *d, const struct entry *entry, const char *base,
			   struct err *e)
{
	struct file f CLEANUP(file_clear) = {.fd = -1};
	struct itl CLEANUP(itl_free) *l = NULL;
	char name[SGN_NAME_MAX];
	size_t which;

	name_of(d, entry, name);
	if (read_sgn(d, base, entry, &f, &l, &which, e) != RC_OK)
		return e->rc;
	if (!bytes_equal(l->file_name, bytes_of(name, strlen(name) + 1)))
		return err_set(e, RC_VERIFY, "verify", "it is signed under another name",
			       "phones refuse it: itlctl sign makes it anew from its file",
			       "%.190s", name);
	run_tell(d->run, entry->path,
		 is_outdated(d, entry, base, l) ? SGN_OUTDATED : SGN_UNCHANGED, f.n, NULL);
	return RC_OK;
}

static void look(struct desk *d, const struct entry *entry)
{
	static enum rc (*const how[])(struct desk *, const struct entry *, const char *,
				      struct err *) = {
		[SGN_SIGN] = look_sign, [SGN_AGAIN] = look_again, [SGN_VERIFY] = look_verify};
	const char *base;
	struct err e;

	if (folder_of(&d->folder, d->run->root, entry->path, &base, &e) != RC_OK ||
	    how[d->job->what](d, entry, base, &e) != RC_OK)
		refuse(d, entry, 0, &e);
}

/* ---- the thread ---- */

static enum rc set_up(struct desk *d, struct err *e)
{
	const struct sgn_job *job = d->job;

	d->folder.fd = -1;
	d->certs = calloc(job->nsigners + 2, sizeof *d->certs);
	if (!d->certs)
		return err_errno(e, RC_ERROR, "calloc", NULL, "certificates");
	if (job->signer)
		d->certs[d->ncerts++] = job->signer;
	for (size_t i = 0; job->what != SGN_SIGN && i < job->nsigners; i++)
		d->certs[d->ncerts++] = job->signers[i];
	return check_new(d->certs, d->ncerts, &d->check, e);
}

static bool may_go_on(struct run *r)
{
	struct err e;

	if (r->job->stop && r->job->stop(r->job->arg)) {
		err_set(&e, RC_STALE, "sign", "it was stopped", "the next run goes on", "%.150s",
			r->job->dir);
		run_fail(r, &e);
	}
	return !atomic_load(&r->over);
}

static void take_chunks(struct desk *d)
{
	struct run *r = d->run;

	while (may_go_on(r)) {
		size_t from = atomic_fetch_add(&r->next, CHUNK), to = from + CHUNK;

		for (size_t i = from; i < to && i < r->tree.n; i++)
			look(d, &r->tree.p[i]);
		if (from >= r->tree.n)
			break;
	}
	flush(d);
}

void *work(void *worker)
{
	struct worker *w = worker;
	struct desk *d = calloc(1, sizeof *d);
	struct err e;

	if (!d) {
		err_errno(&e, RC_ERROR, "calloc", NULL, "a worker");
		run_fail(w->run, &e);
		return NULL;
	}
	d->w = w;
	d->run = w->run;
	d->job = w->run->job;
	if (set_up(d, &e) == RC_OK)
		take_chunks(d);
	else
		run_fail(w->run, &e);
	folder_clear(&d->folder);
	check_free(d->check);
	free(d->certs);
	free(d);
	return NULL;
}
