#include "cluster/program.h"
#include "base/options.h"
#include "cluster/cluster.h"
#include <stddef.h>

#define AT(member) offsetof(struct arguments, member)

struct arguments {
	struct program_options o;
	bool help, version;
};

static const struct option_row options[] = {
	{.name = "config", .arg = "DIR", .type = OPTION_TEXT, .at = AT(o.config),
	 .help = "folder of the configuration (default " CLUSTER_DIR ")"},
	{.name = "check", .letter = 'n', .type = OPTION_FLAG, .at = AT(o.check),
	 .help = "check the configuration and exit"},
	{.name = "help", .type = OPTION_FLAG, .at = AT(help), .help = "this text"},
	{.name = "version", .type = OPTION_FLAG, .at = AT(version),
	 .help = "the version"},
	{0},
};

int program_options(const char *name, int argc, char **argv,
		    struct program_options *out)
{
	struct arguments a = {.o.config = CLUSTER_DIR};
	char text[1200];
	struct err e;

	if (options_read(argc, argv, options, &a, NULL, &e) != RC_OK) {
		(void)fprintf(stderr, "%s: %s\n", name,
			      err_text(&e, text, sizeof text));
		return err_exit_code(e.rc);
	}
	if (a.help) {
		(void)printf("usage: %s [options]\n\noptions:\n", name);
		options_help(stdout, options);
	}
	if (a.version)
		(void)printf("%s %s\n", name, ITLKEEPER_VERSION);
	if (a.help || a.version)
		return 0;
	*out = a.o;
	return -1;
}
