/* The measurements of itlbench. */
#ifndef ITLBENCH_H
#define ITLBENCH_H

#include "base/err.h"
#include <stdbool.h>

struct settings {
	const char *file;   /* of parse; of vault: the vault; of files: where to */
	const char *config; /* DIR of cluster.conf and keyd.conf */
	const char *module, *uri, *pin_file;
	const char *password_file, *security_file; /* of vault, nodes */
	unsigned threads, window, bits;
	unsigned token_us; /* of signatures: what C_Sign takes by the token's clock; 0 */
	unsigned count;    /* of memory: signatures; of files; 0: as many as usual */
	bool warm;         /* of files: all are signed once before */
	double seconds; /* of each side of a measurement */
};

/* How fast a list's structure is parsed, beside an RSA-2048 verification. */
enum rc measure_parse(const struct settings *s, struct err *e) MUST_CHECK;

/* The ceiling by number of threads, beside OpenSSL in memory. */
enum rc measure_token(const struct settings *s, struct err *e) MUST_CHECK;

/* Lists through keyd beside the ceiling of its token. Forks before it loads
 * the token's module; as root, or as front's user. */
enum rc measure_list(const struct settings *s, struct err *e) MUST_CHECK;

/* The same of small .sgn headers, and beside what the token's own time allows. */
enum rc measure_signatures(const struct settings *s, struct err *e) MUST_CHECK;

/* Files through itlctl, front and keyd beside the ceiling, on a running cluster. */
enum rc measure_files(const struct settings *s, struct err *e) MUST_CHECK;

/* What the service adds to one signature. As root. */
enum rc measure_latency(const struct settings *s, struct err *e) MUST_CHECK;

/* keyd's start until its first signature; no keyd runs. As root. */
enum rc measure_first(const struct settings *s, struct err *e) MUST_CHECK;

/* Resident memory over many signatures, on a running cluster. As root. */
enum rc measure_resident(const struct settings *s, struct err *e) MUST_CHECK;

/* TLS handshakes of a running cluster's TVS, beside bare OpenSSL servers. Forks before
 * it starts threads; as root. */
enum rc measure_tvs(const struct settings *s, struct err *e) MUST_CHECK;

/* An audit log of a million entries, verified. */
enum rc measure_audit(const struct settings *s, struct err *e) MUST_CHECK;

/* A backup of the recovery key by its parts, on a running cluster. */
enum rc measure_vault(const struct settings *s, struct err *e) MUST_CHECK;

/* A list on all nodes at once, beside one alone, on a running test cluster. */
enum rc measure_nodes(const struct settings *s, struct err *e) MUST_CHECK;

/* What needs no front, on a private token and cluster; as root. */
enum rc measure_demo(const struct settings *s, struct err *e) MUST_CHECK;

#endif
