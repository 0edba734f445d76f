/*
 * cluster.conf: what the cluster is. Root's file; every program reads it, and
 * keyd believes it. It holds no secret. See cluster.c for the keys' table.
 *
 *   [cluster]                       [node n1]
 *   name = test10                   host = test10pub
 *   publisher = n1                  address = 127.0.0.1
 *   domain = joemar2.lab            folder = /srv/tftp
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/conf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define CLUSTER_DIR ITLKEEPER_SYSCONFDIR /* /etc/itlkeeper; default of every program's --config */
#define CLUSTER_FILE "cluster.conf"
#define CLUSTER_NEXT_FILE ".cluster.conf.new" /* beside it: what itlctl makes of it */
#define CLUSTER_FILE_MAX (1u << 20) /* bytes */
#define CLUSTER_MAX_NODES 64
#define CLUSTER_ID_MAX 32 /* bytes of a node's or the cluster's identifier */
#define CLUSTER_HASH 65 /* a SHA-256 in hex, and the NUL */
#define CLUSTER_CN_MAX 64 /* X.520's upper bound of a common name */

enum cluster_policy { POLICY_CALLMANAGER, POLICY_ITLRECOVERY };
enum cluster_hash { CLUSTER_SHA1, CLUSTER_SHA256, CLUSTER_SHA512 };
enum cluster_file_hash { CLUSTER_FILE_SHA1, CLUSTER_FILE_SHA512 };

/* What a certificate is for. The label in the token begins with its name. */
enum unit { UNIT_CALLMANAGER, UNIT_TVS, UNIT_CAPF, UNIT_ITLRECOVERY, UNIT_AUDIT,
	    UNIT_COUNT };
const char *unit_name(enum unit u); /* "CallManager", "TVS", ... */
/* Without regard to case. */
enum rc unit_from_name(const char *name, enum unit *out,
		       struct err *e) MUST_CHECK;
/* CallManager and TVS are a node's; the others the cluster's. */
bool unit_is_of_node(enum unit u);

/* A folder on an SSH server. */
struct cluster_ssh {
	char user[33], host[256]; /* an IPv6 address without brackets */
	unsigned port;
	char path[200]; /* absolute; [A-Za-z0-9._/-] alone */
};

struct cluster_node {
	char id[CLUSTER_ID_MAX + 1]; /* given once, never the host name */
	char *host;      /* "test10pub": what people type and dialogues print */
	char *address;   /* where phones and we reach it */
	bool tftp;       /* serves lists */
	bool tvs;        /* runs a TVS */
	unsigned tvs_port;
	char *folder;    /* of its TFTP server, as configured */
	bool remote;     /* it is on an SSH server: */
	struct cluster_ssh ssh;
	char *identity, *agent; /* of the login; one of them may be NULL */
	char *known_hosts;      /* never NULL if remote */
	unsigned tftp_port;
	unsigned http_port; /* 0: no HTTP */
	char *restart;   /* bounces its TFTP service: root runs it, or the SSH login
			    (then NULL: nothing needs to be restarted) */
	unsigned callmanager_bits, tvs_bits; /* 0: the cluster's key-bits */
};

struct cluster {
	char *name;      /* identifier, in labels */
	char *publisher; /* a node's id */
	unsigned policy; /* enum cluster_policy */
	char *domain;    /* "" or what follows the host in a CN */
	char *recovery_host; /* CN=ITLRECOVERY_<this>; set once, before init */
	char *org_unit, *org, *locality, *state, *country; /* NULL: left out */
	unsigned key_bits, capf_bits, recovery_bits; /* latter two: 0 = key_bits */
	unsigned cert_hash; /* enum cluster_hash; certificates */
	unsigned list_hash; /* enum cluster_hash; lists */
	unsigned file_hash; /* enum cluster_file_hash; signed files */
	unsigned file_bytes; /* of a file to be signed, at most */
	unsigned cert_years, recovery_years;
	char *run;       /* sockets and restart requests: /run/itlkeeper */
	char *state_dir; /* /var/lib/itlkeeper */
	char *keyd_user, *front_user, *tvs_user, *group;
	unsigned put_seconds, restart_seconds, fetch_seconds; /* deadlines */
	char *phone_reset; /* command that root runs to reset all phones; NULL: none */
	unsigned phone_reset_seconds;
	unsigned keep_days; /* what a node served counts for so long */
	size_t nnodes;
	struct cluster_node nodes[CLUSTER_MAX_NODES]; /* in configured order */
	char sha256[CLUSTER_HASH]; /* of the file as it was read, in hex */
};

/* Read DIR/cluster.conf and check it as a whole: the publisher is a node and
 * serves TFTP, ids and hosts are unique and well formed, key sizes fit their
 * use (3072 for TVS and CAPF alone), common names fit. cluster_free() it. */
enum rc cluster_read(const char *dir, struct cluster **out,
		     struct err *e) MUST_CHECK;
/* The same of a file by its name: of one that may become cluster.conf. */
enum rc cluster_read_file(const char *path, struct cluster **out,
			  struct err *e) MUST_CHECK;
void cluster_free(struct cluster *c);
CLEANUP_DEFINE(struct cluster *, cluster_free);

/* By id or by host name (without regard to case); RC_NOTFOUND names the nodes
 * that there are. */
enum rc cluster_find_node(const struct cluster *c, const char *name,
			  const struct cluster_node **out,
			  struct err *e) MUST_CHECK;
const struct cluster_node *cluster_publisher(const struct cluster *c);
/* By its exact id, as programs name nodes to each other; NULL: there is none. */
const struct cluster_node *cluster_node_by_id(const struct cluster *c, const char *id);

/*
 * The i-th node in the order of dialogues: the publisher first, then as
 * configured; NULL behind the last.
 */
const struct cluster_node *cluster_node_at(const struct cluster *c, size_t i);

/* Whether any node runs a TVS. */
bool cluster_has_tvs(const struct cluster *c);

/* Key size and common name of a unit's key (node: NULL for cluster units).
 * capf: 8 hex digits, drawn by the caller. */
unsigned cluster_key_bits(const struct cluster *c, enum unit u,
			  const struct cluster_node *node);
enum rc cluster_common_name(const struct cluster *c, enum unit u,
			    const struct cluster_node *node, const char *capf,
			    char to[CLUSTER_CN_MAX + 1],
			    struct err *e) MUST_CHECK;

/* Paths below run and state_dir, the same in every program. */
enum cluster_path {
	PATH_KEYD_SOCKET,   /* run/keyd/keyd.sock   made by keyd, 0666: roles are checked */
	PATH_FRONT_SOCKET,  /* run/front/front.sock made by front, 0666 */
	PATH_RESTART,       /* run/restart/         front writes NODE, or RESTART_PHONES */
	PATH_RESTARTED,     /* run/restarted/       root answers NODE */
	PATH_KEYD_STATE,    /* state/keyd/          0750 keyd:itlkeeper */
	PATH_AUDIT_LOG,     /* state/keyd/audit.log 0640 */
	PATH_FRONT_STATE,   /* state/front/         0750 front:itlkeeper */
	PATH_STATE_DB,      /* state/front/state.db */
	PATH_TRUST_FILE,    /* state/trust/TrustFile.tlv 0644 (itl/trust.h); the folder
			       is front's, 0755: everybody may read it */
	PATH_TVS_STATUS,    /* run/tvs/status.json  0644 */
};
#define CLUSTER_PATH_MAX 108 /* sun_path */
void cluster_path(const struct cluster *c, enum cluster_path which,
		  char to[CLUSTER_PATH_MAX]);

#endif
