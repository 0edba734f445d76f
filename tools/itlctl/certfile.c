/* Files with certificates in them. */
#include "base/file.h"
#include "base/num.h"
#include "itlctl/certs.h"
#include <openssl/err.h>
#include <openssl/pem.h>

CLEANUP_DEFINE(BIO *, BIO_free);

static int no_password(char *buf, int cap, int rwflag, void *arg)
{
	(void)buf, (void)cap, (void)rwflag, (void)arg;
	return -1;
}

enum rc certs_read_all(struct bytes file, const char *path, certs_take *take, void *arg,
		       struct err *e)
{
	BIO CLEANUP(BIO_free) *bio = BIO_new_mem_buf(file.p, num_int(file.n));
	const unsigned char *der = file.p;
	bool ended, any = false;
	X509 *x;

	while (bio && (x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		any = true;
		if (take(arg, x, e) != RC_OK)
			return e->rc;
	}
	ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (!any && (x = d2i_X509(NULL, &der, (long)file.n)))
		return take(arg, x, e);
	ERR_clear_error();
	if (any && ended)
		return RC_OK;
	return err_set(e, RC_USAGE, "read certificates",
		       any ? "one of them cannot be read"
			   : "holds no certificate (PEM or DER)",
		       NULL, "%s", path);
}
