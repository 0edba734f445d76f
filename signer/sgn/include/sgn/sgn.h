/*
 * Signed files (spec: itl-format, .sgn): beside each file of a tree one that a phone
 * can verify, NAME.sgn; that is the name which the phone asks for (spec: phone), and so
 * what the header says.
 *
 * There is no cache: a file is unchanged if its .sgn holds just its bytes under its
 * name, and the signature still verifies with the signer's certificate. So an edited
 * .sgn is found, too. Nothing is half written: all is written aside in the same folder,
 * brought to the disk together (syncfs), and then renamed; what a killed run left aside
 * is removed by the next one.
 *
 * A tree may be hostile: it is never left (links that lead out of it are refused, links
 * to folders are not followed), and only regular files are read.
 */
#ifndef SGN_SGN_H
#define SGN_SGN_H

#include "base/bytes.h"
#include "base/err.h"
#include "itl/itl.h"
#include <stdbool.h>
#include <stdint.h>

/* ---- limits ---- */
#define SGN_NAME_MAX 256            /* of a name as phones ask for it, NUL included */
#define SGN_FILE_MAX (16u << 20)    /* bytes of a file */
#define SGN_FILES_MAX 2000000u      /* of one tree */
#define SGN_DEPTH_MAX 32            /* folders in folders */
#define SGN_WORKERS_MAX 8
#define SGN_BATCH_MAX 100           /* files that are signed by one call */
#define SGN_BATCH_BYTES (16u << 20) /* of them together; or one file */
#define SGN_SUFFIX ".sgn"

enum sgn_what {
	SGN_SIGN,   /* files, where their .sgn is not up to date */
	SGN_AGAIN,  /* .sgn files of other signers: the same contents, by this signer */
	SGN_VERIFY, /* .sgn files: nothing is written */
};

/* What became of a file. */
enum sgn_fate {
	SGN_SIGNED,    /* or it would be: dry_run */
	SGN_UNCHANGED, /* its .sgn is up to date; of SGN_VERIFY: it verifies */
	SGN_REFUSED,   /* or failed: the error says why */
	SGN_OUTDATED,  /* SGN_VERIFY: it verifies, but the file beside it has changed */
	SGN_FATES
};

/* One of a batch. */
struct sgn_file {
	const char *name;     /* as a phone asks for it: with its ".sgn" */
	struct bytes content;
	int fd;               /* the file itself, open for reading: content may have changed
				 there since; SGN_AGAIN: -1 */
	/* The answer: */
	uint8_t *header;      /* malloc()ed, what stands before the content; or NULL */
	size_t nheader;
	struct err error;     /* why there is none */
};

struct sgn_sum {
	size_t files; /* in all; known before the first is looked at */
	size_t fate[SGN_FATES];
	size_t aside;   /* signed, but not yet on the disk */
	uint64_t bytes; /* of the files that were looked at */
};

struct sgn_job {
	enum sgn_what what;
	const char *dir;          /* the tree */
	const char *prefix;       /* of names: "", or "locale/" if phones ask so */
	const char *pattern;      /* or NULL: fnmatch(3), of the name without folders; of
				     the whole name if it has a '/' */
	const char *const *names; /* these files of dir alone; NULL: all */
	size_t nnames;
	X509 *signer;             /* in force; of SGN_VERIFY: NULL */
	X509 *const *signers;     /* SGN_VERIFY: any of them may have signed; SGN_AGAIN:
				     none but they (and signer) can have */
	size_t nsigners;
	unsigned digest;          /* of SGN_SIGN; SGN_AGAIN keeps what was */
	size_t max;               /* bytes of a file, at most SGN_FILE_MAX */
	unsigned workers;         /* threads at most, up to SGN_WORKERS_MAX; 0: as many. There
				     are no more than the machine has processors, and one */
	bool dry_run;
	/*
	 * Signs a batch, with this digest, on the thread of worker 0, 1, ...; n is at most
	 * SGN_BATCH_MAX. Each file gets its header, or an error of its own; a failure as a
	 * whole ends the run, and what was signed until then is kept. The signature is
	 * verified over `content` afterwards.
	 */
	enum rc (*sign)(void *arg, unsigned worker, unsigned digest,
			struct sgn_file *files, size_t n, struct err *e);
	/* Of each file, as it happens; one call at a time. error: of SGN_REFUSED. NULL: not
	 * wanted. */
	void (*told)(void *arg, const char *name, enum sgn_fate fate, const struct err *error);
	/* Now and then; one call at a time. NULL: not wanted. */
	void (*progress)(void *arg, const struct sgn_sum *so_far);
	/* True: give up soon. NULL: never. Any thread. */
	bool (*stop)(void *arg);
	void *arg;
};

/*
 * RC_OK also if files were refused: see the sum, which is filled in any case. RC_NOTFOUND
 * if there is no such folder, RC_STALE if it was stopped, what sign() said if that
 * failed.
 */
enum rc sgn_run(const struct sgn_job *job, struct sgn_sum *sum, struct err *e) MUST_CHECK;

/* ---- files that are elsewhere ---- */

/*
 * SGN_AGAIN of a tree that is on another machine: its files come one by one, and by
 * sgn_again_sign() go through what a run does with them, in batches. One thread.
 */
struct sgn_again;
/* Of *job: signer, signers, max, and sign() as worker 0. All borrowed. */
enum rc sgn_again_new(const struct sgn_job *job, struct sgn_again **out,
		      struct err *e) MUST_CHECK;
void sgn_again_free(struct sgn_again *a); /* NULL is fine */
CLEANUP_DEFINE(struct sgn_again *, sgn_again_free);

/* The bytes of a .sgn, which are copied. *current: it is the signer's already. Else it
 * is in the batch; the error of one that cannot be, with `path`, is that file's alone. */
enum rc sgn_again_add(struct sgn_again *a, uint32_t number, const char *path,
		      struct bytes sgn, bool *current, struct err *e) MUST_CHECK;
/* There is no room for one of n bytes: sgn_again_sign() comes first. */
bool sgn_again_full(const struct sgn_again *a, size_t n);

/*
 * Have all of the batch signed, and forget it. got(): of each file, its header, verified
 * over the content, and the bytes at its front that this stands in place of; or of no
 * length, and why. An error of got() or of sign() as a whole is returned.
 */
enum rc sgn_again_sign(struct sgn_again *a,
		       enum rc (*got)(void *arg, uint32_t number, const char *path,
				      struct bytes header, size_t skip,
				      const struct err *why, struct err *e),
		       void *arg, struct err *e) MUST_CHECK;

/* "signed", "unchanged", "refused", "outdated". */
const char *sgn_fate_name(enum sgn_fate f);

#endif
