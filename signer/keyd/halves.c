#include "halves.h"
#include "keyring.h"
#include <stdlib.h>
#include <string.h>

void halves_init(struct halves *h)
{
	*h = (struct halves){.p = NULL};
	(void)pthread_mutex_init(&h->lock, NULL);
}

void halves_add(struct halves *h, const struct hsm_half *half)
{
	struct half *more;

	(void)pthread_mutex_lock(&h->lock);
	more = reallocarray(h->p, h->n + 1, sizeof *more);
	if (more) { /* else it stays in the log alone */
		h->p = more;
		more[h->n++] = (struct half){.of = *half, .waits = false};
	}
	(void)pthread_mutex_unlock(&h->lock);
}

bool halves_at(struct halves *h, size_t i, struct half *out)
{
	bool found;

	(void)pthread_mutex_lock(&h->lock);
	found = i < h->n;
	if (found) {
		*out = h->p[i];
		out->waits = h->waits && h->waits(h->arg, out->of.id);
	}
	(void)pthread_mutex_unlock(&h->lock);
	return found;
}

size_t halves_count(struct halves *h)
{
	size_t n;

	(void)pthread_mutex_lock(&h->lock);
	n = h->n;
	(void)pthread_mutex_unlock(&h->lock);
	return n;
}

static void add(void *arg, const struct hsm_half *half)
{
	halves_add(arg, half);
}

enum rc halves_look(struct halves *h, struct hsm_session *s, struct err *e)
{
	struct hsm_key **keys = NULL;
	struct half *old;
	struct halves now;
	size_t n = 0;

	halves_init(&now);
	if (hsm_keys_load(s, keyring_wants, add, &now, &keys, &n, e) != RC_OK) {
		free(now.p);
		return e->rc;
	}
	hsm_keys_free(keys, n);
	(void)pthread_mutex_lock(&h->lock);
	old = h->p;
	h->p = now.p;
	h->n = now.n;
	(void)pthread_mutex_unlock(&h->lock);
	free(old);
	return RC_OK;
}

bool halves_find(struct halves *h, const uint8_t id[HSM_ID_LEN], struct half *out)
{
	for (size_t i = 0; halves_at(h, i, out); i++)
		if (!memcmp(out->of.id, id, HSM_ID_LEN))
			return true;
	return false;
}
