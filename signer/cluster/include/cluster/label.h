/* A key's label in the token: UNIT/NODE/GENERATION, "CallManager/n1/3". */
#ifndef CLUSTER_LABEL_H
#define CLUSTER_LABEL_H

#include "cluster/cluster.h"

#define LABEL_MAX 64

struct label {
	enum unit unit;
	char node[CLUSTER_ID_MAX + 1]; /* the node's or the cluster's identifier */
	unsigned generation;           /* 1.. */
};

void label_text(const struct label *l, char to[LABEL_MAX]);
/* False for a label that is none of ours. */
bool label_read(const char *text, size_t n, struct label *out);

/* Whether the cluster has a use for such a key. A node that went leaves its keys in
 * the token: the newest of them is nobody's current one any more. */
bool label_in_use(const struct label *l, const struct cluster *c);

#endif
