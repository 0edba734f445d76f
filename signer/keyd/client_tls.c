/* Handshakes of tvs. */
#include "call.h"
#include "base/num.h"
#include <sodium.h>

enum rc keyd_tls_sign(struct keyd *k, const char *label, const char *digest, bool pss,
		      struct bytes message, uint8_t *signature, size_t *n, struct err *e)
{
	uint8_t body[2 + LABEL_MAX + 2 + 16 + 1 + 4 + 1024];
	struct writer w = writer_of(body, sizeof body);
	struct bytes got;
	struct reader r;

	write_text(&w, label);
	write_text(&w, digest);
	write_u8(&w, pss);
	write_bytes32(&w, message);
	if (call_keyd(k, KEYD_TLS_SIGN, &w, true, &r, e) != RC_OK)
		return e->rc;
	got = read_bytes32(&r);
	if (!reader_done(&r) || !got.n || got.n > *n)
		return call_malformed(k, e);
	memcpy(signature, got.p, got.n);
	*n = got.n;
	return RC_OK;
}

/* What goes there is the network's; what comes back is the secret. */
enum rc keyd_tls_decrypt(struct keyd *k, const char *label, unsigned version,
			 struct bytes in, uint8_t premaster[48], struct err *e)
{
	uint8_t body[2 + LABEL_MAX + 2 + 4 + KEYD_TLS_SIGNATURE_MAX];
	struct writer w = writer_of(body, sizeof body);
	struct bytes got;
	struct reader r;

	write_text(&w, label);
	write_u16(&w, num_u16(version));
	write_bytes32(&w, in);
	if (call_keyd(k, KEYD_TLS_DECRYPT, &w, true, &r, e) != RC_OK)
		return e->rc;
	got = read_bytes(&r, KEYD_PREMASTER_LEN);
	if (!reader_done(&r)) {
		call_forget(k);
		return call_malformed(k, e);
	}
	memcpy(premaster, got.p, got.n);
	call_forget(k);
	return RC_OK;
}
