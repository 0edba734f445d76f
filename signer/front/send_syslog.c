#include "base/num.h"
#include "send.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define LOCAL7 (23 << 3)

enum rc send_syslog(const char *path, int severity, int64_t now,
		    const char *line, struct err *e)
{
	int CLEANUP(fd_close) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char text[ALERT_LINE_MAX + 64], when[24];
	time_t t = (time_t)now;
	struct tm tm;
	int n;

	/* RFC 3164, as syslog(3) writes it: the local service adds the host. */
	(void)strftime(when, sizeof when, "%b %e %H:%M:%S", localtime_r(&t, &tm));
	n = snprintf(text, sizeof text, "<%d>%s itlkeeper: %s", LOCAL7 | severity,
		     when, line);
	if (n < 0 || n >= num_int(sizeof text) ||
	    strlen(path) >= sizeof to.sun_path)
		return err_set(e, RC_ERROR, "syslog", "too long", NULL, "%s",
			       path);
	strcpy(to.sun_path, path);
	if (fd < 0 || sendto(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (struct sockaddr *)&to, sizeof to) != n)
		return err_errno(e, RC_STALE, "syslog",
				 "does the syslog service run? it is tried again every minute",
				 "%s", path);
	return RC_OK;
}
