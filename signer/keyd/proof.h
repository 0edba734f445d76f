/*
 * Backups that were proved a moment ago: opened with the security password,
 * unwrapped in the token, and signed with. front asks for them, so that it need not
 * be believed. Each is its prover's alone, and is given out once. In memory alone:
 * after a restart they are proved again. Thread-safe.
 */
#ifndef KEYD_PROOF_H
#define KEYD_PROOF_H

#include "keyd/client.h"
#include <pthread.h>

#define PROOFS_MAX 16       /* the oldest gives way */
#define PROOF_SECONDS 900

struct proofs {
	pthread_mutex_t lock;
	struct {
		uint8_t claim[KEYD_CLAIM_LEN];
		uid_t uid; /* who proved it */
		struct keyd_proof proof;
		double ends; /* proc_now(); 0: none */
	} all[PROOFS_MAX];
};

void proofs_init(struct proofs *p);
void proofs_add(struct proofs *p, const uint8_t claim[KEYD_CLAIM_LEN], uid_t uid,
		const struct keyd_proof *proof, double now);
/* And forget it. Another's is not touched. */
bool proofs_take(struct proofs *p, const uint8_t claim[KEYD_CLAIM_LEN], uid_t uid,
		 double now, struct keyd_proof *out);

#endif
