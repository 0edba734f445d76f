#include "proof.h"
#include <string.h>

void proofs_init(struct proofs *p)
{
	memset(p, 0, sizeof *p);
	(void)pthread_mutex_init(&p->lock, NULL);
}

void proofs_add(struct proofs *p, const uint8_t digest[32],
		const struct keyd_proof *proof, double now)
{
	size_t at = 0;

	(void)pthread_mutex_lock(&p->lock);
	/* Its own place, if it was proved before; else the one that ends first. */
	for (size_t i = 0; i < PROOFS_MAX; i++) {
		if (memcmp(p->all[i].digest, digest, 32) == 0) {
			at = i;
			break;
		}
		if (p->all[i].ends < p->all[at].ends)
			at = i;
	}
	memcpy(p->all[at].digest, digest, 32);
	p->all[at].proof = *proof;
	p->all[at].ends = now + PROOF_SECONDS;
	(void)pthread_mutex_unlock(&p->lock);
}

bool proofs_find(struct proofs *p, const uint8_t digest[32], double now,
		 struct keyd_proof *out)
{
	bool found = false;

	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < PROOFS_MAX && !found; i++) {
		found = now < p->all[i].ends &&
			memcmp(p->all[i].digest, digest, 32) == 0;
		if (found)
			*out = p->all[i].proof;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return found;
}
