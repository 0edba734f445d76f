#include "itlvault.h"
#include "base/num.h"
#include "base/options.h"
#include "base/proc.h"
#include "base/wipe.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
	{.name = "config", .arg = "DIR", .type = OPTION_TEXT, .at = AT(config),
	 .help = "folder of the configuration (default " CLUSTER_DIR ")"},
	{.name = "password-file", .arg = "FILE", .type = OPTION_TEXT,
	 .at = AT(password_file), .help = "read the administrator password there"},
	{.name = "security-password-file", .arg = "FILE", .type = OPTION_TEXT,
	 .at = AT(security_file),
	 .help = "read the cluster security password there"},
	{.name = "p12-password-file", .arg = "FILE", .type = OPTION_TEXT,
	 .at = AT(p12_file),
	 .help = "the password of a p12 file from elsewhere, if it is another"},
	{.name = "sftp-password-file", .arg = "FILE", .type = OPTION_TEXT,
	 .at = AT(sftp_file), .help = "log in to the vault with this password"},
	{.name = "identity", .arg = "FILE", .type = OPTION_TEXT, .at = AT(identity),
	 .help = "log in to the vault with this private key"},
	{.name = "known-hosts", .arg = "FILE", .type = OPTION_TEXT,
	 .at = AT(known_hosts), .help = "keys of hosts (default ~/.ssh/known_hosts)"},
	{.name = "plain", .type = OPTION_FLAG, .at = AT(plain),
	 .help = "backup: the bare p12 file, for other software"},
	{.name = "keep", .arg = "N", .type = OPTION_UINT, .at = AT(keep), .min = 1,
	 .max = 1000, .help = "prune: how many (default: keep of vault.conf, or 10)"},
	{.name = "token", .arg = "URI", .type = OPTION_TEXT, .at = AT(token),
	 .help = "verify, restore, rehearse: on this token, without a service"},
	{.name = "module", .arg = "M", .type = OPTION_TEXT, .at = AT(module),
	 .help = "its PKCS#11 module, path or p11-kit name (default softhsm2)"},
	{.name = "pin-file", .arg = "FILE", .type = OPTION_TEXT, .at = AT(pin_file),
	 .help = "read its PIN there"},
	{.name = "replace", .type = OPTION_FLAG, .at = AT(replace),
	 .help = "restore: although the token has another recovery key"},
	{.name = "state", .arg = "DIR", .type = OPTION_TEXT, .at = AT(state),
	 .help = "restore: write the cluster's configuration and lists there"},
	{.name = "force", .type = OPTION_FLAG, .at = AT(force),
	 .help = "seal: although no proved backup is known"},
	{.name = "yes", .type = OPTION_FLAG, .at = AT(yes),
	 .help = "answer yes where a yes or no is asked"},
	{.name = "json", .type = OPTION_FLAG, .at = AT(json),
	 .help = "answer in JSON, one object a line"},
	{.name = "help", .type = OPTION_FLAG, .at = AT(help), .help = "this text"},
	{.name = "version", .type = OPTION_FLAG, .at = AT(version),
	 .help = "the version"},
	{0},
};

enum needs {
	CONFIG = 1,     /* cluster.conf and vault.conf must be there */
	SERVICE = 2,    /* keyd and front, unless --token is given */
	ADMIN = 4,      /* the administrator password, likewise */
	SECURITY = 8,   /* the cluster security password */
	TOKEN = 16,     /* --token may be given */
	MUST_TOKEN = 32,
};

static const struct verb {
	const char *name, *args;
	verb_fn *run;
	int max; /* words */
	unsigned needs;
	const char *help;
} verbs[] = {
	{"backup", "[VAULT...]", verb_backup, VAULTS_MAX,
	 CONFIG | SERVICE | ADMIN | SECURITY,
	 "make a backup in each vault, fetch it back and prove it"},
	{"list", "[VAULT...]", verb_list, VAULTS_MAX, CONFIG,
	 "list what the vaults hold, and what is proved"},
	{"verify", "[VAULT [OBJECT]]", verb_verify, 2,
	 SERVICE | ADMIN | SECURITY | TOKEN,
	 "fetch an object (the newest), open and prove it"},
	{"restore", "[VAULT [OBJECT]]", verb_restore, 2,
	 SERVICE | ADMIN | SECURITY | TOKEN,
	 "bring the recovery key into the token"},
	{"rehearse", "[VAULT [OBJECT]]", verb_rehearse, 2,
	 SECURITY | TOKEN | MUST_TOKEN,
	 "the disaster on demand: an empty token, a vault, a password, a list"},
	{"prune", "[VAULT...]", verb_prune, VAULTS_MAX, CONFIG,
	 "remove old objects, never the last proved one"},
	{"seal", "", verb_seal, 0, CONFIG | SERVICE | ADMIN,
	 "the recovery key never leaves its token again"},
};

static void usage(FILE *to)
{
	(void)fputs("usage: itlvault [options] VERB [VAULT [OBJECT]]\n"
		    "VAULT: a name of vault.conf, a folder, or sftp://USER@HOST[:PORT]/FOLDER\n\n",
		    to);
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		char line[64];

		(void)snprintf(line, sizeof line, "%s %s", verbs[i].name,
			       verbs[i].args);
		(void)fprintf(to, "  %-26s %s\n", line, verbs[i].help);
	}
	(void)fputs("\noptions:\n", to);
	options_help(to, rows);
}

static enum rc find_verb(const char *name, const struct verb **out, struct err *e)
{
	for (size_t i = 0; name && i < COUNT_OF(verbs); i++)
		if (!strcmp(verbs[i].name, name)) {
			*out = &verbs[i];
			return RC_OK;
		}
	return err_set(e, RC_USAGE, "itlvault", "no such verb",
		       "backup, list, verify, restore, rehearse, prune or seal; see --help",
		       "%.40s", name ? name : "the command line");
}

static enum rc check_use(const struct itlvault *a, const struct verb *v,
			 struct err *e)
{
	if (a->nargs > v->max)
		return err_set(e, RC_USAGE, "itlvault", "one word too many",
			       "see --help", "%s: %.100s", v->name,
			       a->args[v->max]);
	if (a->o.token && !(v->needs & TOKEN))
		return err_set(e, RC_USAGE, "itlvault",
			       "works with the service's token alone",
			       "leave --token out", "%s", v->name);
	if (!a->o.token && v->needs & MUST_TOKEN)
		return err_set(e, RC_USAGE, "itlvault",
			       "needs an empty token of its own",
			       "initialise one (softhsm2-util --init-token), and name it: --token pkcs11:token=LABEL --pin-file FILE",
			       "%s", v->name);
	return RC_OK;
}

/* A restore onto a new machine has no configuration yet. */
static enum rc read_configuration(struct itlvault *a, bool must, struct err *e)
{
	if (cluster_read(a->o.config, &a->cluster, e) != RC_OK)
		return !must && e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	return vault_conf_read(a->o.config, &a->conf, e);
}

static enum rc open_service(struct itlvault *a, bool must, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	struct err away;

	cluster_path(a->cluster, PATH_KEYD_SOCKET, path);
	if (keyd_open(path, &a->keyd, e) != RC_OK)
		return e->rc;
	cluster_path(a->cluster, PATH_FRONT_SOCKET, path);
	if (front_open(path, &a->front, &away) != RC_OK && must) {
		*e = away;
		return e->rc;
	}
	return RC_OK;
}

static enum rc ask_passwords(struct itlvault *a, unsigned needs, struct err *e)
{
	const struct options *o = &a->o;

	if (needs & ADMIN && !o->token &&
	    ask_secret(ASK_ADMIN, o->password_file, "--password-file FILE",
		       &a->admin, e) != RC_OK)
		return e->rc;
	if (needs & SECURITY &&
	    ask_secret(ASK_SECURITY, o->security_file,
		       "--security-password-file FILE", &a->security, e) != RC_OK)
		return e->rc;
	if (o->p12_file && secret_read_file(o->p12_file, &a->inner, e) != RC_OK)
		return e->rc;
	return RC_OK;
}

static enum rc prepare(struct itlvault *a, const struct verb *v, struct err *e)
{
	bool own = a->o.token != NULL;

	if (check_use(a, v, e) != RC_OK ||
	    read_configuration(a, !own || v->needs & CONFIG, e) != RC_OK)
		return e->rc;
	if (!own && open_service(a, v->needs & SERVICE, e) != RC_OK)
		return e->rc;
	if (ask_passwords(a, v->needs, e) != RC_OK)
		return e->rc;
	a->r = (struct recovery){
		.keyd = a->keyd,
		.front = a->front,
		.cluster = a->cluster,
		.conf_dir = a->o.config,
		.pw = {.admin = a->admin, .security = a->security},
		.step = report_step,
		.arg = a,
	};
	return RC_OK;
}

static void clear(struct itlvault *a)
{
	secret_free(a->admin);
	secret_free(a->security);
	secret_free(a->inner);
	front_free(a->front);
	keyd_free(a->keyd);
	vault_conf_free(a->conf);
	cluster_free(a->cluster);
}

static enum rc run(int argc, char **argv, struct itlvault *a, struct err *e)
{
	const struct verb *v = NULL;
	int words;

	if (proc_harden(e) != RC_OK ||
	    options_read(argc, argv, rows, &a->o, &words, e) != RC_OK)
		return e->rc;
	if (a->o.help || a->o.version) {
		if (a->o.help)
			usage(stdout);
		else
			(void)puts("itlvault (itlkeeper) " ITLKEEPER_VERSION);
		return RC_OK;
	}
	if (find_verb(words < argc ? argv[words] : NULL, &v, e) != RC_OK)
		return e->rc;
	a->nargs = argc - words - 1;
	a->args = argv + words + 1;
	if (prepare(a, v, e) != RC_OK)
		return e->rc;
	return v->run(a, e);
}

int main(int argc, char **argv)
{
	struct itlvault a = {.o = {.config = CLUSTER_DIR, .module = "softhsm2"}};
	struct err e = {0};
	enum rc rc = wipe_openssl(&e);

	if (rc == RC_OK)
		rc = run(argc, argv, &a, &e);
	clear(&a);
	if (rc == RC_OK && (fflush(stdout) != 0 || ferror(stdout)))
		rc = err_errno(&e, RC_ERROR, "write", NULL, "standard output");
	if (rc != RC_OK)
		report_error(&e, a.o.json);
	return err_exit_code(rc);
}
