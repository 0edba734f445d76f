/* A real keyd, and peers who send all that they can: nobody ends it, nobody shuts
 * the others out, and the log does not grow. */
#include "recovery.h"
#include "base/num.h"
#include "keyd/intent.h"
#include <grp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define USERS 15 /* with root, all that keyd lets in */
#define EACH 8   /* connections of a user, and frames of a connection */
#define MEMBER_UID 64100u

static struct keyd_passwords pw;

/* Half of what keyd has of locked memory where it is installed. (Under a sanitizer
 * nothing is locked.) */
static int start(void **state)
{
	const struct rlimit limit = {4 << 20, 4 << 20};

	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	(void)peer_start(state);
	pw = live_passwords();
	return 0;
}

/* A member of the group, or tvs. */
static int dial(bool member, uid_t i)
{
	struct err e;
	int fd = -1;

	live_be(&live, LIVE_ROOT);
	if (member) {
		assert_int_equal(setgroups(1, &live.group), 0);
		assert_int_equal(seteuid(MEMBER_UID + i), 0);
	} else {
		live_be(&live, LIVE_TVS);
	}
	assert_ok(sock_connect(live.keyd_socket, &fd, &e), &e);
	live_be(&live, LIVE_ROOT);
	return fd;
}

static void expect_answers(int fd, enum rc rc)
{
	static uint8_t answer[SOCK_MESSAGE_MAX];
	struct reader r;
	unsigned got;
	uint32_t id;
	struct err e;
	size_t n;

	for (int i = 0; i < EACH; i++) {
		assert_ok(sock_wait(fd, 20000, &e), &e);
		assert_ok(sock_recv(fd, answer, sizeof answer, &n, NULL, 0, &e), &e);
		r = reader_of(bytes_of(answer, n));
		assert_true(wire_header_read(&r, &got, &id));
		assert_int_equal(got, rc);
	}
	close(fd);
}

static void floods(void **state)
{
	static const struct {
		const char *name;
		bool member;
		unsigned what;
		enum rc rc;
		size_t entries; /* at most */
	} rows[] = {
		{"imports of members", true, KEYD_IMPORT, RC_USAGE, USERS},
		{"passwords of members", true, KEYD_PASSWORD, RC_USAGE, 0},
		{"imports of tvs", false, KEYD_IMPORT, RC_REFUSED, SIZE_MAX},
		{"secrets of tvs", false, KEYD_TLS_DECRYPT, RC_USAGE, SIZE_MAX},
	};
	const struct keyd_intent intent = keyd_intent_ctl(1);
	struct keyd *k = client();

	(void)state;
	for (size_t row = 0; row < COUNT_OF(rows); row++) {
		struct frame *f = frame_of(rows[row].what);
		size_t entries = status().audit_entries;
		uint8_t ticket[KEYD_TICKET_LEN];
		int fds[USERS * EACH];
		struct err e;

		print_message("  %s\n", rows[row].name);
		memset(f->bytes + KEYD_HEADER_LEN, 0xff, KEYD_SECRET_MAX);
		for (uid_t i = 0; i < COUNT_OF(fds); i++)
			fds[i] = dial(rows[row].member, i / EACH);
		for (int round = 0; round < EACH; round++)
			for (size_t i = 0; i < COUNT_OF(fds); i++)
				assert_ok(sock_send(fds[i],
						    bytes_of(f->bytes, KEYD_SECRET_MAX),
						    -1, 0, &e), &e);
		/* meanwhile root has his ticket */
		assert_ok(keyd_ticket(k, pw.admin, &intent, ticket, &e), &e);
		for (size_t i = 0; i < COUNT_OF(fds); i++)
			expect_answers(fds[i], rows[row].rc);
		assert_int_equal(waitpid(live.keyd, NULL, WNOHANG), 0);
		/* and one for the ticket */
		assert_true(status().audit_entries - entries <=
			    (rows[row].entries == SIZE_MAX ? SIZE_MAX
							   : rows[row].entries + 1));
	}
	keyd_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floods),
	};

	return cmocka_run_group_tests(tests, start, peer_stop);
}
