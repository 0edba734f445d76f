#include "itlctl/pemfile.h"
#include "base/file.h"
#include "base/num.h"
#include "p12/p12.h"
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PEM (64u << 10) /* bytes of a file */

CLEANUP_DEFINE(BIO *, BIO_free);
CLEANUP_DEFINE(EVP_PKEY *, EVP_PKEY_free);
CLEANUP_DEFINE(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free);

void pemfile_clear(struct pemfile *f)
{
	wrapped_key_clear(&f->key);
	X509_free(f->cert);
	*f = (struct pemfile){0};
}

/* A whole file that may hold a key: in locked memory. */
static enum rc read_secret(const char *path, struct secret **out, struct err *e)
{
	int CLEANUP(fd_close) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct secret CLEANUP(secret_free) *s = NULL;
	struct stat st;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size < 1 || st.st_size > MAX_PEM)
		return err_set(e, RC_USAGE, "read", "is no file of a key or certificate",
			       NULL, "%s", path);
	if (secret_new((size_t)st.st_size, &s, e) != RC_OK)
		return e->rc;
	if (!file_read_start(fd, s->p, s->n, &got))
		return err_errno(e, RC_ERROR, "read", NULL, "%s", path);
	if (got < s->n)
		return err_set(e, RC_ERROR, "read", "became shorter while it was read",
			       "give the command again once it is whole", "%s", path);
	*out = s;
	s = NULL;
	return RC_OK;
}

static enum rc password_of(const struct ctl *c, const char *path,
			   struct secret **out, struct err *e)
{
	char prompt[300];

	(void)snprintf(prompt, sizeof prompt, "Enter password of %.200s :", path);
	return ask_secret(prompt, c->opt.value[OPT_P12_PASSWORD_FILE],
			  "--p12-password-file FILE", out, e);
}

/* ---- PKCS#12 ---- */

enum rc pemfile_p12(const struct ctl *c, const char *path, struct pemfile *out,
		    struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	struct p12 CLEANUP(p12_free) *p12 = NULL;
	uint8_t CLEANUP_FREE *bytes = NULL;
	size_t n = 0;

	/* Its keys are encrypted: it need not be locked. */
	if (file_read(path, P12_MAX, &bytes, &n, e) != RC_OK ||
	    password_of(c, path, &password, e) != RC_OK)
		return e->rc;
	if (p12_open(bytes_of(bytes, n), password, &p12, e) != RC_OK)
		return err_within(e, path);
	*out = (struct pemfile){.key = p12->key, .cert = p12->cert};
	p12->key = (struct wrapped_key){0};
	p12->cert = NULL;
	return RC_OK;
}

/* ---- PEM ---- */

struct asked {
	const struct ctl *c;
	const char *path;
	struct err *e;
	bool failed;
};

/* OpenSSL's callback for an encrypted key. */
static int give_password(char *buf, int cap, int rwflag, void *arg)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	struct asked *a = arg;

	(void)rwflag;
	if (password_of(a->c, a->path, &password, a->e) != RC_OK) {
		a->failed = true;
		return -1;
	}
	if (password->n > (size_t)cap)
		return -1;
	memcpy(buf, password->p, password->n);
	return num_int(password->n);
}

static enum rc read_key(const struct ctl *c, const char *path, EVP_PKEY **out,
			struct err *e)
{
	struct secret CLEANUP(secret_free) *text = NULL;
	struct asked asked = {.c = c, .path = path, .e = e};

	if (read_secret(path, &text, e) != RC_OK)
		return e->rc;
	BIO CLEANUP(BIO_free) *bio = BIO_new_mem_buf(text->p, num_int(text->n));

	*out = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, &asked) : NULL;
	if (*out)
		return RC_OK;
	return asked.failed ? e->rc
			    : err_set(e, RC_VERIFY, "read key",
				      "holds no private key that opens",
				      "is it PEM, and the password right?", "%s", path);
}

static enum rc read_cert(const char *path, X509 **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *text = NULL;

	if (read_secret(path, &text, e) != RC_OK)
		return e->rc;
	BIO CLEANUP(BIO_free) *bio = BIO_new_mem_buf(text->p, num_int(text->n));
	const unsigned char *der = text->p;

	*out = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (!*out)
		*out = d2i_X509(NULL, &der, (long)text->n);
	return *out ? RC_OK
		    : err_set(e, RC_USAGE, "read certificate",
			      "holds no certificate (PEM or DER)", NULL, "%s", path);
}

static enum rc wrap(EVP_PKEY *key, const char *path, struct wrapped_key *out,
		    struct err *e)
{
	PKCS8_PRIV_KEY_INFO CLEANUP(PKCS8_PRIV_KEY_INFO_free) *info =
		EVP_PKEY_is_a(key, "RSA") ? EVP_PKEY2PKCS8(key) : NULL;
	unsigned char *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	enum rc rc;

	if (n <= 0)
		return err_set(e, RC_REFUSED, "read key", "is no RSA key",
			       "phones of these lists verify RSA alone", "%s", path);
	rc = wrapped_key_seal(bytes_of(der, num_size(n)), out, e);
	OPENSSL_clear_free(der, num_size(n));
	return rc == RC_OK ? RC_OK : err_within(e, path);
}

enum rc pemfile_pair(const struct ctl *c, const char *cert, const char *key,
		     struct pemfile *out, struct err *e)
{
	struct pemfile CLEANUP(pemfile_clear) f = {0};
	EVP_PKEY CLEANUP(EVP_PKEY_free) *private = NULL;

	if (read_cert(cert, &f.cert, e) != RC_OK ||
	    read_key(c, key, &private, e) != RC_OK)
		return e->rc;
	if (X509_check_private_key(f.cert, private) != 1)
		return err_set(e, RC_VERIFY, "import",
			       "the key is not the certificate's",
			       "take the pair that belongs together", "%.120s, %.120s",
			       cert, key);
	if (wrap(private, key, &f.key, e) != RC_OK)
		return e->rc;
	*out = f;
	f = (struct pemfile){0};
	return RC_OK;
}

bool pemfile_has_key(const char *path)
{
	static const char mark[] = "PRIVATE KEY-----";
	struct secret CLEANUP(secret_free) *text = NULL;
	struct err ignored;

	return read_secret(path, &text, &ignored) == RC_OK &&
	       memmem(text->p, text->n, mark, sizeof mark - 1) != NULL;
}
