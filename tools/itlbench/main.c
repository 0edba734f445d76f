/* itlbench: rates of tokens, lists and parsers, as ratios. */
#include "itlbench.h"
#include "base/num.h"
#include "base/options.h"
#include "bench.h"
#include "cluster/cluster.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct arguments, member)

struct arguments {
	struct settings s;
	bool help, version;
};

static const struct option_row options[] = {
	{.name = "seconds", .arg = "S", .type = OPTION_SECONDS, .at = AT(s.seconds),
	 .max = 3600,
	 .help = "for each side of a measurement (default 4)"},
	{.name = "module", .arg = "M", .type = OPTION_TEXT, .at = AT(s.module),
	 .help = "token, demo: PKCS#11 module, path or p11-kit name (default softhsm2)"},
	{.name = "uri", .arg = "U", .type = OPTION_TEXT, .at = AT(s.uri),
	 .help = "token: which token, an RFC 7512 URI"},
	{.name = "pin-file", .arg = "F", .type = OPTION_TEXT, .at = AT(s.pin_file),
	 .help = "where bare signatures are made: file with the PIN, its owner's alone"},
	{.name = "threads", .arg = "N", .type = OPTION_UINT, .at = AT(s.threads),
	 .min = 1, .max = BENCH_THREADS_MAX,
	 .help = "token: up to so many threads; demo: keyd's sessions (default 4)"},
	{.name = "config", .arg = "DIR", .type = OPTION_TEXT, .at = AT(s.config),
	 .help = "of all that measure a service: the configuration (default " CLUSTER_DIR ")"},
	{.name = "password-file", .arg = "F", .type = OPTION_TEXT,
	 .at = AT(s.password_file),
	 .help = "vault, nodes: file with the administrator password"},
	{.name = "security-password-file", .arg = "F", .type = OPTION_TEXT,
	 .at = AT(s.security_file),
	 .help = "vault: file with the cluster security password"},
	{.name = "window", .arg = "W", .type = OPTION_UINT, .at = AT(s.window),
	 .min = 1, .max = BENCH_THREADS_MAX,
	 .help = "list, signatures, memory, demo: requests in flight (default 32)"},
	{.name = "token-us", .arg = "U", .type = OPTION_UINT, .at = AT(s.token_us),
	 .min = 1, .max = 1000000,
	 .help = "signatures, files: microseconds that the token's C_Sign takes"},
	{.name = "count", .arg = "N", .type = OPTION_UINT, .at = AT(s.count),
	 .min = 10, .max = 100000000,
	 .help = "files: how many (default 40000); memory: signatures (default 20000)"},
	{.name = "warm", .type = OPTION_FLAG, .at = AT(s.warm),
	 .help = "files: sign all once before, for a token that remembers"},
	{.name = "bits", .arg = "B", .type = OPTION_UINT, .at = AT(s.bits),
	 .min = 1024, .max = 4096,
	 .help = "demo: size of the keys (default 2048)"},
	{.name = "help", .type = OPTION_FLAG, .at = AT(help),
	 .help = "this text"},
	{.name = "version", .type = OPTION_FLAG, .at = AT(version),
	 .help = "the version"},
	{0},
};

enum { TAKES_FILE = 1, NEEDS_FILE = 2, NEEDS_PIN = 4 };

static const struct command {
	const char *name;
	enum rc (*run)(const struct settings *s, struct err *e);
	unsigned needs;
	const char *help;
} commands[] = {
	{"demo", measure_demo, TAKES_FILE,
	 "what needs no front, on a private token and cluster (as root)"},
	{"token", measure_token, 0,
	 "the ceiling: bare C_Sign by threads, beside OpenSSL in memory"},
	{"list", measure_list, NEEDS_PIN,
	 "lists through keyd, beside the ceiling of its token (as root)"},
	{"signatures", measure_signatures, NEEDS_PIN,
	 "the same of small signed files, without the files"},
	{"files", measure_files, NEEDS_FILE | NEEDS_PIN,
	 "FOLDER: files of 8 KB there, disk to disk (a running cluster)"},
	{"latency", measure_latency, NEEDS_PIN,
	 "what the service adds to one signature when it is idle (as root)"},
	{"first", measure_first, 0,
	 "from exec of a keyd to its first signature; none runs (as root)"},
	{"memory", measure_resident, 0,
	 "resident memory of the services over many signatures (as root)"},
	{"tvs", measure_tvs, NEEDS_PIN,
	 "TLS handshakes of a running TVS, beside bare OpenSSL servers (as root)"},
	{"parse", measure_parse, TAKES_FILE,
	 "[FILE]: a list's structure, beside an RSA-2048 verification"},
	{"audit", measure_audit, 0,
	 "the audit log: a million entries and their checkpoints, verified"},
	{"vault", measure_vault, NEEDS_FILE,
	 "FOLDER|sftp://...: a backup there by its parts (a running cluster)"},
	{"nodes", measure_nodes, 0,
	 "a list on all nodes at once, beside one alone (a running test cluster)"},
};

static void usage(FILE *to)
{
	(void)fputs("usage: itlbench [options] COMMAND\n\ncommands:\n", to);
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		(void)fprintf(to, "  %-24s %s\n", commands[i].name,
			      commands[i].help);
	(void)fputs("\noptions:\n", to);
	options_help(to, options);
}

static enum rc run_command(struct settings *s, int nwords, char **words,
			   struct err *e)
{
	for (size_t i = 0; nwords > 0 && i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, words[0]) != 0)
			continue;
		if (nwords > (c->needs & (TAKES_FILE | NEEDS_FILE) ? 2 : 1))
			return err_set(e, RC_USAGE, "itlbench", "is one word too many",
				       "see --help", "%s", words[nwords - 1]);
		if (nwords == 1 && c->needs & NEEDS_FILE)
			return err_set(e, RC_USAGE, "itlbench", "says not where",
				       "name a folder (of vault: or sftp://USER@HOST/FOLDER)",
				       "%s", c->name);
		if (c->needs & NEEDS_PIN && !s->pin_file)
			return err_set(e, RC_USAGE, "options", "is missing",
				       "name a file with the token's PIN", "--pin-file");
		if (nwords == 2)
			s->file = words[1];
		return c->run(s, e);
	}
	return err_set(e, RC_USAGE, "itlbench", "no such command",
		       "demo, token, list, signatures and others; see --help", "%s",
		       nwords > 0 ? words[0] : "the command line");
}

static enum rc run(int argc, char **argv, struct err *e)
{
	struct arguments a = {
		.s = {.file = SAMPLE, .config = CLUSTER_DIR,
		      .module = "softhsm2", .threads = 4, .window = 32,
		      .bits = 2048, .seconds = 4},
	};
	int words;

	if (options_read(argc, argv, options, &a, &words, e))
		return e->rc;
	if (a.help)
		usage(stdout);
	else if (a.version)
		(void)puts("itlbench " ITLKEEPER_VERSION);
	else
		return run_command(&a.s, argc - words, argv + words, e);
	return RC_OK;
}

int main(int argc, char **argv)
{
	struct err e = {0};
	char text[1200];
	enum rc rc = run(argc, argv, &e);

	if (rc == RC_OK && (fflush(stdout) != 0 || ferror(stdout)))
		rc = err_errno(&e, RC_ERROR, "write", NULL, "standard output");
	if (rc == RC_OK)
		return 0;
	(void)fflush(stdout);
	(void)fprintf(stderr, "itlbench: %s\n", err_text(&e, text, sizeof text));
	return err_exit_code(rc);
}
