/*
 * A token in software, in place of what keyd calls of hsm: it does that, and counts
 * it. Its keys are those of a file (make-token.bash), so that the corpus can hold
 * lists and certificates of them. No fault is its own: what it refuses, a sound
 * token refuses.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "hsm/key.h" /* token.c includes it with names of its own */

struct token_counts {
	unsigned signatures, decryptions, wraps, proofs; /* uses of a private key */
	unsigned changes; /* made, committed, imported, sealed, removed */
};
extern struct token_counts token_counts;

/* The keys of the file, and which of them waits for a certificate (no cert). Once. */
void token_open(void);
size_t token_count(void);
/* A copy of the i-th, for a keyring; hsm_key_free() it. */
struct hsm_key *token_key(size_t i);

/* What was made since is forgotten; nothing was counted. */
void token_reset(void);

#endif
