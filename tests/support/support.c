#include "support/support.h"
#include "base/file.h"
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void support_assert_ok(enum rc rc, const struct err *e, const char *file, int line)
{
	char text[1200];

	if (rc == RC_OK)
		return;
	print_error("%s:%d: %s\n", file, line, err_text(e, text, sizeof text));
	_fail(file, line);
}

uint8_t *support_data(const char *name, size_t *n)
{
	char path[4096];
	uint8_t *out = NULL;
	struct err e;

	assert_true(snprintf(path, sizeof path, "%s/%s", SUPPORT_DATA, name) <
		    (int)sizeof path);
	assert_ok(file_read(path, 1 << 24, &out, n, &e), &e);
	return out;
}

char *support_tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char path[4096];

	assert_true(snprintf(path, sizeof path, "%s/itlkeeper-test.XXXXXX",
			     base ? base : "/tmp") < (int)sizeof path);
	assert_non_null(mkdtemp(path));
	return strdup(path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

void support_tmpdir_remove(char *path)
{
	if (path)
		assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(path);
}

int support_lingering(int *listener)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger linger = {1, 30};
	static char data[1 << 20];
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && *listener >= 0);
	assert_int_equal(bind(*listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(*listener, 1), 0);
	assert_int_equal(getsockname(*listener, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, data, sizeof data) > 0)
		continue;
	return fd;
}

uint64_t support_seed(void)
{
	const char *given = getenv("ITLKEEPER_SEED");
	struct timespec t;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &t);
	seed = given ? strtoull(given, NULL, 0)
		     : (uint64_t)t.tv_sec * 1000000007u + (uint64_t)t.tv_nsec;
	print_message("seed: ITLKEEPER_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

uint64_t support_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

size_t support_rounds(size_t full)
{
	return getenv("ITLKEEPER_LONG") ? full : full / 10;
}
