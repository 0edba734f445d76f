/*
 * keyd.state: what keyd must remember that neither token nor configuration
 * has: hashes of the derived passwords, the PIN file that the token refused, and of
 * when the newest trust file is.
 * Written whole and atomically. Thread-safe.
 */
#ifndef KEYD_STATE_H
#define KEYD_STATE_H

#include "base/err.h"
#include "keyd/wire.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

enum which_password {
	PASSWORD_ADMIN,    /* the administrator password */
	PASSWORD_SECURITY, /* the cluster security password */
	PASSWORD_COUNT
};

struct keyd_password {
	bool set;
	uint8_t salt[KEYD_SALT_LEN];
	uint64_t ops, memory; /* Argon2id's, for the client */
	uint8_t hash[32];     /* BLAKE2b of what the client derives */
	uint32_t number;      /* 1, 2, ...: which one it is; 0: from before it was
				 counted, or none */
	int64_t changed;      /* Unix time; 0: not known */
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
	struct keyd_password passwords[PASSWORD_COUNT];
	struct keyd_pin_mark pin;
	uint32_t trust; /* the newest trust file's time; 0: none was signed */
};

/* A missing file is an empty state. Files of older versions are read. */
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

void keyd_state_password(struct keyd_state *s, enum which_password which,
			 struct keyd_password *out);
/* p's number and time are set here. */
enum rc keyd_state_set_password(struct keyd_state *s, enum which_password which,
				const struct keyd_password *p,
				struct err *e) MUST_CHECK;

/* The time of the newest trust file, which is to be signed. RC_REFUSED if a newer one was
 * (but not of a time that has not come yet: a clock was wrong). */
enum rc keyd_state_set_trust(struct keyd_state *s, uint32_t at, struct err *e) MUST_CHECK;
uint32_t keyd_state_trust(struct keyd_state *s);

#endif
