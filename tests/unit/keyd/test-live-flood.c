/* A real keyd, and peers who send all that they can: nobody ends it, nobody shuts
 * the others out, and the log does not grow. */
#include "recovery.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/itl.h"
#include "keyd/intent.h"
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define USERS 15 /* with root, all that keyd lets in */
#define EACH 8   /* connections of a user, and frames of a connection */
#define MEMBER_UID 64100u
#define OF_TVS 80 /* connections that keyd leaves to tvs */

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
		size_t n = rows[row].member ? COUNT_OF(fds) : OF_TVS;
		struct err e;

		print_message("  %s\n", rows[row].name);
		memset(f->bytes + KEYD_HEADER_LEN, 0xff, KEYD_SECRET_MAX);
		for (uid_t i = 0; i < n; i++)
			fds[i] = dial(rows[row].member, i / EACH);
		for (int round = 0; round < EACH; round++)
			for (size_t i = 0; i < n; i++)
				assert_ok(sock_send(fds[i],
						    bytes_of(f->bytes, KEYD_SECRET_MAX),
						    -1, 0, &e), &e);
		/* meanwhile root has his ticket */
		assert_ok(keyd_ticket(k, pw.admin, &intent, ticket, &e), &e);
		for (size_t i = 0; i < n; i++)
			expect_answers(fds[i], rows[row].rc);
		assert_int_equal(waitpid(live.keyd, NULL, WNOHANG), 0);
		/* and one for the ticket */
		assert_true(status().audit_entries - entries <=
			    (rows[row].entries == SIZE_MAX ? SIZE_MAX
							   : rows[row].entries + 1));
	}
	keyd_free(k);
}

/* A tvs that was taken over takes all connections that it can have: front, members and
 * root have theirs all the same. */
static void tvs_takes_all(void **state)
{
	static const enum live_who others[] = {LIVE_FRONT, LIVE_ADMIN, LIVE_ROOT};
	int fds[300];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial(false, 0);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_int_equal(ask_frame(others[i], frame_of(KEYD_STATUS), &e), RC_OK);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
}

static struct frame *handshake(void)
{
	struct frame *f = frame_of(KEYD_TLS_SIGN);
	uint8_t message[100] = {0};

	memcpy(message + 64, "\3\0\35\40", 4); /* an X25519 key exchange */
	write_text(&f->w, "TVS/n1/1");
	write_text(&f->w, "SHA256");
	write_u8(&f->w, 0);
	write_bytes32(&f->w, bytes_of(message, sizeof message));
	return f;
}

/* How many answers have come. */
static size_t answers(const int *fds, size_t n)
{
	static uint8_t answer[SOCK_MESSAGE_MAX];
	struct err e;
	size_t all = 0, got;

	for (size_t i = 0; i < n; i++)
		while (sock_recv(fds[i], answer, sizeof answer, &got, NULL, MSG_DONTWAIT,
				 &e) == RC_OK)
			all++;
	return all;
}

/* Who comes when a storm's handshakes lie in the queue is not the last one: half of the
 * work is others'. Not where the storm is over before he came. */
static void storm(void **state)
{
	int fds[OF_TVS];
	size_t done = SIZE_MAX;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial(false, 0);
	for (int round = 0; round < 5 && done > COUNT_OF(fds) * 2; round++) {
		struct frame *f = handshake();

		for (size_t i = 0; i < COUNT_OF(fds) * 4; i++)
			assert_ok(sock_send(fds[i % COUNT_OF(fds)], writer_bytes(&f->w), -1,
					    0, &e), &e);
		assert_int_equal(ask_frame(LIVE_FRONT, frame_of(KEYD_STATUS), &e), RC_OK);
		done = answers(fds, COUNT_OF(fds));
		for (size_t all = done; all < COUNT_OF(fds) * 4;
		     all += answers(fds, COUNT_OF(fds)))
			(void)usleep(1000);
	}
	assert_true(done <= COUNT_OF(fds) * 2);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
}

static struct frame *file(void)
{
	struct frame *f = frame_of(KEYD_SGN);

	write_text(&f->w, "n1");
	write_text(&f->w, "SEP001122334455.cnf.xml");
	write_u8(&f->w, ITL_SHA1);
	write_u32(&f->w, NOW);
	write_bytes32(&f->w, bytes_of_text("content"));
	return f;
}

/* Strangers' handshakes may fill the disk, but for what administrators need: tvs is
 * refused, and so are files; lists are not; with room it goes on by itself. */
static void little_room(void **state)
{
	static const uint8_t fill[1 << 20];
	char *folder = strdup(live.audit_log), other[PATH_MAX];
	enum rc rc = RC_REFUSED;
	uint8_t *list;
	struct err e;
	size_t n;
	int fd;

	(void)state;
	live_kill(&live);
	(void)dirname(folder);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", folder, "tmpfs", 0, "size=4m,mode=0755") != 0)
		skip();
	assert_int_equal(chown(folder, live.keyd_uid, live.group), 0);
	live_keyd(&live);
	assert_int_equal(ask_frame(LIVE_TVS, handshake(), &e), RC_OK);
	assert_ok(file_path(other, sizeof other, folder, "other", &e), &e);
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 3; i++)
		assert_int_equal(write(fd, fill, sizeof fill), sizeof fill);
	assert_true(write(fd, fill, sizeof fill - (128 << 10)) > 0);
	(void)usleep(1100000);
	assert_int_equal(ask_frame(LIVE_TVS, handshake(), &e), RC_REFUSED);
	assert_non_null(strstr(e.what, live.audit_log));
	assert_int_equal(ask_frame(LIVE_FRONT, file(), &e), RC_REFUSED);
	list = own_list("n1", &n);
	free(list);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(other), 0);
	for (int i = 0; i < 100 && rc != RC_OK; i++) {
		(void)usleep(100000);
		rc = ask_frame(LIVE_TVS, handshake(), &e);
	}
	assert_int_equal(rc, RC_OK);
	live_kill(&live);
	assert_int_equal(umount(folder), 0);
	free(folder);
	live_keyd(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floods),
		cmocka_unit_test(tvs_takes_all),
		cmocka_unit_test(storm),
		cmocka_unit_test(little_room), /* the last one: it makes a mount namespace */
	};

	return cmocka_run_group_tests(tests, start, peer_stop);
}
