/* What of TLS keyd must know: the shape of what a server's key signs, and the
 * padding of RSA key exchange. Pure. */
#ifndef KEYD_TLS_H
#define KEYD_TLS_H

#include "base/bytes.h"
#include "keyd/wire.h"

#define TLS_MESSAGE_MAX 512 /* bytes of a handshake message to be signed */

/*
 * True if the message is what a TLS server signs, and nothing else:
 * CertificateVerify of TLS 1.3 (RFC 8446 4.4.3; PSS with SHA-256, 384, 512), or
 * the ECDHE parameters of ServerKeyExchange (RFC 8422 5.4: both randoms, a named
 * curve, a point of that curve's length), up to TLS 1.2.
 */
bool tls_message_fits(const char *digest, bool pss, struct bytes message);

/*
 * RFC 5246 7.4.7.1, in constant time: the premaster secret of a decrypted block,
 * or `random` if the padding, the length or the client's version is wrong.
 * block.n must be at least 64.
 */
void tls_unpad(struct bytes block, unsigned client_version,
	       const uint8_t random[KEYD_PREMASTER_LEN],
	       uint8_t out[KEYD_PREMASTER_LEN]);

#endif
