/*
 * Operations: requests that change something. At most one runs; it sets what
 * nodes want in one transaction, to a list that was verified before, and then
 * waits until each node's loop has made its first attempt.
 */
#ifndef FRONT_OPS_H
#define FRONT_OPS_H

#include "door.h"

enum rc op_reset_plan(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_reset_preview(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_reset(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_tftp_restart(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_ctl_update(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_generate_plan(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_generate(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc show_csr(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_csr(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_cert_import(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_rollback_plan(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_rollback(struct call *c, json_t **result, struct err *e) MUST_CHECK;

/* An operation that a kill left running: it goes on, and ends once its nodes were
 * tried; or, if no node wants yet what it is about, it ends as failed. */
enum rc ops_resume(struct service *s, struct err *e) MUST_CHECK;

/* ---- shared by the files of operations ---- */

enum rc op_begin(struct call *c, const char *params, int64_t *id,
		 struct err *e) MUST_CHECK;
/* rc and *e are what became of it; an error without a next step gets one. A front
 * that is being stopped leaves it running: the next start takes it up. */
void op_end(struct call *c, int64_t id, enum rc rc, struct err *e);

/* "The ticket": KEYD_TICKET_LEN bytes in hex. */
enum rc op_ticket(const char *hex, uint8_t *ticket, struct err *e) MUST_CHECK;
/* The time that a list shall bear, which the ticket was given for. RC_REFUSED if it
 * is not about now: phones see it, and nobody shall prepare lists for later. */
enum rc op_timestamp(const struct call *c, json_int_t asked, uint32_t *out,
		     struct err *e) MUST_CHECK;

#endif
