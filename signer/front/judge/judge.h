/*
 * What would lock phones: a pure judge of changes (spec: phone, Does it accept a
 * new list?; cluster, Reset, Regeneration).
 *
 * A phone is what its list names: SAST certificates, one of which must have signed
 * what it accepts, and TVS certificates. It takes its node's next ordinary list
 * directly; or through TVS; or, once `utils itl reset localkey` put a list of the
 * publisher's contents there, that one. TVS vouches for whatever keyd signs with: every
 * CallManager and ITLRecovery that the token has, retired ones too. Front does not know
 * which TVS a phone asks (its call-manager group's), so all must answer, and each one
 * that its list names must still have the certificate that the list names.
 *
 * `reset localkey` signs with one key: ITLRecovery, or the publisher's CallManager
 * under policy itlrecovery. Hence the rules here:
 * - A reset is of the publisher's *next* list, so that what it brings to phones also
 *   accepts what comes after it. If the list in force does not name the key that
 *   would sign that (it is a new one, not published yet), the reset is of the list in
 *   force: then phones gain nothing by it, and those that can accept their node's own
 *   next list must do that first.
 * - So a change of the reset's key wants phones that accept their node's next list
 *   without a reset; else they are beyond it, and the change is worse than one that
 *   locks.
 * - The bound: a list that was served once, and names another reset's key than the
 *   next list does, is beyond `reset localkey` if its other certificates are old too.
 *   Only a new ITLRecovery (a new CallManager of the publisher, under policy
 *   itlrecovery) does that to phones that were off all the while. A generation that
 *   would is refused, and a reset that would warns: the phones that may hold such a
 *   list are known by what nodes served within keep-days.
 *
 * Nothing here keeps state or fails. Certificates are SHA-1s of their DER, since some
 * stand in lists as that alone.
 */
#ifndef FRONT_JUDGE_H
#define FRONT_JUDGE_H

#include "itl/itl.h"
#include "keyd/client.h"

/* All zero: a key that is to be made, or none. No list holds it. */
struct judge_cert {
	uint8_t sha1[SHA1_LEN];
};

/* What a phone's lists name. */
struct judge_trust {
	size_t nsast, ntvs;
	struct judge_cert sast[8]; /* phones keep two a list: more are not counted */
	struct judge_cert tvs[CLUSTER_MAX_NODES];
};

struct judge_cert judge_cert_of(const X509 *x);

/* Add what a list names: a phone's ITL, then its CTL if it has one. */
void judge_trust_add(struct judge_trust *t, const struct itl *l);
/* Who signed the list, by its own records; all zero if they do not hold it. */
struct judge_cert judge_signer(const struct itl *l);

enum judge_tvs {
	JUDGE_TVS_NONE,   /* phones have none to ask, and never had */
	JUDGE_TVS_AWAY,   /* it does not answer now, and shall again */
	JUDGE_TVS_ANSWERS /* with the certificates in force, for these keys */
};

/* The certificates that the next ordinary lists are made of. */
struct judge_next {
	const struct cluster *cluster;      /* borrowed */
	enum cluster_policy policy;
	enum judge_tvs tvs;
	struct judge_cert recovery;
	struct judge_cert callmanager[CLUSTER_MAX_NODES]; /* as in cluster->nodes */
	struct judge_cert tvs_of[CLUSTER_MAX_NODES];
};

/*
 * From the token's current keys. A key of `unit` (and `node`) is to be made:
 * UNIT_COUNT: none. The cluster may be one that is to be.
 */
void judge_next_of(const struct cluster *c, const struct keyd_key *keys, size_t n,
		   enum judge_tvs tvs, enum unit unit, const char *node,
		   struct judge_next *out);

/* Do the TVSs that this list names, all of them, vouch for what the token's keys sign? */
bool judge_vouched(const struct judge_trust *t, const struct judge_next *next);

enum judge_verdict {
	JUDGE_DIRECT, /* accepts the next list: its own list names the signer */
	JUDGE_BY_TVS, /* accepts it: TVS vouches for the signer */
	JUDGE_LOCKED, /* does not; a `reset localkey` of the next list heals it */
	JUDGE_BEYOND, /* nor does that */
};
const char *judge_verdict_name(enum judge_verdict v); /* "direct", ... */

/* A list that phones of a node may hold. */
struct judge_held {
	char node[CLUSTER_ID_MAX + 1];
	char sha1[SHA1_HEX];
	bool now;     /* phones that are on hold it; else only those that were off */
	int64_t last; /* it was served last: Unix time */
	struct judge_trust trust;
};

/* A node that the next cluster has not got sends its phones to the publisher. */
enum judge_verdict judge_phone(const struct judge_held *h,
			       const struct judge_next *next);

/* The gravest that a change does. */
struct judge_finding {
	enum judge_verdict verdict;    /* JUDGE_DIRECT: nothing to say */
	const struct judge_held *held; /* whom it concerns; NULL: nobody */
};

/* Of a new key, another policy, other nodes: of present phones those count that come
 * off worse than before, and of those that were off, who comes to be beyond. before: the
 * same without the change. Phones that wait behind a reset list until there is TVS, and
 * go on waiting, are no reason against it: their node's own list is not published.
 * While TVS is away it is also asked what becomes of phones once it answers again: who
 * waits for it must not lose it meanwhile. The same of resets below. */
struct judge_finding judge_change(const struct judge_held *held, size_t n,
				  const struct judge_next *before,
				  const struct judge_next *after);

/* Of next lists that are to be published: every present phone counts that would not
 * accept its own. */
struct judge_finding judge_publish(const struct judge_held *held, size_t n,
				   const struct judge_next *next);

/* A reset list stands that phones of the list before it do not accept by themselves:
 * then they still hold that one. So it is with policy itlrecovery's localkey, by a
 * CallManager; a list that ITLRecovery signed is there for those who accept it. */
bool judge_kept(const struct judge_trust *before, const struct itl *standing);

/* What comes first, so that the change is not as bad as found. */
enum judge_remedy {
	JUDGE_NONE,
	JUDGE_RESTART_FIRST, /* Tftp of that node: what changed before is published */
	JUDGE_TVS_FIRST,     /* it answers again */
	JUDGE_RESET_FIRST,
	JUDGE_POLICY_FIRST,  /* the other one, and the node's own list under it */
};
enum judge_remedy judge_remedy(const struct judge_finding *f,
			       const struct judge_next *before,
			       const struct judge_next *after);

/* ---- resets ---- */

/* True if a reset is of the publisher's next list, where that holds other records
 * than `served`, the list in force. */
bool judge_reset_fresh(enum keyd_how how, const struct judge_trust *served,
		       const struct judge_next *next);

/*
 * What a localkey reset of `source`, signed by `signer`, does to those of whom it
 * makes something worse: JUDGE_LOCKED: they accept their node's next list, and not
 * the reset's, which will stand there; JUDGE_BEYOND: they accept it, and then neither
 * their node's next list nor the next reset. Under policy itlrecovery the first is in
 * its nature (spec: cluster, Reset, 1). now: which phones are looked at.
 */
struct judge_finding judge_reset(const struct judge_held *held, size_t n, bool now,
				 const struct itl *source, struct judge_cert signer,
				 const struct judge_next *next);

#endif
