/* The parent's side of a dialogue, for run.c alone. */
#ifndef CARRY_VOICE_H
#define CARRY_VOICE_H

#include "carry/run.h"
#include <poll.h>
#include <stdbool.h>

struct carry_voice {
	const struct carry_talk *talk;
	int fd; /* -1: there is none, or no more */
	struct voice_bytes {
		uint8_t *p;
		size_t n, cap;
	} in, out;    /* a message that is not whole yet; what is not taken yet */
	struct err error; /* of heard(), or of what the child said */
};

/* *other: the child's end, to be closed by the caller. */
bool voice_open(struct carry_voice *v, const struct carry_talk *talk,
		int *other) MUST_CHECK;
struct pollfd voice_poll(const struct carry_voice *v);
/* Hear and say what can be without waiting. True if a message came. */
bool voice_attend(struct carry_voice *v);
void voice_hang_up(struct carry_voice *v);
void voice_clear(struct carry_voice *v);

#endif
