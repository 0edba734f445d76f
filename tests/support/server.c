#include "support/server.h"
#include "support/support.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_TRIES 100 /* of 100 ms each */

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

unsigned port_unused(int type)
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_return_code(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_return_code(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	assert_return_code(pid, 0);
	if (pid == 0) {
		/* A test that crashes leaves no server behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)!freopen("/dev/null", "w", stderr);
		(void)!freopen("/dev/null", "w", stdout);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

/* True when a TFTP server answers at all, be it "no such file". */
static bool tftp_answers(unsigned port)
{
	static const char ask[] = "\0\1no-such-file\0octet";
	struct sockaddr_in a = loopback(port);
	struct timeval wait = {.tv_usec = 100000};
	char answer[600];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool got;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	got = sendto(fd, ask, sizeof ask, 0, (struct sockaddr *)&a, sizeof a) > 0 &&
	      recv(fd, answer, sizeof answer, 0) > 0;
	close(fd);
	return got;
}

static bool http_answers(unsigned port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool got = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

	close(fd);
	return got;
}

static void wait_ready(const struct server *s, bool (*answers)(unsigned port))
{
	for (int i = 0; i < READY_TRIES; i++) {
		if (answers(s->port))
			return;
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	fail_msg("the server on port %u does not answer", s->port);
}

/* The options and the folder, ended by NULL. */
static struct server in_tftpd(unsigned port, char *const *rest)
{
	struct server s = {.port = port ? port : port_unused(SOCK_DGRAM)};
	char address[32], *argv[10] = {"/usr/sbin/in.tftpd", "--foreground",
				       "--address", address, "--secure"};

	(void)snprintf(address, sizeof address, "127.0.0.1:%u", s.port);
	for (size_t i = 5; *rest; i++)
		argv[i] = *rest++;
	s.pid = start(argv);
	wait_ready(&s, tftp_answers);
	return s;
}

struct server server_tftp(const char *folder, unsigned port)
{
	return in_tftpd(port, (char *[]){(char *)folder, NULL});
}

struct server server_tftp_map(const char *folder, const char *map)
{
	return in_tftpd(0, (char *[]){"--map-file", (char *)map, (char *)folder,
				      NULL});
}

struct server server_http(const char *folder)
{
	struct server s = {.port = port_unused(SOCK_STREAM)};
	char port[16];

	(void)snprintf(port, sizeof port, "%u", s.port);
	s.pid = start((char *[]){"python3", "-m", "http.server", "--bind",
				 "127.0.0.1", "--directory", (char *)folder,
				 port, NULL});
	wait_ready(&s, http_answers);
	return s;
}

struct server server_https(const char *pem)
{
	struct server s = {.port = port_unused(SOCK_STREAM)};
	char address[32];

	(void)snprintf(address, sizeof address, "127.0.0.1:%u", s.port);
	s.pid = start((char *[]){"openssl", "s_server", "-accept", address, "-cert",
				 (char *)pem, "-key", (char *)pem, "-www", "-quiet",
				 "-cipher", "DEFAULT@SECLEVEL=0", NULL});
	wait_ready(&s, http_answers);
	return s;
}

void server_stop(struct server *s)
{
	if (s->pid <= 0)
		return;
	assert_return_code(kill(s->pid, SIGTERM), 0);
	assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
	s->pid = 0;
}
