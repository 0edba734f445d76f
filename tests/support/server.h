/* Real servers on loopback. */
#ifndef SUPPORT_SERVER_H
#define SUPPORT_SERVER_H

#include <sys/types.h>

struct server {
	pid_t pid; /* 0: none */
	unsigned port;
};

/* in.tftpd and python3's http.server over a folder; ready when they return.
 * port 0: one that the kernel chooses. */
struct server server_tftp(const char *folder, unsigned port);
/* The same, with a --map-file. */
struct server server_tftp_map(const char *folder, const char *map);
struct server server_http(const char *folder);
/* openssl s_server, which answers GET, with a PEM file of certificate and key. */
struct server server_https(const char *pem);
void server_stop(struct server *s);

/* A port at which nobody listens. */
unsigned port_unused(int type);

#endif
