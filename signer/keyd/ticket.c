#include "ticket.h"
#include <sodium.h>
#include <string.h>

void tickets_init(struct tickets *t)
{
	memset(t, 0, sizeof *t);
	(void)pthread_mutex_init(&t->lock, NULL);
}

/* The user's slot. Where all are taken, a newcomer inherits the one that is free
 * longest, with its failures: many users do not guess more than one. */
static size_t guesser(struct tickets *t, uid_t uid)
{
	size_t oldest = 0;

	for (size_t i = 0; i < t->nguessers; i++) {
		if (t->guessers[i].uid == uid)
			return i;
		if (t->guessers[i].until < t->guessers[oldest].until)
			oldest = i;
	}
	if (t->nguessers < TICKET_GUESSERS)
		oldest = t->nguessers++;
	t->guessers[oldest].uid = uid;
	return oldest;
}

enum rc tickets_may_try(struct tickets *t, uid_t uid, double now, struct err *e)
{
	double until;

	(void)pthread_mutex_lock(&t->lock);
	until = t->guessers[guesser(t, uid)].until;
	(void)pthread_mutex_unlock(&t->lock);
	if (now >= until)
		return RC_OK;
	return err_set(e, RC_REFUSED, "password",
		       "too many wrong ones: wait, then try again", NULL,
		       "user id %u, %.0f s to wait", uid, until - now + 0.5);
}

void tickets_tried(struct tickets *t, uid_t uid, enum which_password which,
		   bool right, double now)
{
	unsigned failures, wait;
	size_t i;

	(void)pthread_mutex_lock(&t->lock);
	i = guesser(t, uid);
	failures = right ? 0 : t->guessers[i].failures[which] + 1;
	/* The first slip costs nothing; then 1, 2, 4, ... seconds. */
	wait = failures < 2 ? 0 : failures > 8 ? TICKET_WAIT_MAX
					       : 1u << (failures - 2);
	t->guessers[i].failures[which] = failures;
	if (wait)
		t->guessers[i].until =
			now + (wait < TICKET_WAIT_MAX ? wait : TICKET_WAIT_MAX);
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
	return k->open && now < k->ends && k->uid == uid &&
	       k->intent.op == intent->op &&
	       sodium_memcmp(k->intent.params, intent->params,
			     sizeof intent->params) == 0;
}

enum rc tickets_use(struct tickets *t, const uint8_t *ticket, uid_t uid,
		    const struct keyd_intent *intent, double now, struct err *e)
{
	bool good = false;

	(void)pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		struct ticket *k = &t->all[i];

		if (!k->open ||
		    sodium_memcmp(k->secret, ticket, KEYD_TICKET_LEN) != 0)
			continue;
		good = fits(k, uid, intent, now);
		sodium_memzero(k, sizeof *k);
	}
	(void)pthread_mutex_unlock(&t->lock);
	if (good)
		return RC_OK;
	/* One answer for all reasons: a thief learns nothing. */
	return err_set(e, RC_REFUSED, "ticket",
		       "is unknown, used, expired, or for something else",
		       "give the command and the password again", "the request");
}
