/*
 * What the token has under one CKA_ID that is no key: a generation or import that was
 * cut off, or a key that lost a part. They never count; an administrator removes them.
 * Found at the start, and again where a key could not be made. Thread-safe.
 */
#ifndef KEYD_HALVES_H
#define KEYD_HALVES_H

#include "hsm/key.h"
#include <pthread.h>
#include <stdbool.h>

struct half {
	struct hsm_half of;
	/* A pair that waits for the certificate of an authority is no garbage;
	 * request_tidy() refuses it unless it is told to give the request up. */
	bool waits;
};

struct halves {
	pthread_mutex_t lock;
	struct half *p;
	size_t n;
	/* Does this id wait? Asked each time one is looked at (waiting.h); NULL:
	 * none does. */
	bool (*waits)(void *arg, const uint8_t id[HSM_ID_LEN]);
	void *arg;
};

void halves_init(struct halves *h);
void halves_add(struct halves *h, const struct hsm_half *half);
/* The i-th, copied; false if there are not so many. */
bool halves_at(struct halves *h, size_t i, struct half *out);
size_t halves_count(struct halves *h);

/* Look through the token again. On failure the list is as it was. */
enum rc halves_look(struct halves *h, struct hsm_session *s, struct err *e) MUST_CHECK;
bool halves_find(struct halves *h, const uint8_t id[HSM_ID_LEN], struct half *out);

#endif
