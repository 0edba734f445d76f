/* One keyd for a test program, and its peers: through the client, or with frames
 * that the client would not make. */
#ifndef TEST_KEYD_PEER_H
#define TEST_KEYD_PEER_H

#include "support/support.h"
#include "support/live.h"
#include "keyd/wire.h"

#define NOW 1763900000u

extern struct live live;

struct keyd *client(void);

struct frame {
	uint8_t bytes[KEYD_FRAME_MAX + 4096];
	struct writer w;
};

/* The one frame that there is, begun anew. */
struct frame *frame_of(unsigned what);

/* Send as `who`; the answer's category, its body in *r, its error in *e. */
enum rc ask(enum live_who who, struct bytes frame, int pass, struct reader *r,
	    struct err *e);
enum rc ask_frame(enum live_who who, struct frame *f, struct err *e);

/* A node's list, as front asks for it. free() it. */
uint8_t *own_list(const char *node, size_t *n);

/* A group's setup with keys and the administrator password, and its teardown. */
int peer_start(void **state);
int peer_stop(void **state);

#endif
