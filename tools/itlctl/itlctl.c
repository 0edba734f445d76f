#include "itlctl/line.h"
#include "itlctl/prompt.h"
#include "base/proc.h"
#include "base/wipe.h"
#include <locale.h>

/* Options that mean something without a command: for all lines to come. */
#define FOR_LINES                                                              \
	(OPT_BIT(OPT_CONFIG) | OPT_BIT(OPT_NODE) | OPT_BIT(OPT_JSON) |         \
	 OPT_BIT(OPT_YES) | OPT_BIT(OPT_PASSWORD_FILE) |                       \
	 OPT_BIT(OPT_SECURITY_PASSWORD_FILE))

int main(int argc, char **argv)
{
	struct session s = {.out = stdout, .err = stderr};
	const char *const *args = (const char *const *)(argv + 1);
	struct line line;
	struct err e;
	option_set given;

	(void)setlocale(LC_CTYPE, ""); /* libedit; dates and numbers stay "C" */
	if (wipe_openssl(&e) != RC_OK || proc_harden(&e) != RC_OK)
		return ctl_error(&s, false, &e);
	if (line_parse(argc - 1, args, &line, &e) != RC_OK)
		return ctl_error(&s, line_wants_json(argc - 1, args), &e);
	given = options_given(&line.opt);
	if (line.nwords || given & (OPT_BIT(OPT_HELP) | OPT_BIT(OPT_VERSION)))
		return ctl_run(&s, argc - 1, args);
	if (given & ~FOR_LINES) {
		err_set(&e, RC_USAGE, "options", "they need a command",
			"itlctl --help lists all of them", "the command line");
		return ctl_error(&s, line.opt.value[OPT_JSON] != NULL, &e);
	}
	s.opt = line.opt;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return prompt_run(&s);
	return prompt_script(&s, stdin);
}
