#include "itlvault.h"
#include "base/num.h"
#include "base/options.h"
#include "base/proc.h"
#include "base/wipe.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct options, member)

enum option {
	O_CONFIG, O_PASSWORD, O_SECURITY, O_P12, O_SFTP, O_IDENTITY, O_KNOWN_HOSTS,
	O_PLAIN, O_KEEP, O_TOKEN, O_MODULE, O_PIN, O_REPLACE, O_STATE, O_FORCE, O_YES,
	O_JSON, O_HELP, O_VERSION, O_COUNT
};

static const struct option_row rows[O_COUNT + 1] = {
	[O_CONFIG] = {"config", 0, "DIR", OPTION_TEXT, AT(config), 0, 0,
		      "folder of the configuration (default " CLUSTER_DIR ")"},
	[O_PASSWORD] = {"password-file", 0, "FILE", OPTION_TEXT, AT(password_file),
			0, 0, "read the administrator password there"},
	[O_SECURITY] = {"security-password-file", 0, "FILE", OPTION_TEXT,
			AT(security_file), 0, 0,
			"read the cluster security password there"},
	[O_P12] = {"p12-password-file", 0, "FILE", OPTION_TEXT, AT(p12_file), 0, 0,
		   "the password of a p12 file from elsewhere, if it is another"},
	[O_SFTP] = {"sftp-password-file", 0, "FILE", OPTION_TEXT, AT(sftp_file), 0, 0,
		    "log in to the vault with this password"},
	[O_IDENTITY] = {"identity", 0, "FILE", OPTION_TEXT, AT(identity), 0, 0,
			"log in to the vault with this private key"},
	[O_KNOWN_HOSTS] = {"known-hosts", 0, "FILE", OPTION_TEXT, AT(known_hosts), 0,
			   0, "keys of hosts (default ~/.ssh/known_hosts)"},
	[O_PLAIN] = {"plain", 0, NULL, OPTION_FLAG, AT(plain), 0, 0,
		     "the bare p12 file, for other software"},
	[O_KEEP] = {"keep", 0, "N", OPTION_UINT, AT(keep), 1, 1000,
		    "how many stay (default: keep of vault.conf, or 10)"},
	[O_TOKEN] = {"token", 0, "URI", OPTION_TEXT, AT(token), 0, 0,
		     "on this token, without a service"},
	[O_MODULE] = {"module", 0, "M", OPTION_TEXT, AT(module), 0, 0,
		      "its PKCS#11 module, path or p11-kit name (default softhsm2)"},
	[O_PIN] = {"pin-file", 0, "FILE", OPTION_TEXT, AT(pin_file), 0, 0,
		   "read its PIN there"},
	[O_REPLACE] = {"replace", 0, NULL, OPTION_FLAG, AT(replace), 0, 0,
		       "although the token has another recovery key"},
	[O_STATE] = {"state", 0, "DIR", OPTION_TEXT, AT(state), 0, 0,
		     "only write the cluster's configuration and lists there"},
	[O_FORCE] = {"force", 0, NULL, OPTION_FLAG, AT(force), 0, 0,
		     "although no proved backup is known"},
	[O_YES] = {"yes", 0, NULL, OPTION_FLAG, AT(yes), 0, 0,
		   "answer yes where a yes or no is asked, but for an unknown host"},
	[O_JSON] = {"json", 0, NULL, OPTION_FLAG, AT(json), 0, 0,
		    "answer in JSON, one object a line"},
	[O_HELP] = {"help", 0, NULL, OPTION_FLAG, AT(help), 0, 0, "this text"},
	[O_VERSION] = {"version", 0, NULL, OPTION_FLAG, AT(version), 0, 0,
		       "the version"},
};

enum needs {
	CONFIG = 1,     /* cluster.conf and vault.conf must be there */
	SERVICE = 2,    /* keyd and front, unless --token is given */
	ADMIN = 4,      /* the administrator password, likewise */
	SECURITY = 8,   /* the cluster security password */
	MUST_TOKEN = 16,
};

#define BIT(option) (1u << (option))
#define ALWAYS (BIT(O_CONFIG) | BIT(O_JSON) | BIT(O_HELP) | BIT(O_VERSION))
#define A_VAULT (BIT(O_SFTP) | BIT(O_IDENTITY) | BIT(O_KNOWN_HOSTS))
#define A_TOKEN (BIT(O_TOKEN) | BIT(O_MODULE) | BIT(O_PIN) | BIT(O_P12))

static const struct verb {
	const char *name, *args;
	verb_fn *run;
	int max; /* words */
	unsigned needs;
	unsigned takes; /* options beside ALWAYS and those for what it needs */
	const char *help;
} verbs[] = {
	{"backup", "[VAULT...]", verb_backup, VAULTS_MAX,
	 CONFIG | SERVICE | ADMIN | SECURITY, A_VAULT | BIT(O_PLAIN),
	 "make a backup in each vault, fetch it back and prove it"},
	{"list", "[VAULT...]", verb_list, VAULTS_MAX, CONFIG, A_VAULT,
	 "list what the vaults hold, and what is proved"},
	{"verify", "[VAULT [OBJECT]]", verb_verify, 2, SERVICE | ADMIN | SECURITY,
	 A_VAULT | A_TOKEN, "fetch an object (the newest), open and prove it"},
	{"restore", "[VAULT [OBJECT]]", verb_restore, 2, SERVICE | ADMIN | SECURITY,
	 A_VAULT | A_TOKEN | BIT(O_REPLACE) | BIT(O_STATE),
	 "bring the recovery key into the token"},
	{"rehearse", "[VAULT [OBJECT]]", verb_rehearse, 2, SECURITY | MUST_TOKEN,
	 A_VAULT | A_TOKEN,
	 "the disaster on demand: an empty token, a vault, a password, a list"},
	{"prune", "[VAULT...]", verb_prune, VAULTS_MAX, CONFIG,
	 A_VAULT | BIT(O_KEEP), "remove old objects, never the last proved one"},
	{"seal", "", verb_seal, 0, CONFIG | SERVICE | ADMIN,
	 A_VAULT | BIT(O_YES) | BIT(O_FORCE), "the recovery key never leaves its token again"},
};

static unsigned takes(const struct verb *v)
{
	return ALWAYS | v->takes | (v->needs & ADMIN ? BIT(O_PASSWORD) : 0) |
	       (v->needs & SECURITY ? BIT(O_SECURITY) : 0);
}

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

static bool is_given(const struct options *o, const struct option_row *row)
{
	const char *at = (const char *)o + row->at;

	switch (row->type) {
	case OPTION_FLAG:
		return *(const bool *)at;
	case OPTION_UINT:
		return *(const unsigned *)(const void *)at != 0;
	case OPTION_TEXT:
	case OPTION_TEXTS: /* itlvault has none */
	case OPTION_SECONDS:
		break;
	}
	return *(const char *const *)(const void *)at != NULL;
}

static enum rc wrong(struct err *e, const struct verb *v, const char *option,
		     const char *why, const char *hint)
{
	return err_set(e, RC_USAGE, "itlvault", why, hint, "%s --%s", v->name,
		       option);
}

static enum rc check_use(const struct itlvault *a, const struct verb *v,
			 struct err *e)
{
	if (a->nargs > v->max)
		return err_set(e, RC_USAGE, "itlvault", "one word too many",
			       "see --help", "%s: %.100s", v->name,
			       a->args[v->max]);
	for (unsigned i = 0; i < O_COUNT; i++)
		if (is_given(&a->o, &rows[i]) && !(takes(v) & BIT(i)))
			return wrong(e, v, rows[i].name,
				     "this verb does not take this option",
				     "itlvault(1) names those that it takes");
	if (!a->o.token && v->needs & MUST_TOKEN)
		return wrong(e, v, "token", "needs an empty token of its own",
			     "initialise one (softhsm2-util --init-token), and name it: --token pkcs11:token=LABEL --pin-file FILE");
	/* What the service records must open with the password of the cluster. */
	if (!a->o.token && a->o.p12_file && v->run == verb_verify)
		return wrong(e, v, "p12-password-file",
			     "a file with a password of its own is no backup of this cluster",
			     "prove it in a token of your own: --token");
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

/* Neither service nor its token are needed: --token, or the public state alone. */
static bool own_world(const struct options *o)
{
	return o->token || o->state;
}

static enum rc ask_passwords(struct itlvault *a, unsigned needs, struct err *e)
{
	const struct options *o = &a->o;

	if (needs & ADMIN && !own_world(o) &&
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
	bool own = own_world(&a->o);

	if (read_configuration(a, !own || v->needs & CONFIG, e) != RC_OK)
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
	if (check_use(a, v, e) != RC_OK)
		return e->rc;
	if (!a->o.config)
		a->o.config = CLUSTER_DIR;
	if (!a->o.module)
		a->o.module = "softhsm2";
	if (prepare(a, v, e) != RC_OK)
		return e->rc;
	return v->run(a, e);
}

int main(int argc, char **argv)
{
	struct itlvault a = {0};
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
