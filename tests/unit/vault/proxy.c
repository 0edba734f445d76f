#include "proxy.h"
#include "support/support.h"
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool pass(int from, int to, size_t max, size_t *n)
{
	char buf[4096];
	ssize_t r = read(from, buf, max < sizeof buf ? max : sizeof buf), at = 0;

	while (at < r) {
		ssize_t w = send(to, buf + at, (size_t)(r - at), MSG_NOSIGNAL);

		if (w <= 0)
			return false;
		at += w;
	}
	*n = r > 0 ? (size_t)r : 0;
	return r > 0;
}

static int dial(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One connection, until an end closes it, or the limit. */
static void relay(struct proxy *p, int client, int server)
{
	enum { CLIENT, SERVER, WAKE };
	struct pollfd f[] = {[CLIENT] = {.fd = client, .events = POLLIN},
			     [SERVER] = {.fd = server, .events = POLLIN},
			     [WAKE] = {.fd = p->wake[0], .events = POLLIN}};
	size_t limit = p->limit, sent = 0, n;
	bool dead = false;

	while (poll(f, 3, -1) > 0 && !f[WAKE].revents) {
		if (dead) {
			if (f[CLIENT].revents & (POLLHUP | POLLERR | POLLRDHUP))
				break;
			continue;
		}
		if (f[SERVER].revents && !pass(server, client, 4096, &n))
			break;
		if (!f[CLIENT].revents)
			continue;
		if (!pass(client, server, limit ? limit - sent : 4096, &n))
			break;
		sent += n;
		p->sent = sent;
		if (limit && sent == limit && !p->stall)
			break;
		dead = limit && sent == limit;
		if (dead) {
			f[CLIENT].events = POLLRDHUP;
			f[SERVER].fd = -1;
		}
	}
}

static void *serve(void *arg)
{
	struct proxy *p = arg;
	struct pollfd f[] = {{.fd = p->listener, .events = POLLIN},
			     {.fd = p->wake[0], .events = POLLIN}};

	while (poll(f, 2, -1) > 0 && !f[1].revents) {
		int client = accept(p->listener, NULL, NULL);
		int server = dial(p->target);

		if (server >= 0)
			relay(p, client, server);
		close(client);
		close(server);
	}
	return NULL;
}

void proxy_start(struct proxy *p, unsigned target)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;

	*p = (struct proxy){.target = target};
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(p->listener, 8), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(pipe(p->wake), 0);
	p->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

void proxy_stop(struct proxy *p)
{
	assert_int_equal(write(p->wake[1], "", 1), 1);
	pthread_join(p->thread, NULL);
	close(p->wake[0]);
	close(p->wake[1]);
	close(p->listener);
}
