#include "tree.h"
#include "base/file.h"
#include "base/num.h"
#include "support/software.h"
#include "x509/x509.h"
#include <fcntl.h>
#include <limits.h>
#include <openssl/rsa.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct signer alice, bob;

static struct signer make(const char *cn)
{
	const struct x509_subject subject = {.cn = cn, .o = "cisco", .c = "US"};
	struct signer s = {.key = EVP_RSA_gen(2048)};
	struct err e;

	assert_ok(x509_self_sign(X509_CALLMANAGER, &subject, s.key, s.key, NULL, "SHA256",
				 time(NULL) - 60, 5, &s.cert, &e), &e);
	return s;
}

/* ---- who signs ---- */

static enum rc sign_one(struct tree *t, unsigned digest, struct sgn_file *f)
{
	struct itl_plan plan = {.file_name = f->name,
				.signer = t->by->cert,
				.digest = digest,
				.timestamp = 1763900000};
	struct itl_signer with = software_signer(t->by->key);
	uint8_t header[ITL_MAX_SGN_HEADER], *content = NULL;
	struct bytes read = f->content;
	struct stat st;
	size_t n = 0;

	/* As front does: what the file has now. */
	if (f->fd >= 0) {
		assert_int_equal(fstat(f->fd, &st), 0);
		content = malloc((size_t)st.st_size + 1);
		read = bytes_of(content, num_size(pread(f->fd, content,
							(size_t)st.st_size, 0)));
	}
	if (t->dislike && !strcmp(t->dislike, f->name))
		err_set(&f->error, RC_REFUSED, "sgn", "it is disliked", NULL, "%s", f->name);
	else if (itl_build_sgn(&plan, read, &with, header, sizeof header, &n, &f->error) ==
		 RC_OK) {
		f->header = malloc(n);
		memcpy(f->header, header, n);
		f->nheader = n;
	}
	free(content);
	return RC_OK;
}

static enum rc sign(void *arg, unsigned worker, unsigned digest, struct sgn_file *files,
		    size_t n, struct err *e)
{
	struct tree *t = arg;
	size_t bytes = 0, call;

	(void)worker;
	for (size_t i = 0; i < n; i++)
		bytes += files[i].content.n;
	pthread_mutex_lock(&t->lock);
	call = ++t->batches;
	t->asked += n;
	t->largest = n > t->largest ? n : t->largest;
	t->largest_bytes = bytes > t->largest_bytes ? bytes : t->largest_bytes;
	if (t->meanwhile)
		t->meanwhile(t, files, n);
	pthread_mutex_unlock(&t->lock);
	if (call == t->fail_at)
		return err_set(e, RC_TOKEN, "sign", "the token is gone", NULL, "a token");
	for (size_t i = 0; i < n; i++)
		(void)!sign_one(t, digest, &files[i]);
	return RC_OK;
}

static void told(void *arg, const char *name, enum sgn_fate fate, const struct err *error)
{
	struct tree *t = arg;

	if (t->ntold == TOLD_MAX || fate == SGN_SIGNED || fate == SGN_UNCHANGED)
		return;
	snprintf(t->told[t->ntold].name, sizeof t->told[0].name, "%s", name);
	snprintf(t->told[t->ntold].why, sizeof t->told[0].why, "%s", error ? error->why : "");
	snprintf(t->told[t->ntold].hint, sizeof t->told[0].hint, "%s",
		 error ? error->hint : "");
	t->told[t->ntold].rc = error ? error->rc : RC_OK;
	t->told[t->ntold++].fate = fate;
}

static void progress(void *arg, const struct sgn_sum *so_far)
{
	struct tree *t = arg;
	size_t done = so_far->aside;

	for (size_t f = 0; f < SGN_FATES; f++)
		done += so_far->fate[f];
	t->most = done > t->most ? done : t->most;
}

/* ---- the folder ---- */

int tree_start(void **state)
{
	struct tree *t = calloc(1, sizeof *t);

	if (!alice.key) {
		/* As generations of one unit: their serials alone tell them apart. */
		alice = make("callmanager");
		bob = make("callmanager");
	}
	t->dir = support_tmpdir();
	t->by = &alice;
	(void)pthread_mutex_init(&t->lock, NULL);
	t->job = (struct sgn_job){.what = SGN_SIGN,
				  .dir = t->dir,
				  .prefix = "",
				  .signer = alice.cert,
				  .digest = ITL_SHA1,
				  .max = SGN_FILE_MAX,
				  .workers = 2,
				  .sign = sign,
				  .told = told,
				  .progress = progress,
				  .arg = t};
	*state = t;
	return 0;
}

int tree_stop(void **state)
{
	struct tree *t = *state;

	support_tmpdir_remove(t->dir);
	free(t);
	return 0;
}

const char *tree_path(struct tree *t, const char *path)
{
	static char bufs[2][PATH_MAX];
	static int turn;

	turn = !turn;
	snprintf(bufs[turn], sizeof bufs[turn], "%s/%s", t->dir, path);
	return bufs[turn];
}

void tree_write(struct tree *t, const char *path, const void *p, size_t n)
{
	const char *whole = tree_path(t, path);
	char dir[PATH_MAX];
	struct err e;

	snprintf(dir, sizeof dir, "%.*s", num_int(num_size(strrchr(whole, '/') - whole)),
		 whole);
	assert_ok(file_make_dir(dir, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	/* Not file_replace(): hundreds of these, and the disk does not matter here. */
	(void)unlink(whole);
	int fd = open(whole, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_true(file_write_all(fd, bytes_of(p, n)));
	close(fd);
}

void tree_text(struct tree *t, const char *path, const char *text)
{
	tree_write(t, path, text, strlen(text));
}

struct bytes tree_read(struct tree *t, const char *path)
{
	uint8_t *p = NULL;
	size_t n = 0;
	struct err e;

	if (file_read(tree_path(t, path), 2 * SGN_FILE_MAX, &p, &n, &e) != RC_OK)
		return bytes_of(NULL, 0);
	return bytes_of(p, n);
}

bool tree_has(struct tree *t, const char *path)
{
	struct stat st;

	return lstat(tree_path(t, path), &st) == 0;
}

/* ---- a run, and what it said ---- */

enum rc tree_run(struct tree *t)
{
	t->ntold = t->batches = t->largest = t->asked = t->largest_bytes = t->most = 0;
	t->error = (struct err){0};
	return sgn_run(&t->job, &t->sum, &t->error);
}

void tree_expect(struct tree *t, size_t sign_n, size_t unchanged, size_t refused)
{
	assert_ok(tree_run(t), &t->error);
	for (size_t i = 0; i < t->ntold; i++)
		print_message("  %s: %s\n", t->told[i].name, t->told[i].why);
	assert_int_equal(t->sum.fate[SGN_SIGNED], sign_n);
	assert_int_equal(t->sum.fate[SGN_UNCHANGED], unchanged);
	assert_int_equal(t->sum.fate[SGN_REFUSED], refused);
	assert_int_equal(t->sum.files, sign_n + unchanged + refused +
					       t->sum.fate[SGN_OUTDATED]);
	assert_int_equal(t->sum.aside, 0);
	assert_true(t->most <= t->sum.files);
}

void tree_refused(struct tree *t, const char *name, const char *part)
{
	for (size_t i = 0; i < t->ntold; i++) {
		if (strcmp(t->told[i].name, name) != 0)
			continue;
		assert_int_equal(t->told[i].fate, SGN_REFUSED);
		if (!strstr(t->told[i].why, part) && !strstr(t->told[i].hint, part))
			fail_msg("%s: \"%s\", \"%s\", not \"%s\"", name, t->told[i].why,
				 t->told[i].hint, part);
		return;
	}
	fail_msg("nothing was said of %s", name);
}

void tree_phone_takes(struct tree *t, const char *path, const char *name,
		      const struct signer *s)
{
	char sgn_path[PATH_MAX], asked[PATH_MAX];
	struct bytes content = tree_read(t, path), sgn;
	const char *why;

	snprintf(sgn_path, sizeof sgn_path, "%s.sgn", path);
	sgn = tree_read(t, sgn_path);
	snprintf(asked, sizeof asked, "%s.sgn", name);
	why = phone_file_fault(sgn, asked, content, s->cert);
	if (why)
		fail_msg("%s %s", sgn_path, why);
	free((void *)(uintptr_t)content.p);
	free((void *)(uintptr_t)sgn.p);
}
