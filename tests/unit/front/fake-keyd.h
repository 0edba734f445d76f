/* keyd's client, answered here: keys in software for the two nodes n1 (the
 * publisher) and n2. Linked in place of the real one. Thread-safe. */
#ifndef FAKE_KEYD_H
#define FAKE_KEYD_H

#include "keyd/client.h"

/* New keys for both nodes; those that are there become retired ones. A node n9 is
 * one that went: its newest key may be removed too. */
void fake_keyd_renew(enum unit unit, const char *node);
/* The current pair; borrowed. NULL: there is none. */
EVP_PKEY *fake_keyd_pair(enum unit unit, const char *node, X509 **cert);
void fake_keyd_start(void); /* one key of each unit and node */
void fake_keyd_stop(void);
/* Remember the keys that there are now; and have just those again. */
void fake_keyd_keep(void);
void fake_keyd_again(void);

/* As after an import into a cluster that was made anew: what was the first
 * recovery key is the newest generation now, and the first is another. */
void fake_keyd_import_first(void);
/* keyd remembers this claim of this user: a proved backup of the current recovery
 * key, under the present security password; and no other. It says so once. */
void fake_keyd_prove(const uint8_t claim[32], uid_t uid);

/* How it behaves. Set before requests, from the test's thread. */
extern struct fake_keyd {
	bool away;        /* RC_STALE */
	bool bad_list;    /* signs lists with a byte flipped */
	bool busy;        /* makes and removes no key */
	bool quick;       /* a key that is made has the numbers of the one before */
	bool bad_cert;    /* takes no authority's certificate */
	bool lost;        /* does not answer to generate and remove */
	bool slow;        /* a reset waits until this is false again */
	const char *bad_name; /* of a file, that it does not sign */
	bool sgn_away;    /* signs no files */
	unsigned sgns;    /* batches of files */
	const char *token; /* its label; NULL: "fake" */
	unsigned resets, notes, generated;
	size_t places;    /* of the last rollback */
	unsigned rollbacks;
	char override[KEYD_OVERRIDE_MAX]; /* the last text that a ticket was used for */
	uid_t uid;        /* of the last ticketed request */
	char note[640];
	char change[KEYD_TRUST_CHANGE]; /* of the last trust file that was signed */
	char imported[64]; /* the last bytes that came as an authority's certificates */
	uint32_t security; /* the cluster security password; 0: none */
	bool sealed;
	enum unit ctl_by;  /* whose key signs the CTL: UNIT_CALLMANAGER (the
			    * publisher's), UNIT_ITLRECOVERY */
	unsigned ctls;     /* how many it made */
	enum keyd_how how; /* of the last reset or preview */
} fake_keyd;

/* A ticket that it takes; any other is refused. */
extern const char fake_ticket[2 * KEYD_TICKET_LEN + 1];

/* A list that a stranger signed, and a node's own; malloc()ed. */
struct bytes fake_foreign_list(void);
struct bytes fake_own_list(const char *node, uint32_t timestamp);
/* A CTL of the keys that there are now; and one that a stranger signed. */
struct bytes fake_ctl(uint32_t timestamp);
struct bytes fake_foreign_ctl(void);

#endif
