/*
 * Keys of TLS session tickets (RFC 5077; TLS 1.3's too): a phone that comes again
 * costs no operation of the token. All listeners and threads share them; they are
 * drawn anew, and never written anywhere. A session still belongs to the listener and
 * the certificate that it was made with (session id contexts).
 */
#ifndef TVS_TICKET_H
#define TVS_TICKET_H

#include "base/err.h"
#include <openssl/ssl.h>

#define TICKET_SECONDS 3600 /* the newest key's; the one before opens as long again */

/* Draw the first keys; one set for the process. */
enum rc tickets_open(struct err *e) MUST_CHECK;

/* Draw a new key if it is time; `now` in proc_now()'s seconds. */
void tickets_rotate(double now);

/* Let a context make and open its tickets with them. */
enum rc tickets_use(SSL_CTX *ctx, struct err *e) MUST_CHECK;

#endif
