#include "support/support.h"
#include "run.h"
#include "base/file.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define OUTPUT_MAX (4u << 20)

char *run(int *code, const char *fmt, ...)
{
	char command[8192], *out = malloc(OUTPUT_MAX);
	va_list ap;
	FILE *f;
	size_t n;
	int status;

	va_start(ap, fmt);
	assert_true(vsnprintf(command, sizeof command, fmt, ap) <
		    (int)sizeof command);
	va_end(ap);
	assert_non_null(out);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(out, 1, OUTPUT_MAX - 1, f);
	out[n] = '\0';
	status = pclose(f);
	assert_true(WIFEXITED(status));
	*code = WEXITSTATUS(status);
	return out;
}

void check_man_page(const char *program, const char *page)
{
	int code, rows = 0;
	char *help = run(&code, "%s --help", program), *save = NULL;
	char word[64], entry[80];
	uint8_t *text = NULL;
	size_t n;
	struct err e;

	assert_int_equal(code, 0);
	assert_ok(file_read(page, 1 << 20, &text, &n, &e), &e);
	for (char *l = strtok_r(help, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		if (sscanf(l, "  %63s", word) != 1 || strncmp(l, "  ", 2) != 0)
			continue;
		(void)snprintf(entry, sizeof entry, "%s%s",
			       word[0] == '-' ? ".It Fl " : ".It Cm ",
			       word[0] == '-' ? word + 1 : word);
		if (!strstr((char *)text, entry))
			fail_msg("%s: no \"%s\"", page, entry);
		rows++;
	}
	assert_true(rows > 5);
	free(text);
	free(help);
}
