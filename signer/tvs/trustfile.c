#include "trustfile.h"
#include "base/file.h"
#include <string.h>
#include <time.h>

static void forget(struct trustfile *f)
{
	trust_free(f->trust);
	f->trust = NULL;
	f->state = TRUSTFILE_NONE;
}

void trustfile_clear(struct trustfile *f)
{
	forget(f);
	X509_free(f->audit);
	*f = (struct trustfile){.state = TRUSTFILE_NONE};
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* It is replaced as a whole, by a rename. */
static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

static bool is_same_cert(const X509 *a, const X509 *b)
{
	return a && b ? X509_cmp(a, b) == 0 : a == b;
}

/* An older file verifies, too: who can write the file, and no more, must not bring back
 * whom an administrator removed. Not if a clock was wrong then, and is right now. */
static enum rc refuse_older(struct trustfile *f, const char *path, struct err *e)
{
	if (f->trust->timestamp >= f->newest || (time_t)f->newest > time(NULL)) {
		f->newest = f->trust->timestamp;
		return RC_OK;
	}
	trust_free(f->trust);
	f->trust = NULL;
	return err_set(e, RC_VERIFY, "trust file", "is older than the newest one that was signed",
		       "it is not used; itlctl trust list shows front's: itlctl trust add makes a newer one",
		       "%s", path);
}

static enum rc load(struct trustfile *f, const char *path, struct err *e)
{
	uint8_t CLEANUP_FREE *file = NULL;
	size_t n = 0;

	if (!f->audit)
		return err_set(e, RC_NOTFOUND, "trust file",
			       "cannot be verified: keyd has no Audit certificate",
			       "itlctl cluster init makes one", "%s", path);
	if (file_read(path, ITL_MAX_STORE, &file, &n, e) != RC_OK)
		return e->rc;
	if (trust_read(bytes_of(file, n), f->audit, &f->trust, e) != RC_OK) {
		(void)err_within(e, path);
		return err_hint(e, "it is not used; let front write it again: itlctl trust list, trust add");
	}
	return refuse_older(f, path, e);
}

bool trustfile_look(struct trustfile *f, const char *path, X509 *audit, uint32_t signed_at)
{
	bool newer = signed_at > f->newest && signed_at != f->told;
	struct stat now = {.st_ino = 0};

	if (stat(path, &now) != 0)
		now = (struct stat){.st_ino = 0};
	if (!newer && is_same(&now, &f->seen) && is_same_cert(audit, f->audit))
		return false;
	if (newer)
		f->newest = signed_at;
	f->told = signed_at;
	forget(f);
	f->seen = now;
	X509_free(f->audit);
	f->audit = audit;
	if (audit)
		(void)X509_up_ref(audit);
	if (now.st_ino != 0)
		f->state = load(f, path, &f->why) == RC_OK ? TRUSTFILE_USED : TRUSTFILE_REFUSED;
	return true;
}
