/* cluster.conf's rows, for its reader, its check and the man page's test. */
#ifndef CLUSTER_TABLES_H
#define CLUSTER_TABLES_H

#include "base/conf.h"
#include "cluster/cluster.h"

extern const struct conf_row cluster_rows[];      /* [cluster] */
extern const struct conf_row cluster_node_rows[]; /* [node ID] */

/* Identifiers of nodes and clusters: letters, digits, '-', '_'; the first one a
 * letter or a digit; at most CLUSTER_ID_MAX. They stand in labels and are
 * names of files. */
bool cluster_id_ok(const char *id, size_t n);

/* What no single row can say; errors name the line of `path`. Fills in the
 * defaults that depend on other keys. */
enum rc cluster_check(struct cluster *c, const char *path,
		      struct err *e) MUST_CHECK;

/* folder.c: *remote: it is on an SSH server, *out. NULL, or why it is no folder. */
const char *cluster_folder_read(const char *text, struct cluster_ssh *out,
				bool *remote);

/* check.c: n characters of [A-Za-z0-9] and others. */
bool cluster_all(const char *text, size_t n, const char *others);

#endif
