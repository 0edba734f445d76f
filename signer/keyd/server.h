/* The socket, the queue, the workers, the watchdog. */
#ifndef KEYD_SERVER_H
#define KEYD_SERVER_H

#include "service.h"

#define SERVER_MAX_CONNECTIONS 256
#define SERVER_RESERVED 128  /* of them for front, tvs and root */
#define SERVER_MAX_OF_USER 8       /* for others than front and tvs */
#define SERVER_MAX_QUEUE 1024      /* requests that wait for a worker */
#define SERVER_FRAMES_A_TURN 8     /* of one connection, before the next */
#define SERVER_MAX_OF_CONNECTION 256 /* in flight; further ones stay unread */
#define SERVER_MAX_OF_ADMIN 16       /* the same of an administrator: his frames
					take locked memory */

/* Serve for ever on a listening socket; returns only on failure. */
enum rc server_run(struct service *s, int listener, struct err *e) MUST_CHECK;

#endif
