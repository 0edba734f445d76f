/*
 * Servers to be measured beside tvs, each in a process of its own on the loopback:
 * they shake hands and say goodbye. Start them before any thread and any PKCS#11
 * module of this process.
 */
#ifndef TLSSERVER_H
#define TLSSERVER_H

#include "base/err.h"
#include <openssl/x509.h>
#include <sys/types.h>

struct tls_server {
	pid_t pid; /* 0: none */
	unsigned port;
};

struct tls_server_token {
	const char *module; /* a path */
	const char *token, *label; /* labels of the token, the key */
	const char *pin_file;
	X509 *cert;         /* of the key */
};

/* OpenSSL, so many threads that accept and block; the key in the token, by libp11's
 * engine, or (NULL) made in memory. Ready when it returns. */
enum rc tls_server_start(const struct tls_server_token *token, unsigned bits, unsigned threads,
			 struct tls_server *out, struct err *e) MUST_CHECK;

/* `openssl s_server`, with a key in memory. */
enum rc tls_server_openssl(unsigned bits, struct tls_server *out, struct err *e) MUST_CHECK;

void tls_server_stop(struct tls_server *s);

#endif
