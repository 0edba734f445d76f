#include "base/log.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "itlkeeper";

void log_open(const char *program)
{
	log_program = program;
}

static void line(int priority, const char *fmt, va_list ap)
{
	char text[1400], out[1500];
	int n;

	(void)vsnprintf(text, sizeof text, fmt, ap);
	n = snprintf(out, sizeof out, "<%d>%s: %s\n", priority, log_program,
		     text_flatten(text));
	if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
		return; /* nowhere left to say so */
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(6, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(4, fmt, ap);
	va_end(ap);
}

static void error_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(3, fmt, ap);
	va_end(ap);
}

void log_error(const char *event, const struct err *e)
{
	char text[1200];

	err_text(e, text, sizeof text);
	for (char *s = text; (s = strchr(s, '"')); s++)
		*s = '\'';
	error_line("event=%s rc=%s msg=\"%s\"", event, rc_name(e->rc), text);
}
