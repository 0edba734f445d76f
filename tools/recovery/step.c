#include "internal.h"
#include "base/hex.h"
#include "base/num.h"
#include "base/proc.h"

const char *recovery_step_name(enum recovery_step s)
{
	static const char *const names[RECOVERY_STEPS] = {
		[RECOVERY_DERIVE] = "derive", [RECOVERY_WRAP] = "wrap",
		[RECOVERY_SEAL] = "seal",     [RECOVERY_STORE] = "store",
		[RECOVERY_FETCH] = "fetch",   [RECOVERY_OPEN] = "open",
		[RECOVERY_PROVE] = "prove",   [RECOVERY_IMPORT] = "import",
	};

	return names[s];
}

double step_begin(const struct recovery *r, enum recovery_step s)
{
	if (r->step)
		r->step(r->arg, s, -1);
	return proc_now();
}

void step_end(const struct recovery *r, enum recovery_step s, double since)
{
	if (r->step)
		r->step(r->arg, s, proc_now() - since);
}

enum rc cert_serial(const X509 *cert, char *to, size_t cap, struct err *e)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	int n = ASN1_STRING_length(serial);

	if (n < 1 || num_size(n) > 32 || 2 * num_size(n) >= cap)
		return err_set(e, RC_REFUSED, "certificate",
			       "its serial number is longer than 32 bytes", NULL,
			       "the recovery certificate");
	hex_of(bytes_of(ASN1_STRING_get0_data(serial), num_size(n)), to, cap);
	return RC_OK;
}

enum rc cert_sha256(const X509 *cert, uint8_t out[32], struct err *e)
{
	unsigned n = 0;

	if (X509_digest(cert, EVP_sha256(), out, &n) != 1 || n != 32)
		return err_set(e, RC_ERROR, "hash", "OpenSSL cannot hash", NULL,
			       "the recovery certificate");
	return RC_OK;
}
