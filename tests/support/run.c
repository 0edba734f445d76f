#include "support/support.h"
#include "support/run.h"
#include <stdio.h>
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
