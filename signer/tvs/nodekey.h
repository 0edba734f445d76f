/*
 * A node's TVS key, which lives behind keyd, for OpenSSL (provider/provider.h). The
 * call blocks: each thread has its own connection, and is told of one that hangs soon.
 */
#ifndef TVS_NODEKEY_H
#define TVS_NODEKEY_H

#include "keyd/client.h"
#include "provider/provider.h"

/* With the key's label as its argument. */
extern const struct provider_ops node_key_ops;

/* This thread's connection; borrowed. */
void node_key_use(struct keyd *k);

/* True once after keyd did not do it on this thread, with what it said. */
bool node_key_failed(struct err *e);

#endif
