/* tvs.conf: patience with phones, and where their questions come in. */
#ifndef TVS_TVSCONF_H
#define TVS_TVSCONF_H

#include "base/conf.h"
#include "cluster/cluster.h"

#define TVS_CONF "tvs.conf"
#define TVS_LOOPS_MAX 64u

/* One for each node that runs a TVS, in cluster.conf's order. */
struct tvs_listener {
	const struct cluster_node *node; /* borrowed of the cluster */
	char *address;    /* as configured; NULL: the node's */
	unsigned tls_min; /* 0 to 3: TLS 1.0 to 1.3 */
};

struct tvs_conf {
	unsigned loops;                    /* [tvs] */
	unsigned connections, per_address; /* at a time */
	unsigned handshake_seconds, request_seconds, idle_seconds;
	size_t nlisteners;
	struct tvs_listener listeners[CLUSTER_MAX_NODES]; /* [listener NODE] */
};

/* The tables, for who checks man page and default file. */
extern const struct conf_row tvs_rows[], tvs_listener_rows[];

/* DIR/tvs.conf; without it, or without a section, the defaults hold. `c` must
 * outlive *out; tvs_conf_free() it. */
enum rc tvs_conf_read(const char *dir, const struct cluster *c, struct tvs_conf **out,
		      struct err *e) MUST_CHECK;
void tvs_conf_free(struct tvs_conf *c);
CLEANUP_DEFINE(struct tvs_conf *, tvs_conf_free);

const char *tvs_listener_address(const struct tvs_listener *l);

/* Two listeners of one address and port: the second of them, and *first. NULL if each
 * has its own. */
const struct tvs_listener *tvs_conf_clash(const struct tvs_conf *c,
					  const struct tvs_listener **first);

#endif
