#include "itlctl/line.h"
#include "base/num.h"
#include <string.h>

const struct ctl_option options[OPT_COUNT] = {
	[OPT_CONFIG] = {"config", "DIR", "folder of the configuration"},
	[OPT_NODE] = {"node", "NAME", "the node one stands on (default: the publisher)"},
	[OPT_JSON] = {"json", NULL, "answer in JSON, one object a line"},
	[OPT_FORCE] = {"force", NULL, "do it although policy would refuse"},
	[OPT_DRY_RUN] = {"dry-run", NULL, "show what would be done, change nothing"},
	[OPT_YES] = {"yes", NULL, "answer yes where a yes or no is asked, but for an unknown host"},
	[OPT_PASSWORD_FILE] = {"password-file", "FILE",
			       "read the administrator password there"},
	[OPT_NEW_PASSWORD_FILE] = {"new-password-file", "FILE",
				   "read the new password there"},
	[OPT_LENIENT] = {"lenient", NULL, "show unknown tags instead of refusing them"},
	[OPT_CTL] = {"ctl", "FILE", "the CTL that the phone has installed"},
	[OPT_ITL] = {"itl", "FILE", "the ITL that the phone has installed"},
	[OPT_SECURITY_PASSWORD_FILE] = {"security-password-file", "FILE",
					"read the cluster security password there"},
	[OPT_SFTP_PASSWORD_FILE] = {"sftp-password-file", "FILE",
				    "read the SFTP server's password there"},
	[OPT_P12_PASSWORD_FILE] = {"p12-password-file", "FILE",
				   "read there the password of a p12 file that has its own"},
	[OPT_IDENTITY] = {"identity", "FILE",
			  "log in to the SFTP server with this private key"},
	[OPT_KNOWN_HOSTS] = {"known-hosts", "FILE",
			     "the SFTP servers' keys (default: ~/.ssh/known_hosts)"},
	[OPT_PORT] = {"port", "N", "the SFTP server's port (default: 22)"},
	[OPT_RESTORE] = {"restore", "VAULT",
			 "take the recovery key from the backup in a vault, or from a file in one"},
	[OPT_IMPORT] = {"import", "DIR",
			"take the keys of a running cluster from the files of a folder"},
	[OPT_ALL_OR_NONE] = {"all-or-none", NULL,
			     "change nothing unless every TFTP node is there"},
	[OPT_HOST] = {"host", "NAME", "the node's host name"},
	[OPT_ADDRESS] = {"address", "ADDRESS", "where phones reach the node"},
	[OPT_FOLDER] = {"folder", "DIR", "folder of the node's TFTP server"},
	[OPT_TFTP_PORT] = {"tftp-port", "N", "port of the node's TFTP server (default: 69)"},
	[OPT_HTTP_PORT] = {"http-port", "N", "port of the node's HTTP server (default: it has none)"},
	[OPT_RESTART] = {"restart", "COMMAND", "what root runs to restart the node's TFTP service"},
	[OPT_NO_TFTP] = {"no-tftp", NULL, "the node serves no lists"},
	[OPT_NO_TVS] = {"no-tvs", NULL, "the node runs no TVS"},
	[OPT_CERT] = {"cert", "FILE", "the cluster's Audit certificate"},
	[OPT_HEAD] = {"head", "N:HEX", "an entry's number and head, recorded before"},
	[OPT_VAULT] = {"vault", "VAULT", "compare with the head in a vault's newest backup"},
	[OPT_SINCE] = {"since", "WHEN", "from this date, time, or number of an entry on"},
	[OPT_EVENT] = {"event", "NAME", "only events that begin so"},
	[OPT_KEY] = {"key", "LABEL", "only entries about keys whose label begins so"},
	[OPT_LAST] = {"last", "N", "only the last N of them"},
	[OPT_CA] = {"ca", "FILE", "certificates of the authorities, that the other file lacks"},
	[OPT_ROLES] = {"roles", "ROLES", "what the certificates are for: CallManager, ITLRecovery, or roles of lists"},
	[OPT_TTL] = {"ttl", "SECONDS", "how long phones may keep what TVS says (default: 86400)"},
	[OPT_DIR] = {"dir", "DIR", "all files of this folder and those below it"},
	[OPT_PATTERN] = {"pattern", "PATTERN", "only files whose name matches, as '*.cnf.xml'"},
	[OPT_DIGEST] = {"digest", "HASH", "sha1 or sha512 (default: what cluster.conf says)"},
	[OPT_VERIFY] = {"verify", NULL, "sign nothing; check the signed files that are there"},
	[OPT_HELP] = {"help", NULL, "say how the command is used"},
	[OPT_VERSION] = {"version", NULL, "print the version"},
};

option_set options_given(const struct option_values *v)
{
	option_set given = 0;

	for (unsigned i = 0; i < OPT_COUNT; i++)
		if (v->value[i])
			given |= OPT_BIT(i);
	return given;
}

static const struct ctl_option *find(const char *name, size_t n)
{
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (strlen(options[i].name) == n &&
		    !strncmp(options[i].name, name, n))
			return &options[i];
	return NULL;
}

/* The option at argv[*at], which begins with a dash; *at moves over its
 * argument. */
static enum rc parse_option(int argc, const char *const *argv, int *at,
			    struct option_values *to, struct err *e)
{
	const char *given = argv[*at];
	const char *name = !strncmp(given, "--", 2) ? given + 2 : "";
	const char *equals = strchr(name, '='), *value = "";
	size_t n = equals ? num_size(equals - name) : strlen(name);
	const struct ctl_option *row = find(name, n);

	if (!row)
		return err_set(e, RC_USAGE, NULL, "unknown option",
			       "itlctl --help names all of them", "%.100s",
			       given);
	if (to->value[row - options])
		return err_set(e, RC_USAGE, NULL, "the option stands twice",
			       NULL, "--%s", row->name);
	if (!row->arg && equals)
		return err_set(e, RC_USAGE, NULL,
			       "the option takes no argument", NULL, "--%s",
			       row->name);
	if (row->arg && equals)
		value = equals + 1;
	else if (row->arg)
		value = *at + 1 < argc ? argv[++*at] : "";
	if (row->arg && !*value)
		return err_set(e, RC_USAGE, NULL, "the option's argument is missing",
			       NULL, "--%s %s", row->name, row->arg);
	to->value[row - options] = value;
	return RC_OK;
}

enum rc line_parse(int argc, const char *const *argv, struct line *out,
		   struct err *e)
{
	struct line l = {0};
	bool words_only = false;

	for (int i = 0; i < argc; i++) {
		if (!words_only && !strcmp(argv[i], "--")) {
			words_only = true;
		} else if (!words_only && argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(argc, argv, &i, &l.opt, e) != RC_OK)
				return e->rc;
		} else if (l.nwords == LINE_MAX_WORDS) {
			return err_set(e, RC_USAGE, NULL, "too many words",
				       "itlctl sign takes a whole folder with --dir", "%.100s", argv[i]);
		} else {
			l.words[l.nwords++] = argv[i];
		}
	}
	*out = l;
	return RC_OK;
}

bool line_wants_json(int argc, const char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}
