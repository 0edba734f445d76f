/*
 * front's service without its threads, sockets and nodes: a cluster of n1, the
 * publisher, n2, and n3, which serves no lists; keyd is fake-keyd.c. A node serves
 * what it was given at once, from memory. Each input finds it as it was.
 *
 * base's and front's own functions stand beside it, wrapped by the linker (wrap, in
 * CMakeLists.txt): sock_send, node_fetch, node_probe, loops_work, pthread_create and
 * pthread_join.
 */
#ifndef FRONT_WORLD_H
#define FRONT_WORLD_H

#include "door.h"

#define WORLD_GROUP 4242u

extern struct service *world;
extern bool world_nodes_fail; /* a fetch does, with a server's own words */

/* What a test can see of it. */
struct world_state {
	int64_t rows;   /* of the state's tables that were changed since it was opened */
	unsigned served; /* files that nodes were given */
	unsigned used, words; /* of keyd: tickets used, entries of the log */
	char want[2][2][SHA1_HEX]; /* of n1 and n2: ITL, CTL */
};
void world_look(struct world_state *out);

void world_start(void);

/* The answers since world_take() was called last: messages that were sent, NUL behind
 * each, and how many they are. */
const char *world_take(size_t *messages);

/* What stands for '@' and this letter in an input's requests; NULL: itself. */
const char *world_word(char letter);

#endif
