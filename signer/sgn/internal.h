/* What the files of this box share. */
#ifndef SGN_INTERNAL_H
#define SGN_INTERNAL_H

#include "sgn/sgn.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* ---- the tree (walk.c) ---- */

/* A file to be looked at; of SGN_AGAIN and SGN_VERIFY, without ".sgn". */
struct entry {
	char *path; /* below the tree's root */
	bool link;  /* a symbolic link, that may lead out of it */
};

struct tree {
	struct entry *p;
	size_t n, cap;
};
void tree_clear(struct tree *t);
static inline void tree_clear_at(struct tree *t)
{
	tree_clear(t);
}

struct run;
/* All that is to be looked at, sorted; what cannot be is told. What a killed run left
 * aside is removed, unless it is a dry run. */
enum rc tree_walk(struct run *r, struct tree *t, struct err *e) MUST_CHECK;

/* ---- folders (folder.c) ---- */

/* The folder of the file that was looked at last: the next one is often in the same. */
struct folder {
	int fd; /* -1: none */
	bool writable;
	char path[SGN_NAME_MAX * 2];
};
void folder_clear(struct folder *f);
static inline void folder_clear_at(struct folder *f)
{
	folder_clear(f);
}

/* The folder of `path`, opened step by step, so that no link leads out of the tree;
 * *base points into path. RC_REFUSED if there is no way to it. */
enum rc folder_of(struct folder *f, int root, const char *path, const char **base,
		  struct err *e) MUST_CHECK;

/* A regular file of at most max bytes. It is read whole: RC_REFUSED if it changes meanwhile.
 * RC_NOTFOUND if there is none. */
struct file {
	int fd;
	struct stat st;
	uint8_t *room; /* malloc()ed: ITL_MAX_SGN_HEADER bytes, then: */
	uint8_t *p;
	size_t n;
};
void file_clear(struct file *f);
static inline void file_clear_at(struct file *f)
{
	file_clear(f);
}
/* A link (entry.link) may be one within the tree. `name`: for messages. */
enum rc folder_read(int root, int at, const char *base, const struct entry *entry,
		    const char *name, size_t max, struct file *out, struct err *e) MUST_CHECK;

/* ---- signatures (check.c) ---- */

/* Verifies with certificates; one a thread: what it needs is fetched once. */
struct check;
enum rc check_new(X509 *const *certs, size_t n, struct check **out, struct err *e) MUST_CHECK;
void check_free(struct check *c);
CLEANUP_DEFINE(struct check *, check_free);
/* NULL if it verifies with one of them, *which; or why not: check_changed itself if all
 * is as it should be, but the signature is of other bytes. */
extern const char check_changed[];
const char *check_sgn(struct check *c, const struct itl *l, size_t *which);

/* Parse a .sgn and verify it with one of them, *which; `path` is for messages. */
enum rc check_read(struct check *c, struct bytes sgn, const char *path, struct itl **l,
		   size_t *which, struct err *e) MUST_CHECK;
/* NULL if a phone takes these bytes for the file `name`, signed by the first of them. */
const char *check_fault(struct check *c, struct bytes sgn, const char *name,
			unsigned digest, struct bytes content);
/* The same, as an error: of what a signer answered. file: the content may have changed. */
enum rc check_answer(struct check *c, struct bytes sgn, const char *name, unsigned digest,
		     struct bytes content, bool file, struct err *e) MUST_CHECK;
/* What is signed again of a .sgn: the same name, too, whatever it is, for the phone
 * compares it. RC_REFUSED if that is too long. */
enum rc check_name(const struct itl *l, const char *path, char name[SGN_NAME_MAX],
		   struct err *e) MUST_CHECK;

/* ---- what is written (write.c) ---- */

/* Files that are aside, until they are on the disk. */
struct aside {
	struct aside_file {
		const struct entry *entry;
		char tmp[48]; /* beside it */
		size_t bytes;
	} *p;
	size_t n, cap;
};

/* Whether it is the name of a file aside of a process that is no more. */
bool aside_is_left(const char *name);
/* Write NAME.sgn aside, with the mode and, as far as we may, the owner of `like`; when
 * there are enough, they are brought to the disk and renamed. */
enum rc aside_put(struct run *r, struct folder *f, const struct entry *entry,
		  struct bytes sgn, const struct stat *like, struct err *e) MUST_CHECK;
/* The rest of them, at the end. */
enum rc aside_end(struct run *r, struct err *e) MUST_CHECK;

/* ---- a run (run.c) ---- */

struct run {
	const struct sgn_job *job;
	int root;
	struct tree tree;
	atomic_size_t next; /* of the tree */
	atomic_bool over;   /* it failed, or was stopped */
	pthread_mutex_t lock; /* of all that follows */
	struct aside aside;
	struct sgn_sum sum;
	struct err error;   /* the first */
};

/* Of one file: its path, its bytes. */
void run_tell(struct run *r, const char *path, enum sgn_fate fate, size_t n,
	      const struct err *error);
/* The run ends; the first error stays. */
void run_fail(struct run *r, const struct err *e);

/* A thread (work.c): looks at files until there are no more. */
struct worker {
	struct run *run;
	unsigned number;
	pthread_t thread;
};
void *work(void *worker);

#endif
