/* What the command lines of keyd, front and itlkeeperd have in common. */
#ifndef CLUSTER_PROGRAM_H
#define CLUSTER_PROGRAM_H

#include "base/err.h"
#include <stdbool.h>

/* keyd's exit status when the token refused its PIN: nothing may start it again
 * before somebody looked. */
#define PROGRAM_EXIT_PIN 77

/* Of keyd and front: cluster.conf changed, and is well; start it again at once. */
#define PROGRAM_EXIT_CONFIG 75

struct program_options {
	const char *config; /* --config DIR; CLUSTER_DIR */
	bool check;         /* -n, --check */
};

/* -1: go on. Otherwise what to exit with: --help or --version was answered, or
 * the command line is wrong, which standard error then says. */
int program_options(const char *name, int argc, char **argv,
		    struct program_options *out) MUST_CHECK;

#endif
