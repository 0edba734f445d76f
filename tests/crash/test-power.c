/*
 * The power goes at any fsync of keyd or front during a reset of four nodes: what
 * the disk had then is copied, and the service is started from each copy, with the
 * nodes as they were then, or as they are after the reset.
 */
#include "control.h"
#include "base/num.h"
#include "base/sock.h"
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_COPIES 400

static struct crash world;
static char *pages;

/* ---- copying: a thread that each sync waits for ---- */

static struct {
	pthread_t thread;
	int listener, stop;
	size_t n; /* copies, DIR/copies/0 and so on */
} copier;

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *fmt, ...)
{
	char command[4 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* State and nodes, as they are at this moment: nobody writes meanwhile. */
static void copy_all(void)
{
	pid_t keyd = crash_pid(&world, "keyd"), front = crash_pid(&world, "front");

	if (keyd)
		(void)kill(keyd, SIGSTOP);
	if (front)
		(void)kill(front, SIGSTOP);
	/* carry goes on meanwhile: a file of its own may be gone when cp comes to it. */
	shell("mkdir '%s/copies/%zu' && cd '%s' && cp -a state copies/%zu/ && "
	      "{ cp -a n1 n2 n3 n4 copies/%zu/ || true; }",
	      world.dir, copier.n, world.dir, copier.n, copier.n);
	copier.n++;
	if (keyd)
		(void)kill(keyd, SIGCONT);
	if (front)
		(void)kill(front, SIGCONT);
}

static void *copier_run(void *arg)
{
	struct pollfd p[] = {{.fd = copier.listener, .events = POLLIN},
			     {.fd = copier.stop, .events = POLLIN}};
	struct err e;

	(void)arg;
	while (poll(p, 2, -1) > 0 && !p[1].revents) {
		int fd = -1;

		if (sock_accept(copier.listener, &fd, &e) != RC_OK || fd < 0)
			continue;
		if (copier.n < MAX_COPIES)
			copy_all();
		(void)close(fd); /* it goes on */
	}
	return NULL;
}

static void copier_start(void)
{
	char path[PATH_MAX];
	struct err e;

	(void)snprintf(path, sizeof path, "%s/socket", pages);
	assert_ok(sock_listen(path, 0666, &copier.listener, &e), &e);
	copier.stop = eventfd(0, EFD_CLOEXEC);
	shell("mkdir '%s/copies'", world.dir);
	assert_int_equal(pthread_create(&copier.thread, NULL, copier_run, NULL), 0);
}

static void ask_for_copies(int ask)
{
	atomic_store(&control_of[KEYD]->ask, ask);
	atomic_store(&control_of[FRONT]->ask, ask);
}

static void copier_stop(void)
{
	(void)!eventfd_write(copier.stop, 1);
	assert_int_equal(pthread_join(copier.thread, NULL), 0);
	(void)close(copier.stop);
	(void)close(copier.listener);
}

/* ---- */

static struct found copy_of(const struct found *f)
{
	struct found c = *f;

	c.bytes = malloc(f->n);
	assert_non_null(c.bytes);
	memcpy(c.bytes, f->bytes, f->n);
	return c;
}

/* Start from copy i; nodes_too: they lost power as well. */
static bool one_round(size_t i, bool nodes_too, const struct found *old)
{
	struct found none[CRASH_NODES] = {0};
	char nodes[32] = "after";

	crash_kill_all(&world);
	if (nodes_too)
		(void)snprintf(nodes, sizeof nodes, "copies/%zu", i);
	shell("cd '%s' && rm -rf state && cp -a copies/%zu/state state", world.dir, i);
	/* Not the folders themselves: the TFTP servers stand in them. */
	for (unsigned n = 1; n <= CRASH_NODES; n++)
		shell("cd '%s' && find n%u -mindepth 1 -delete && cp -a %s/n%u/. n%u/",
		      world.dir, n, nodes, n, n);
	found_clear(&world.standing);
	world.standing = copy_of(old);
	crash_launch(&world);
	crash_settle(&world);
	return crash_check(&world, none);
}

static void power_goes(void **state)
{
	uint64_t seed = support_seed();
	struct found none[CRASH_NODES] = {0}, old = copy_of(&world.standing);
	bool all = getenv("ITLKEEPER_LONG") != NULL, was_new = false;
	size_t rounds = 0, news = 0, few = 6;

	(void)state;
	ask_for_copies(1);
	crash_begin(&world);
	crash_wait(&world);
	crash_settle(&world);
	ask_for_copies(0);
	copier_stop();
	assert_true(crash_check(&world, none));
	shell("cd '%s' && mkdir after && cp -a n1 n2 n3 n4 after/", world.dir);
	print_message("%zu copies\n", copier.n);
	assert_true(copier.n > 10);
	for (size_t i = 0; i < copier.n; i++) {
		bool nodes_too = support_random(&seed) & 1, new;

		/* The first is from before the first step, the last from behind all. */
		if (!all && i > 0 && i < copier.n - 1 &&
		    support_random(&seed) % copier.n >= few)
			continue;
		new = one_round(i, nodes_too, &old);
		print_message("copy %zu, %s: the %s list\n", i,
			      nodes_too ? "nodes as then" : "nodes as they are now",
			      new ? "new" : "old");
		/* What was wanted once stays wanted. */
		assert_true(new || !was_new);
		was_new = new;
		rounds++;
		news += new;
	}
	assert_true(news > 0 && news < rounds);
	found_clear(&old);
}

static int start(void **state)
{
	(void)state;
	control_open(&pages);
	crash_start(&world, control_programs(pages));
	copier_start();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	crash_stop(&world);
	control_close(pages);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_goes),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
