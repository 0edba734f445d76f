/* For front -n: what cluster.conf says of nodes, beside what is there. */
#ifndef FRONT_FOLDERS_H
#define FRONT_FOLDERS_H

#include "cluster/cluster.h"

/* The folder of each TFTP node is there; of one on an SSH server, the files of its
 * login are. dir: of cluster.conf, whose line the error names. */
enum rc folders_check(const char *dir, const struct cluster *c,
		      struct err *e) MUST_CHECK;

#endif
