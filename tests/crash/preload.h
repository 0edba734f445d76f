/*
 * What is preloaded into keyd, front and carry, and the test that steers it: a
 * control page for each program, a file that both map.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <stdatomic.h>

enum fault { FAULT_NONE, FAULT_WRITE, FAULT_SYNC, FAULT_RENAME, FAULT_CONNECT, FAULTS };

struct control {
	atomic_int kind;  /* enum fault: which calls count */
	atomic_int left;  /* so many are still done; the next one fails, once */
	atomic_int error; /* with this errno */
	atomic_int hit;   /* one has failed */
	atomic_int ask;   /* each fsync waits for the test (CRASH_SOCKET) */
};

/* The environment: the page's file; a SOCK_SEQPACKET socket, where one who is about
 * to sync connects, and goes on when it is hung up on. */
#define PRELOAD_CONTROL "CRASH_CONTROL"
#define PRELOAD_SOCKET "CRASH_SOCKET"

#endif
