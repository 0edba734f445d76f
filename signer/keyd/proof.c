#include "proof.h"
#include <string.h>

void proofs_init(struct proofs *p)
{
	memset(p, 0, sizeof *p);
	(void)pthread_mutex_init(&p->lock, NULL);
}

static bool is(const struct proofs *p, size_t i, const uint8_t *claim, uid_t uid)
{
	return p->all[i].uid == uid &&
	       memcmp(p->all[i].claim, claim, KEYD_CLAIM_LEN) == 0;
}

void proofs_add(struct proofs *p, const uint8_t claim[KEYD_CLAIM_LEN], uid_t uid,
		const struct keyd_proof *proof, double now)
{
	size_t at = 0;

	(void)pthread_mutex_lock(&p->lock);
	/* Its own place, if it was proved before; else the one that ends first. */
	for (size_t i = 0; i < PROOFS_MAX; i++) {
		if (is(p, i, claim, uid)) {
			at = i;
			break;
		}
		if (p->all[i].ends < p->all[at].ends)
			at = i;
	}
	memcpy(p->all[at].claim, claim, KEYD_CLAIM_LEN);
	p->all[at].uid = uid;
	p->all[at].proof = *proof;
	p->all[at].ends = now + PROOF_SECONDS;
	(void)pthread_mutex_unlock(&p->lock);
}

bool proofs_take(struct proofs *p, const uint8_t claim[KEYD_CLAIM_LEN], uid_t uid,
		 double now, struct keyd_proof *out)
{
	bool found = false;

	(void)pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < PROOFS_MAX && !found; i++) {
		found = now < p->all[i].ends && is(p, i, claim, uid);
		if (found) {
			*out = p->all[i].proof;
			memset(&p->all[i], 0, sizeof p->all[i]);
		}
	}
	(void)pthread_mutex_unlock(&p->lock);
	return found;
}
