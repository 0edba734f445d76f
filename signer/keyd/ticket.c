#include "ticket.h"
#include <sodium.h>
#include <string.h>

void tickets_init(struct tickets *t)
{
	memset(t, 0, sizeof *t);
	(void)pthread_mutex_init(&t->lock, NULL);
}

/*
 * The user's place. Root has its own. Where all are taken, newcomers share one:
 * they push nobody out, and many users do not guess more than a few. NULL: none
 * yet, and `take` was not said.
 */
static struct guesser *guesser(struct tickets *t, uid_t uid, double now, bool take)
{
	struct guesser *empty = NULL;

	if (uid == 0)
		return &t->root;
	for (size_t i = 0; i < TICKET_GUESSERS; i++) {
		struct guesser *g = &t->guessers[i];

		if (now < g->ends && g->uid == uid)
			return g;
		if (now >= g->ends && !empty)
			empty = g;
	}
	if (!empty)
		return &t->shared;
	if (!take)
		return NULL;
	*empty = (struct guesser){.uid = uid};
	return empty;
}

enum rc tickets_may_try(struct tickets *t, uid_t uid, double now, struct err *e)
{
	const struct guesser *g;
	double until;

	(void)pthread_mutex_lock(&t->lock);
	g = guesser(t, uid, now, false);
	until = g ? g->until : 0;
	(void)pthread_mutex_unlock(&t->lock);
	if (now >= until)
		return RC_OK;
	return err_set(e, RC_REFUSED, "password",
		       "too many wrong ones: wait, then try again", NULL,
		       "user id %u, %.0f s to wait", uid, until - now + 0.5);
}

static unsigned wait_after(unsigned failures)
{
	/* The first slip costs nothing; then 1, 2, 4, ... seconds. */
	unsigned wait = failures < 2   ? 0
			: failures > 8 ? TICKET_WAIT_MAX
				       : 1u << (failures - 2);

	return wait < TICKET_WAIT_MAX ? wait : TICKET_WAIT_MAX;
}

void tickets_tried(struct tickets *t, uid_t uid, enum which_password which,
		   bool right, double now)
{
	struct guesser *g;

	(void)pthread_mutex_lock(&t->lock);
	g = guesser(t, uid, now, true);
	if (!right) {
		unsigned wait = wait_after(++g->failures[which]);

		if (wait)
			g->until = now + wait;
	} else if (g != &t->shared) { /* says nothing of the others there */
		g->failures[which] = 0;
	}
	g->ends = now + TICKET_FORGET;
	(void)pthread_mutex_unlock(&t->lock);
}

void tickets_issue(struct tickets *t, uid_t uid,
		   const struct keyd_intent *intent, double now,
		   uint8_t out[KEYD_TICKET_LEN])
{
	size_t at = 0;

	(void)pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		if (!t->all[i].open || t->all[i].ends <= now) {
			at = i;
			break;
		}
		if (t->all[i].ends < t->all[at].ends)
			at = i;
	}
	t->all[at] = (struct ticket){
		.open = true,
		.intent = *intent,
		.uid = uid,
		.ends = now + KEYD_TICKET_SECONDS,
	};
	randombytes_buf(t->all[at].secret, KEYD_TICKET_LEN);
	memcpy(out, t->all[at].secret, KEYD_TICKET_LEN);
	(void)pthread_mutex_unlock(&t->lock);
}

static bool fits(const struct ticket *k, uid_t uid,
		 const struct keyd_intent *intent, double now)
{
	return now < k->ends && k->uid == uid && k->intent.op == intent->op &&
	       sodium_memcmp(k->intent.params, intent->params,
			     sizeof intent->params) == 0;
}

enum rc tickets_use(struct tickets *t, const uint8_t *ticket, uid_t uid,
		    const struct keyd_intent *intent, double now, bool *issued,
		    struct err *e)
{
	bool good = false, open = false;

	(void)pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		struct ticket *k = &t->all[i];

		if (!k->open ||
		    sodium_memcmp(k->secret, ticket, KEYD_TICKET_LEN) != 0)
			continue;
		open = now < k->ends;
		good = fits(k, uid, intent, now);
		sodium_memzero(k, sizeof *k);
	}
	(void)pthread_mutex_unlock(&t->lock);
	*issued = open;
	if (good)
		return RC_OK;
	/* One answer for all reasons: a thief learns nothing. */
	return err_set(e, RC_REFUSED, "ticket",
		       "is unknown, used, expired, or for something else",
		       "give the command and the password again", "the request");
}
