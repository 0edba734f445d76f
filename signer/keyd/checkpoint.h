/* Signing the audit log's head with the Audit key. (audit/audit.h) */
#ifndef KEYD_CHECKPOINT_H
#define KEYD_CHECKPOINT_H

#include "service.h"

/*
 * Make the checkpoint that release_checkpoint_begin() asked for, in a worker's
 * session, as a request of keyd's own; once for each key and start the certificate
 * comes first. Without an Audit key there is none, which is no fault. One at a time.
 */
enum rc checkpoint_make(struct service *s, struct hsm_session *session,
			struct err *e) MUST_CHECK;

#endif
