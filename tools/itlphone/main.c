/* itlphone: simulated phones. */
#include "itlphone.h"
#include "base/hex.h"
#include "base/num.h"
#include "base/options.h"
#include "fetch.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct arguments, member)

struct arguments {
	struct settings s;
	bool help, version;
};

static const struct option_row options[] = {
	{.name = "state", .arg = "DIR", .type = OPTION_TEXT, .at = AT(s.state),
	 .help = "folder of the phones' folders (default .)"},
	{.name = "count", .arg = "N", .type = OPTION_UINT, .at = AT(s.count),
	 .min = 1, .max = PHONES_MAX,
	 .help = "phones with consecutive MAC addresses (default 1)"},
	{.name = "mac", .arg = "HEX12", .type = OPTION_TEXT, .at = AT(s.mac_text),
	 .help = "MAC address of the first (default 001122330000)"},
	{.name = "server", .arg = "HOST", .type = OPTION_TEXT, .at = AT(s.server),
	 .help = "the TFTP server: host name or address"},
	{.name = "tftp-port", .arg = "P", .type = OPTION_UINT, .at = AT(s.tftp_port),
	 .max = 65535,
	 .help = "its TFTP port (default 69; 0: no TFTP)"},
	{.name = "http-port", .arg = "P", .type = OPTION_UINT, .at = AT(s.http_port),
	 .max = 65535,
	 .help = "its HTTP port, tried first (default 0: no HTTP)"},
	{.name = "timeout", .arg = "SECONDS", .type = OPTION_SECONDS, .at = AT(s.timeout),
	 .min = 1, .max = 600,
	 .help = "how long one try of a file, or a TVS, may take (default 10)"},
	{.name = "tries", .arg = "N", .type = OPTION_UINT, .at = AT(s.tries),
	 .min = 1, .max = 20,
	 .help = "tries of a file over TFTP (default 3)"},
	{.name = "parallel", .arg = "K", .type = OPTION_UINT, .at = AT(s.parallel),
	 .min = 1, .max = FETCH_LANES_MAX,
	 .help = "phones that fetch at once (default 64)"},
	{.name = "tvs", .arg = "HOST[:PORT]", .type = OPTION_TEXTS, .at = AT(s.tvs),
	 .max = TVS_NAMED_MAX,
	 .help = "a TVS that the phones ask; up to 3, in order (port 2445)"},
	{.name = "tls-max", .arg = "V", .type = OPTION_TEXT, .at = AT(s.tls_text),
	 .help = "the newest TLS that the phones speak: 1.0 to 1.3 (default 1.3)"},
	{.name = "https", .arg = "URL", .type = OPTION_TEXT, .at = AT(s.https),
	 .help = "open this service, in place of a command"},
	{.name = "json", .type = OPTION_FLAG, .at = AT(s.json),
	 .help = "one JSON object per phone and line"},
	{.name = "help", .type = OPTION_FLAG, .at = AT(help),
	 .help = "this text"},
	{.name = "version", .type = OPTION_FLAG, .at = AT(version),
	 .help = "the version"},
	{0},
};

static const struct command {
	const char *name;
	enum rc (*run)(const struct settings *s, int *code, struct err *e);
	const char *help;
} commands[] = {
	{"reset", phones_reset, "fetch and decide as phones do after a reset"},
	{"show", phones_show, "what the phones hold, and their last status line"},
	{"erase", phones_erase, "delete the phones' lists, as by hand"},
};

static void usage(FILE *to)
{
	(void)fputs("usage: itlphone [options] COMMAND | itlphone [options] --https URL\n\ncommands:\n", to);
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		(void)fprintf(to, "  %-24s %s\n", commands[i].name,
			      commands[i].help);
	(void)fputs("\noptions:\n", to);
	options_help(to, options);
}

static enum rc read_mac(struct settings *s, struct err *e)
{
	uint8_t mac[6];

	if (strlen(s->mac_text) != 12 || !hex_read(s->mac_text, mac, sizeof mac))
		return err_set(e, RC_USAGE, "options", "is not 12 hex digits",
			       "see --help", "--mac %s", s->mac_text);
	s->mac = 0;
	for (size_t i = 0; i < sizeof mac; i++)
		s->mac = s->mac << 8 | mac[i];
	if (s->mac + (s->count - 1) > MAC_MAX)
		return err_set(e, RC_USAGE, "options",
			       "leaves no room for so many phones", NULL,
			       "--mac %s --count %u", s->mac_text, s->count);
	return RC_OK;
}

static enum rc run(int argc, char **argv, int *code, struct err *e)
{
	struct arguments a = {
		.s = {.state = ".", .mac_text = "001122330000", .count = 1,
		      .tftp_port = 69, .timeout = 10, .tries = 3,
		      .parallel = 64, .tls_text = "1.3"},
	};
	int words;

	*code = 0;
	if (options_read(argc, argv, options, &a, &words, e))
		return e->rc;
	if (a.help || a.version) {
		if (a.help)
			usage(stdout);
		else
			(void)puts("itlphone " ITLKEEPER_VERSION);
		return RC_OK;
	}
	if (argc - words != (a.s.https ? 0 : 1))
		return err_set(e, RC_USAGE, "itlphone",
			       a.s.https ? "--https stands in place of a command"
					 : "give one command",
			       "see --help", "%s",
			       argc > words ? argv[argc - 1] : "the command line");
	if (read_mac(&a.s, e))
		return e->rc;
	if (a.s.https)
		return phones_https(&a.s, code, e);
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (!strcmp(commands[i].name, argv[words]))
			return commands[i].run(&a.s, code, e);
	return err_set(e, RC_USAGE, "itlphone", "no such command",
		       "reset, show or erase", "%s", argv[words]);
}

int main(int argc, char **argv)
{
	struct err e = {0};
	char text[1200];
	int code = 0;
	enum rc rc = run(argc, argv, &code, &e);

	if (rc == RC_OK && (fflush(stdout) != 0 || ferror(stdout)))
		rc = err_errno(&e, RC_ERROR, "write", NULL, "standard output");
	if (rc == RC_OK)
		return code;
	(void)fprintf(stderr, "itlphone: %s\n", err_text(&e, text, sizeof text));
	return err_exit_code(rc);
}
