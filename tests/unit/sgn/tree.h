/* A tree of files in a private folder, and who signs it in software. */
#ifndef TREE_H
#define TREE_H

#include "support/phone.h"
#include "support/support.h"

#include "sgn/sgn.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/stat.h>

struct signer {
	EVP_PKEY *key;
	X509 *cert;
};
extern struct signer alice, bob; /* RSA-2048, made once */

#define TOLD_MAX 64

struct tree {
	char *dir;
	struct sgn_job job; /* of alice's, SGN_SIGN, all files */
	struct sgn_sum sum; /* of the last run */
	size_t most;        /* of the last run: files done, as far as it told */
	struct err error;
	/* What the run said; first it is forgotten. */
	size_t ntold;
	struct {
		char name[300], why[300], hint[300];
		enum sgn_fate fate;
		enum rc rc;
	} told[TOLD_MAX];
	/* Who signs. */
	const struct signer *by;
	size_t batches, largest, asked; /* calls; files of the largest; files in all */
	size_t largest_bytes;
	void (*meanwhile)(struct tree *t, struct sgn_file *files, size_t n);
	size_t fail_at;      /* this call fails; 0: none */
	const char *dislike; /* a name that gets an error of its own */
	pthread_mutex_t lock;
};

int tree_start(void **state);
int tree_stop(void **state);

/* Below the folder; folders are made. */
void tree_write(struct tree *t, const char *path, const void *p, size_t n);
void tree_text(struct tree *t, const char *path, const char *text);
struct bytes tree_read(struct tree *t, const char *path); /* n == 0: no such file */
bool tree_has(struct tree *t, const char *path);
/* The whole path, in a buffer of its own until the call after next. */
const char *tree_path(struct tree *t, const char *path);

enum rc tree_run(struct tree *t);
/* It went well, and so many were signed, unchanged, refused. */
void tree_expect(struct tree *t, size_t sign, size_t unchanged, size_t refused);
/* What was told of a file that was refused: part of its error's text. */
void tree_refused(struct tree *t, const char *name, const char *part);

/* A phone that asks for `name`.sgn takes the file at `path`, signed by s. */
void tree_phone_takes(struct tree *t, const char *path, const char *name,
		      const struct signer *s);

#endif
