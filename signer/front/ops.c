#include "ops.h"
#include "base/log.h"
#include "base/proc.h"
#include "heads.h"
#include <pwd.h>
#include <string.h>
#include <time.h>

static void name_peer(const struct sock_peer *p, char *to, size_t cap)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	(void)getpwuid_r(p->uid, &pw, buf, sizeof buf, &found);
	(void)snprintf(to, cap, "%.32s (uid %u)", found ? pw.pw_name : "a user",
		       p->uid);
}

/* Before anything is written: the ticket is looked at by keyd, later. */
static enum rc may_begin(struct call *c, struct err *e)
{
	struct service *s = c->service;
	double wait;

	pthread_mutex_lock(&s->lock);
	wait = slips_wait(&s->slips, c->peer.uid, proc_now());
	pthread_mutex_unlock(&s->lock);
	if (wait <= 0)
		return RC_OK;
	return err_set(e, RC_REFUSED, c->name,
		       "too many tickets that keyd did not take",
		       "wait, then give the command and the password again",
		       "user id %u, %.0f s to wait", c->peer.uid, wait + 0.5);
}

/* As keyd says it (keyd/ticket.c). */
static void note_slip(struct call *c, enum rc rc, const struct err *e)
{
	struct service *s = c->service;

	if (rc != RC_REFUSED || strcmp(e->op, "ticket") != 0)
		return;
	pthread_mutex_lock(&s->lock);
	slips_add(&s->slips, c->peer.uid, proc_now());
	pthread_mutex_unlock(&s->lock);
}

enum rc op_begin(struct call *c, const char *params, int64_t *id, struct err *e)
{
	char who[sizeof((struct op *)0)->who];

	name_peer(&c->peer, who, sizeof who);
	if (may_begin(c, e) != RC_OK ||
	    store_op_begin(c->service->store, c->name, who, params, id, e) !=
		    RC_OK)
		return e->rc;
	log_info("event=op op=%lld kind=%s who=\"%s\" %s", (long long)*id,
		 c->name, who, params);
	return RC_OK;
}

void op_end(struct call *c, int64_t id, enum rc rc, struct err *e)
{
	struct service *s = c->service;
	struct err failed;
	char note[1200] = "";

	note_slip(c, rc, e);
	if (rc != RC_OK && !e->hint[0])
		(void)err_hint(e, "see `show status` and the log of front, then give the command again");
	if (service_stopping(s))
		return;
	if (rc != RC_OK)
		err_text(e, note, sizeof note);
	if (store_op_end(s->store, id, rc == RC_OK, note, &failed) != RC_OK)
		log_error("state", &failed);
	heads_record(s);
	log_info("event=op-end op=%lld kind=%s rc=%s msg=\"%s\"", (long long)id,
		 c->name, rc_name(rc), service_quotable(note));
}

enum rc op_ticket(const char *hex, uint8_t *ticket, struct err *e)
{
	if (!hex_read(hex, ticket, KEYD_TICKET_LEN))
		return err_set(e, RC_USAGE, "request",
			       "a ticket is 64 hex digits",
			       "ask keyd for one, with the administrator's password",
			       "%s", "\"ticket\"");
	return RC_OK;
}

#define TIME_GOOD 1800 /* seconds that may lie between a plan and its operation */
#define TIME_AHEAD 60  /* seconds that the client's clock may be ahead */

enum rc op_timestamp(const struct call *c, json_int_t asked, uint32_t *out,
		     struct err *e)
{
	json_int_t now = (json_int_t)time(NULL);

	if (asked < now - TIME_GOOD || asked > now + TIME_AHEAD ||
	    asked > UINT32_MAX)
		return err_set(e, RC_REFUSED, c->name, "the plan is too old",
			       "give the command again", "timestamp %lld",
			       (long long)asked);
	*out = (uint32_t)asked;
	return RC_OK;
}
