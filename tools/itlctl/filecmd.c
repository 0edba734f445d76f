/* Commands for files, without any service. */
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "itlctl/lists.h"
#include "base/file.h"
#include "itl/accept.h"
#include <openssl/bio.h>
#include <openssl/pem.h>

CLEANUP_DEFINE(X509 *, X509_free);
CLEANUP_DEFINE(BIO *, BIO_free);

/* What the token has, where there is a service to ask; a file is shown without one,
 * too. */
static json_t *certs_of_token(struct ctl *c)
{
	json_t *answer = NULL;
	struct err ignored;

	if (ctl_open(c, NEED_FRONT, &ignored) != RC_OK ||
	    ctl_call(c, json_pack("{s:s}", "do", "certs"), NULL, NULL, &answer,
		     &ignored) != RC_OK)
		return NULL;
	return answer;
}

enum rc file_show(struct ctl *c, struct err *e)
{
	struct list_file CLEANUP(list_file_clear) f;
	unsigned flags = c->opt.value[OPT_LENIENT] ? ITL_LENIENT : 0;
	json_auto_t *token = NULL;

	if (list_file_read(c->args[0], flags, &f, e) != RC_OK)
		return e->rc;
	token = certs_of_token(c);
	f.certs = json_object_get(token, "certs");
	return list_show(c, &f, json_pack("{s:s}", "file", c->args[0]), e);
}

X509 *certs_read(struct bytes b)
{
	BIO CLEANUP(BIO_free) *bio = BIO_new_mem_buf(b.p, (int)b.n);
	const unsigned char *p = b.p;
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	if (!cert)
		cert = d2i_X509(NULL, &p, (long)b.n);
	return cert;
}

/* The signer of l from another file: a certificate, or a list's SAST record. */
static enum rc find_signer(const struct itl *l, const char *path, X509 **out,
			   struct err *e)
{
	struct list_file CLEANUP(list_file_clear) f = {0};
	const struct itl_record *r;

	if (file_read(path, LISTS_FILE_MAX, &f.bytes, &f.n, e) != RC_OK)
		return e->rc;
	*out = certs_read(bytes_of(f.bytes, f.n));
	if (*out)
		return RC_OK;
	if (list_file_parse(&f, 0, e) != RC_OK)
		return err_set(e, RC_USAGE, "read signer",
			       "is neither a certificate (PEM, DER) nor a list",
			       NULL, "%s", path);
	r = itl_find_signer(f.itl, l);
	if (!r)
		return err_set(e, RC_VERIFY, "verify",
			       "the list does not hold the signer as SAST",
			       "a phone that holds it would have to ask TVS",
			       "%s", path);
	return itl_record_x509(r, out, e);
}

static enum rc verify(const struct list_file *f, const char *signer,
		      struct err *e)
{
	X509 CLEANUP(X509_free) *cert = NULL;

	if (!signer && f->sgn)
		return err_set(e, RC_USAGE, "verify",
			       "a .sgn does not hold its signer's certificate",
			       "name a certificate, or a list that holds it",
			       ".sgn");
	if (!signer)
		return itl_verify_self(f->itl, e);
	if (find_signer(f->itl, signer, &cert, e) != RC_OK)
		return e->rc;
	return itl_verify(f->itl, cert, e);
}

enum rc file_verify(struct ctl *c, struct err *e)
{
	struct list_file CLEANUP(list_file_clear) f;
	const char *path = c->args[0];
	char sha1[SHA1_HEX];

	if (list_file_read(path, 0, &f, e) != RC_OK)
		return e->rc;
	if (verify(&f, c->nargs > 1 ? c->args[1] : NULL, e) != RC_OK)
		return err_within(e, path);
	itl_sha1_hex(f.itl->file, sha1);
	if (c->json)
		return ctl_result(c, json_pack("{s:s, s:s, s:b}", "file", path,
					       "sha1", sha1, "verified", 1), e);
	(void)fprintf(c->out, "%s: verified\nSHA-1: %s\n", path, sha1);
	return RC_OK;
}

enum rc file_diff(struct ctl *c, struct err *e)
{
	struct list_file CLEANUP(list_file_clear) a;
	struct list_file CLEANUP(list_file_clear) b = {0};
	char CLEANUP_FREE *text = NULL;
	bool same;

	if (list_file_read(c->args[0], 0, &a, e) != RC_OK ||
	    list_file_read(c->args[1], 0, &b, e) != RC_OK)
		return e->rc;
	text = itl_diff(a.itl, b.itl, &same);
	if (!text)
		return err_set(e, RC_ERROR, "compare", "out of memory", NULL,
			       "%s", c->args[0]);
	c->exit = same ? 0 : 1;
	if (c->json)
		return ctl_result(c, json_pack("{s:b, s:s}", "same", same,
					       "difference", text), e);
	(void)fputs(text, c->out);
	return RC_OK;
}

/* The bytes of an option's file; none if the option was not given. */
static enum rc installed(const struct ctl *c, enum option o, uint8_t **bytes,
			 size_t *n, struct err *e)
{
	const char *path = c->opt.value[o];

	*n = 0;
	return path ? file_read(path, LISTS_FILE_MAX, bytes, n, e) : RC_OK;
}

enum rc file_accept(struct ctl *c, struct err *e)
{
	uint8_t CLEANUP_FREE *ctl = NULL;
	uint8_t CLEANUP_FREE *itl = NULL;
	uint8_t CLEANUP_FREE *offered = NULL;
	size_t nctl, nitl, noffered;
	enum itl_verdict v;
	char why[256];

	if (installed(c, OPT_CTL, &ctl, &nctl, e) != RC_OK ||
	    installed(c, OPT_ITL, &itl, &nitl, e) != RC_OK ||
	    file_read(c->args[0], LISTS_FILE_MAX, &offered, &noffered, e) != RC_OK)
		return e->rc;
	v = itl_accept(bytes_of(ctl, nctl), bytes_of(itl, nitl),
		       bytes_of(offered, noffered), NULL, NULL, why);
	c->exit = itl_accepted(v) ? 0 : err_exit_code(RC_VERIFY);
	if (c->json)
		return ctl_result(c, json_pack("{s:b, s:s, s:s}",
					       "accepted", itl_accepted(v),
					       "verdict", itl_verdict_name(v),
					       "reason", why), e);
	(void)fprintf(c->out, "%s\n%s\n", itl_verdict_text(v), why);
	return RC_OK;
}
