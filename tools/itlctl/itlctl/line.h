/* One command line: options anywhere, the rest are words. */
#ifndef ITLCTL_LINE_H
#define ITLCTL_LINE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option {
	OPT_CONFIG,
	OPT_NODE,
	OPT_JSON,
	OPT_FORCE,
	OPT_DRY_RUN,
	OPT_YES,
	OPT_PASSWORD_FILE,
	OPT_NEW_PASSWORD_FILE,
	OPT_LENIENT,
	OPT_CTL,
	OPT_ITL,
	OPT_SECURITY_PASSWORD_FILE,
	OPT_SFTP_PASSWORD_FILE,
	OPT_P12_PASSWORD_FILE,
	OPT_IDENTITY,
	OPT_KNOWN_HOSTS,
	OPT_PORT,
	OPT_RESTORE,
	OPT_IMPORT,
	OPT_ALL_OR_NONE,
	OPT_HOST, /* of a node, named as the keys of cluster.conf */
	OPT_ADDRESS,
	OPT_FOLDER,
	OPT_TFTP_PORT,
	OPT_HTTP_PORT,
	OPT_RESTART,
	OPT_NO_TFTP,
	OPT_NO_TVS,
	OPT_CERT,
	OPT_HEAD,
	OPT_VAULT,
	OPT_SINCE,
	OPT_EVENT,
	OPT_KEY,
	OPT_LAST,
	OPT_CA,
	OPT_ROLES,
	OPT_TTL,
	OPT_DIR,
	OPT_PATTERN,
	OPT_DIGEST,
	OPT_VERIFY,
	OPT_HELP,
	OPT_VERSION,
	OPT_COUNT
};

typedef uint64_t option_set; /* OPT_BIT()s */
#define OPT_BIT(option) (UINT64_C(1) << (option))
_Static_assert(OPT_COUNT <= sizeof(option_set) * 8, "each option has a bit");

struct ctl_option {
	const char *name; /* without the dashes */
	const char *arg;  /* what its argument is called, or NULL */
	const char *help;
};
extern const struct ctl_option options[OPT_COUNT]; /* by enum option */

/* What was given: NULL if not; "" for an option without argument. */
struct option_values {
	const char *value[OPT_COUNT];
};

/* The options that were given. */
option_set options_given(const struct option_values *v);

#define LINE_MAX_WORDS 4096 /* a shell's pattern can name many files */

struct line {
	struct option_values opt;
	size_t nwords;
	const char *words[LINE_MAX_WORDS];
};

/*
 * Sort argv (without the program's name) into options and words; behind "--"
 * all are words. Options are written out ("--node NAME" or "--node=NAME").
 * RC_USAGE for an unknown or doubled option and for a missing or needless
 * argument. *out points into argv.
 */
enum rc line_parse(int argc, const char *const *argv, struct line *out,
		   struct err *e) MUST_CHECK;

/* Whether --json is among them: how to report a line that cannot be parsed. */
bool line_wants_json(int argc, const char *const *argv);

#endif
