/* RFC 7512 URIs of tokens, as hsm_token_open() takes them. */
#ifndef HSM_URI_H
#define HSM_URI_H

#include "base/err.h"
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

/* Check and parse; what hsm_uri_check() says of it. uri_free() it. */
enum rc uri_parse(const char *text, P11KitUri **out, struct err *e) MUST_CHECK;
void uri_free(P11KitUri *uri); /* NULL is fine */
CLEANUP_DEFINE(P11KitUri *, uri_free);

#endif
