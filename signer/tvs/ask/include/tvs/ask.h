/*
 * Asks one TVS over TLS, as a phone does (spec: tvs).
 *
 * Blocking, with one deadline; no thread, no signal, no file of its own (the look-up
 * of a name reads the system's). Whatever the server sends is bounded by a frame and
 * by the deadline. Connections are independent of each other: each in one thread at
 * a time.
 */
#ifndef TVS_ASK_H
#define TVS_ASK_H

#include "base/err.h"
#include "base/hex.h"
#include "tvs/wire.h"

struct tvs_ask; /* a connection to a TVS that the caller trusts */

struct tvs_server {
	const char *host; /* a name or an address; IPv6 without brackets */
	unsigned port;
	double timeout; /* seconds for all of it, from the name to the last answer;
			   but a name service has its own */
	/* As OpenSSL numbers them (TLS1_VERSION ...); 0: 1.2, and the newest. Below 1.2
	 * what OpenSSL takes for too weak is let in, on this connection alone. */
	int tls_min, tls_max;
	const char *ciphers; /* up to TLS 1.2, as OpenSSL's lists; NULL: the usual ones,
				RSA key exchange among them */
};

/*
 * May this server be asked? Called once, in the middle of the handshake, with its
 * certificate (DER, and the SHA-1 of it); false ends the handshake. Nothing else of
 * the certificate is looked at: no chain, name or time, as phones do.
 */
typedef bool tvs_ask_trusts(void *arg, struct bytes cert, const uint8_t sha1[SHA1_LEN]);

/*
 * RC_REFUSED: trusts() said no. RC_STALE: nobody answers, it hung up, or the time is
 * over. RC_ERROR: the name has no address, or TLS failed, for which e->why is
 * OpenSSL's reason. RC_USAGE: versions or ciphers that there are not.
 */
enum rc tvs_ask_open(const struct tvs_server *s, tvs_ask_trusts *trusts, void *arg,
		     struct tvs_ask **out, struct err *e) MUST_CHECK;

/*
 * One question, VERIFY or QUERY; its session number is ours to choose. The answer is
 * of the right kind and session; what it points to lives until the next question or
 * the end. What it says is not judged: its certificate need not be the one that was
 * asked for. RC_STALE as above; RC_VERIFY: what came is no answer to it; RC_USAGE: the
 * question is too long for a frame (TVS_REQUEST_MAX). After any error but RC_USAGE
 * each further question is RC_STALE.
 */
enum rc tvs_ask_question(struct tvs_ask *a, const struct tvs_message *question,
			 struct tvs_message *answer, struct err *e) MUST_CHECK;

void tvs_ask_free(struct tvs_ask *a); /* NULL is fine */
CLEANUP_DEFINE(struct tvs_ask *, tvs_ask_free);

#endif
