#include "limit.h"
#include <stddef.h>
#include <string.h>

void limit_init(struct limit *l)
{
	memset(l, 0, sizeof *l);
	(void)pthread_mutex_init(&l->lock, NULL);
}

/* The place that this user's next entry takes; LIMIT_USERS: there is none now. */
static size_t place(const struct limit *l, uid_t uid, double now)
{
	size_t empty = LIMIT_USERS;

	for (size_t i = 0; i < LIMIT_USERS; i++) {
		if (now >= l->users[i].until)
			empty = i;
		else if (l->users[i].uid == uid)
			return LIMIT_USERS;
	}
	return empty;
}

bool limit_pass(struct limit *l, uid_t uid, double now, unsigned long *left_out)
{
	size_t i;

	(void)pthread_mutex_lock(&l->lock);
	i = place(l, uid, now);
	if (i == LIMIT_USERS) {
		l->left_out++;
	} else {
		l->users[i].uid = uid;
		l->users[i].until = now + LIMIT_SECONDS;
		*left_out = l->left_out;
		l->left_out = 0;
	}
	(void)pthread_mutex_unlock(&l->lock);
	return i != LIMIT_USERS;
}
