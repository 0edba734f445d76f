#include "slots.h"
#include "base/num.h"
#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#define NONE UINT32_MAX

/* An address that has connections now; there are never more than connections. */
struct holder {
	struct slots_who who;
	unsigned held;
	uint32_t next; /* in its chain, or of the free ones */
};

struct slots {
	pthread_mutex_t lock;
	unsigned total, per_address, used;
	uint32_t free, mask;
	uint32_t *chains; /* mask + 1 of them */
	struct holder *holders;
	/* Addresses are the strangers' choice: their chains must not be. */
	uint8_t key[crypto_shorthash_KEYBYTES];
};

void slots_free(struct slots *s)
{
	if (!s)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s->chains);
	free(s->holders);
	free(s);
}

enum rc slots_new(unsigned total, unsigned per_address, struct slots **out, struct err *e)
{
	struct slots CLEANUP(slots_free) *s = calloc(1, sizeof *s);

	if (!s || sodium_init() < 0)
		return err_errno(e, RC_ERROR, "calloc", NULL, "slots");
	(void)pthread_mutex_init(&s->lock, NULL);
	s->total = total;
	s->per_address = per_address;
	for (s->mask = 15; s->mask < total; s->mask = s->mask * 2 + 1)
		;
	s->chains = calloc((size_t)s->mask + 1, sizeof *s->chains);
	s->holders = calloc(total, sizeof *s->holders);
	if (!s->chains || !s->holders)
		return err_errno(e, RC_ERROR, "calloc", NULL, "slots");
	for (uint32_t i = 0; i <= s->mask; i++)
		s->chains[i] = NONE;
	for (uint32_t i = 0; i < total; i++)
		s->holders[i].next = i + 1 < total ? i + 1 : NONE;
	crypto_shorthash_keygen(s->key);
	*out = s;
	s = NULL;
	return RC_OK;
}

struct slots_who slots_who(const struct sockaddr *from)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct slots_who who = {{0}};
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;

	if (from->sa_family == AF_INET6) {
		bool is_four = !memcmp(six->sin6_addr.s6_addr, mapped, sizeof mapped);

		memcpy(who.a, six->sin6_addr.s6_addr, is_four ? 16 : 8);
	} else if (from->sa_family == AF_INET) {
		memcpy(who.a, mapped, sizeof mapped);
		memcpy(who.a + sizeof mapped, &four->sin_addr, 4);
	}
	return who;
}

static uint32_t *chain_of(struct slots *s, const struct slots_who *who)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t at;

	(void)crypto_shorthash(hash, who->a, sizeof who->a, s->key);
	memcpy(&at, hash, sizeof at);
	return &s->chains[at & s->mask];
}

/* Where the number of the address's holder stands; *of it: NONE if it has none. */
static uint32_t *find(struct slots *s, const struct slots_who *who)
{
	uint32_t *at = chain_of(s, who);

	while (*at != NONE && memcmp(&s->holders[*at].who, who, sizeof *who) != 0)
		at = &s->holders[*at].next;
	return at;
}

static enum slots_answer take(struct slots *s, const struct slots_who *who)
{
	uint32_t *at;

	if (s->used >= s->total)
		return SLOTS_FULL;
	at = find(s, who);
	if (*at == NONE) {
		uint32_t fresh = s->free;

		s->free = s->holders[fresh].next;
		s->holders[fresh] = (struct holder){.who = *who, .next = NONE};
		*at = fresh;
	}
	if (s->holders[*at].held >= s->per_address)
		return SLOTS_ADDRESS;
	s->holders[*at].held++;
	s->used++;
	return SLOTS_OK;
}

enum slots_answer slots_take(struct slots *s, struct slots_who who)
{
	enum slots_answer answer;

	(void)pthread_mutex_lock(&s->lock);
	answer = take(s, &who);
	(void)pthread_mutex_unlock(&s->lock);
	return answer;
}

void slots_give(struct slots *s, struct slots_who who)
{
	uint32_t *at, gone;

	(void)pthread_mutex_lock(&s->lock);
	at = find(s, &who);
	assert(*at != NONE && s->used);
	s->used--;
	if (--s->holders[*at].held == 0) {
		gone = *at;
		*at = s->holders[gone].next;
		s->holders[gone].next = s->free;
		s->free = gone;
	}
	(void)pthread_mutex_unlock(&s->lock);
}

unsigned slots_used(struct slots *s)
{
	unsigned used;

	(void)pthread_mutex_lock(&s->lock);
	used = s->used;
	(void)pthread_mutex_unlock(&s->lock);
	return used;
}

bool slots_full(struct slots *s)
{
	return slots_used(s) >= s->total;
}
