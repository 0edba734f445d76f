/* A wire to a server that is cut, or goes dead, after so many bytes. */
#ifndef VAULT_PROXY_H
#define VAULT_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct proxy {
	unsigned port;   /* of its own, on the loopback */
	unsigned target; /* of the server */
	/* For the connections that begin from now on: */
	atomic_size_t limit; /* bytes to the server; 0: no limit */
	atomic_bool stall;   /* then nothing moves any more; else it is cut */
	atomic_size_t sent;  /* bytes to the server of the last connection */
	int listener, wake[2];
	pthread_t thread;
};

void proxy_start(struct proxy *p, unsigned target);
void proxy_stop(struct proxy *p);

#endif
