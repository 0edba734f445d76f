/*
 * The TVSs that phones ask, in the order of their configuration (spec: phone, tvs).
 *
 * A phone listens only to one whose TLS certificate stands in a TVS record of its
 * installed ITL. The first that answers has the word; the next is asked only if one
 * cannot be. Answers are not kept. Any number of phones may ask at the same time, from
 * threads of theirs.
 */
#ifndef VOUCH_H
#define VOUCH_H

#include "itlphone.h"
#include "phone.h"
#include <stdatomic.h>

struct vouch {
	size_t n;
	double timeout; /* seconds that one TVS has */
	int tls_min, tls_max; /* TLS1_VERSION ... */
	struct vouch_tvs {
		const char *text; /* as it was named */
		char *host;
		unsigned port;
		atomic_bool mute; /* a phone waited for it in vain: no further one does */
	} tvs[TVS_NAMED_MAX];
};

/* Reads --tvs, --tls-max and --timeout, which must outlive it; the port is 2445 unless
 * it is named. RC_USAGE names what is none. vouch_clear() it, then too. */
enum rc vouch_read(const struct settings *s, struct vouch *out, struct err *e) MUST_CHECK;
void vouch_clear(struct vouch *v);

/* What a phone asks about one thing. */
struct asking {
	struct vouch *v;
	const struct phone *phone;
	const char *about; /* a file's name, a URL */
	json_t *notes;     /* an array: an object is appended for each TVS */
	char told[400];    /* why none could be asked, or "" */
	uint8_t *cert;     /* of the last answer */
};

/* An itl_ask_tvs: QUERY for the signer that the header names. arg: an asking. */
bool vouch_signer(void *arg, const struct itl *l, struct itl_tvs_answer *answer);
/* VERIFY: does TVS say that this certificate (DER) may act? */
bool vouch_server(struct asking *k, struct bytes cert);
void asking_clear(struct asking *k);

#endif
