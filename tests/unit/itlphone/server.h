/* Real servers on loopback, on ports that the kernel chose. */
#ifndef SERVER_H
#define SERVER_H

#include <sys/types.h>

struct server {
	pid_t pid; /* 0: none */
	unsigned port;
};

/* in.tftpd and python3's http.server over a folder; ready when they return. */
struct server server_tftp(const char *folder);
struct server server_http(const char *folder);
void server_stop(struct server *s);

/* A port at which nobody listens. */
unsigned port_unused(int type);

#endif
