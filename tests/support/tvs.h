/*
 * A TVS on the loopback, in a process of its own: real TLS with a key in software,
 * answers for the certificates that it is given, and the faults of one that is
 * broken or hostile. One client at a time, but any number of questions of each.
 */
#ifndef SUPPORT_TVS_H
#define SUPPORT_TVS_H

#include "tvs/wire.h"
#include <openssl/ssl.h>
#include <sys/types.h>

enum tvs_fault {
	TVS_GOOD,
	TVS_SLOW_BYTES,    /* a byte of its answer at a time: good, too */
	TVS_MUTE,          /* takes connections, says nothing */
	TVS_NO_TLS,        /* says something else than TLS */
	TVS_MUTE_AFTER,    /* a handshake, and no answer */
	TVS_HANGS_UP,      /* after the question */
	TVS_CUT,           /* in the middle of its answer */
	TVS_ENDLESS,       /* half an answer, and then a byte a second, for ever */
	TVS_TICKETS,       /* no answer, but TLS 1.3's tickets, for ever */
	TVS_NO_FRAME,      /* something else than a frame */
	TVS_TRAILING,      /* an element too many */
	TVS_OTHER_SESSION,
	TVS_OTHER_KIND,
	TVS_ASKS_BACK,     /* its answer is the question */
	TVS_NO_CERT,       /* "found", and the certificate is none */
};

/* For whom it speaks. */
struct tvs_known {
	X509 *cert;
	uint8_t roles[TVS_ROLES_MAX];
	size_t nroles;
};

struct tvs_plan {
	X509 *cert; /* of TLS */
	EVP_PKEY *key;
	int tls_min, tls_max; /* TLS1_VERSION ...; 0: 1.2, and the newest */
	const char *ciphers;
	const struct tvs_known *known;
	size_t nknown;
	enum tvs_fault fault;
};

/* What it was asked so far; shared with its process. */
struct tvs_asked {
	unsigned connections, handshakes, verify, query;
};

struct tvs_fake {
	pid_t pid; /* 0: none */
	unsigned port;
	volatile struct tvs_asked *asked;
};

struct tvs_fake tvs_fake_start(const struct tvs_plan *plan);
void tvs_fake_stop(struct tvs_fake *t);

#endif
