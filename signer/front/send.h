/* How an alert leaves: to syslog, and by e-mail. */
#ifndef FRONT_SEND_H
#define FRONT_SEND_H

#include "alerts.h"
#include "conf.h"

/*
 * One line to the syslog service that listens at `path`, facility local7. Never
 * waits: RC_STALE if nobody listens, or does not read.
 */
enum rc send_syslog(const char *path, int severity, int64_t now,
		    const char *line, struct err *e) MUST_CHECK;

/* A message: all the lines in one text. Everything is borrowed. */
struct mail {
	const struct front_conf *conf;
	const char *cluster, *host; /* ours; whence the message comes */
	int64_t now;
	const char *subject;
	const char *const *lines;
	size_t n;
};

/* As it goes to the server (RFC 5322); malloc()ed; NULL out of memory. */
char *mail_text(const struct mail *m);

/* Through carry, with a deadline; stop_fd readable: give up. */
enum rc send_mail(const struct mail *m, const char *carry, int stop_fd,
		  struct err *e) MUST_CHECK;

#endif
