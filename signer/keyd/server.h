/* The socket, the queue, the workers, the watchdog. */
#ifndef KEYD_SERVER_H
#define KEYD_SERVER_H

#include "service.h"
#include "takeup.h"

#define SERVER_MAX_CONNECTIONS 256
#define SERVER_RESERVED 128  /* of them for front, tvs and root */
#define SERVER_MAX_OF_USER 8       /* for others than front and tvs */
#define SERVER_MAX_QUEUE 1024      /* requests that wait for a worker */
#define SERVER_FRAMES_A_TURN 8     /* of one connection, before the next */
#define SERVER_MAX_OF_TVS 80       /* its threads (64 at most), and one that watches */
#define SERVER_MAX_OF_CONNECTION 256 /* in flight, of front; further ones stay unread */
#define SERVER_MAX_OF_OTHERS 4       /* the same of all others, who wait for each */

/* Frames in locked memory (KEYD_SECRET_MAX each) at once; further ones stay unread.
 * Together below 3 MiB: the limit of locked memory is 8, and the workers need some
 * of it. */
#define SERVER_SECRETS_OF_ADMINS 64 /* of all of them */
#define SERVER_SECRETS_OF_ROOT 16   /* so that the others cannot shut him out */
#define SERVER_SECRETS_OF_TVS 64

/* Serve on a listening socket. RC_OK: cluster.conf changed, nothing is in flight,
 * and keyd shall start anew; else it failed. */
enum rc server_run(struct service *s, int listener, struct takeup *t,
		   struct err *e) MUST_CHECK;

#endif
