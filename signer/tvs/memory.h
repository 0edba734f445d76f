/*
 * What a stranger can have of the memory: a handshake message says in its first four
 * bytes how long it will be, and OpenSSL makes room for all of a ClientHello of 128 KiB
 * at once. No phone sends one of more than a few.
 */
#ifndef TVS_MEMORY_H
#define TVS_MEMORY_H

#include "base/err.h"

#define MEMORY_MOST 32768u /* bytes of one piece; OpenSSL takes a third more than it needs */

/* Before anything else of OpenSSL is called. */
enum rc memory_open(struct err *e) MUST_CHECK;

/* From here on OpenSSL gets no larger piece on this thread: it serves phones. */
void memory_of_phones(void);

#endif
