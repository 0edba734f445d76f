/*
 * keyd.state: what keyd must remember that neither token nor configuration
 * has: a hash of the derived administrator password, and the PIN file that the
 * token refused. Written whole and atomically. Thread-safe.
 */
#ifndef KEYD_STATE_H
#define KEYD_STATE_H

#include "base/err.h"
#include "keyd/wire.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

struct keyd_password {
	bool set;
	uint8_t salt[KEYD_SALT_LEN];
	uint64_t ops, memory;     /* Argon2id's, for the client */
	uint8_t hash[32];         /* BLAKE2b of what the client derives */
};

/* A PIN file by what changes when somebody writes a new PIN into it. */
struct keyd_pin_mark {
	bool refused;
	uint64_t device, inode;
	int64_t seconds;
	uint32_t nanoseconds;
};

struct keyd_state {
	char path[108];
	pthread_mutex_t lock;
	struct keyd_password password;
	struct keyd_pin_mark pin;
};

/* A missing file is an empty state. */
enum rc keyd_state_load(struct keyd_state *s, const char *path,
			struct err *e) MUST_CHECK;

/* Write what there is: a PIN may only be sent where its refusal can be kept. */
enum rc keyd_state_save(struct keyd_state *s, struct err *e) MUST_CHECK;

/* True if this very PIN file was refused before. path "": never. */
bool keyd_state_pin_refused(const struct keyd_state *s, const char *path);
enum rc keyd_state_refuse_pin(struct keyd_state *s, const char *path,
			      struct err *e) MUST_CHECK;
/* A PIN was accepted: forget the mark. Writes only if there was one. */
enum rc keyd_state_accept_pin(struct keyd_state *s, struct err *e) MUST_CHECK;

void keyd_state_password(struct keyd_state *s, struct keyd_password *out);
enum rc keyd_state_set_password(struct keyd_state *s,
				const struct keyd_password *p,
				struct err *e) MUST_CHECK;

#endif
