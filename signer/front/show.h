/* What the door shows; nothing here changes anything. */
#ifndef FRONT_SHOW_H
#define FRONT_SHOW_H

#include "door.h"

enum rc show_status(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc show_list(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc show_certs(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc show_services(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc show_init_plan(struct call *c, json_t **result, struct err *e) MUST_CHECK;

/* What "certs" says of a certificate: bits, subject, ..., pem. */
json_t *show_certificate(const X509 *cert);
/* A key and its certificate, as in "certs". */
json_t *show_key(const struct keyd_key *k);
json_t *show_base64(const uint8_t *p, size_t n);
/* Unix time; 0 if it is none. */
int64_t show_time(const ASN1_TIME *t);

#endif
