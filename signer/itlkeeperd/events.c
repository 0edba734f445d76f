#include "events.h"
#include "base/proc.h"
#include <math.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum rc events_catch_signals(int *fd, struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd >= 0 ? RC_OK
			: err_errno(e, RC_ERROR, "signalfd", NULL, "signals");
}

bool events_stop(int fd)
{
	struct signalfd_siginfo s;
	bool stop = false;

	while (read(fd, &s, sizeof s) == (ssize_t)sizeof s)
		stop = stop || s.ssi_signo != SIGCHLD;
	return stop;
}

int events_poll(struct pollfd *fds, size_t n, double deadline)
{
	double left = deadline - proc_now();
	int ms = -1;

	if (isfinite(deadline)) /* rounded up, so that it is past when we wake */
		ms = left <= 0 ? 0 : (int)(left * 1000) + 1;
	return poll(fds, (nfds_t)n, ms);
}
