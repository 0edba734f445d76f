/*
 * Programs log once, at the top, to standard error: one line of key=value
 * pairs with a syslog priority prefix (sd-daemon(3)) that systemd understands.
 * Libraries never log. Thread-safe: a line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

/* The program's name, first on each line; a literal. */
void log_open(const char *program);

/* fmt makes key=value pairs: log_info("event=start token=\"%s\"", label). */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *event, const struct err *e);

#endif
