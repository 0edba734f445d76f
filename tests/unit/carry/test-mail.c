/* carry sends mail: to a real server, and to servers that refuse. */
#include "support/server.h"
#include "support/sshd.h"
#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/address.h"
#include "carry/run.h"
#include <arpa/inet.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define USER "itlkeeper"
#define PASSWORD "mail-password"
#define MESSAGE "Subject: test\n\n.a line\r\nand one\n"
#define SENT "Subject: test\r\n\r\n.a line\r\nand one\r\n"

static char program[PATH_MAX];

static int start(void **state)
{
	struct err e;

	assert_ok(proc_sibling("carry", program, sizeof program, &e), &e);
	*state = support_tmpdir();
	return 0;
}

static int stop(void **state)
{
	support_tmpdir_remove(*state);
	return 0;
}

struct mail {
	char url[100];
	const char *from, *to, *user, *password, *ca;
	bool starttls;
	int seconds;
};

static enum rc send_mail(const struct mail *m, struct err *e)
{
	struct secret CLEANUP(secret_free) *s = NULL;
	struct carry_job j = CARRY_JOB(.program = program,
				       .content = bytes_of_text(MESSAGE),
				       .seconds = 20);

	if (m->password) {
		assert_ok(secret_new(strlen(m->password), &s, e), e);
		memcpy(s->p, m->password, s->n);
	}
	j.password = s;
	j.job = json_pack("{s:s, s:s, s:s, s:[s, s], s:s?, s:b, s:b, s:s?, s:i}", "do",
			  "mail", "url", m->url, "from",
			  m->from ? m->from : "front@example.net", "to",
			  m->to ? m->to : "ops@example.net", "boss@example.net", "user",
			  m->user, "password", s != NULL, "starttls", m->starttls, "ca",
			  m->ca, "seconds", m->seconds ? m->seconds : 10);
	return carry_run(&j, NULL, NULL, e);
}

static void assert_stored(const char *dir, const char *name)
{
	uint8_t CLEANUP_FREE *text = NULL;
	char path[4200];
	struct err e;
	size_t n;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_read(path, 10000, &text, &n, &e), &e);
	assert_string_equal((char *)text,
			    "front@example.net to ops@example.net boss@example.net\n\n" SENT);
}

static void servers(void **state)
{
	enum { TLS = 1, CA = 2, LOGIN = 4, WRONG = 8, BY_NUMBER = 16, NO_FILE = 32 };
	static const struct {
		const char *server;
		int with;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"", 0, RC_OK, ""},
		{"starttls", TLS | CA, RC_OK, ""},
		{"starttls login", TLS | CA | LOGIN, RC_OK, ""},
		{"starttls login", TLS | CA | WRONG, RC_REFUSED,
		 "refused the user or the password"},
		{"starttls login", TLS | CA, RC_ERROR, "530"},
		{"starttls", TLS, RC_VERIFY, "certificate"},
		{"starttls", TLS | CA | BY_NUMBER, RC_VERIFY, "certificate"},
		{"starttls", TLS | NO_FILE, RC_USAGE, "cannot be read"},
		{"starttls", 0, RC_ERROR, "530"},
		{"", TLS, RC_REFUSED, "offers no STARTTLS"},
		{"refuse", 0, RC_ERROR, "550"},
		{"reject", 0, RC_ERROR, "did not take the message"},
	};
	struct err e;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct mail m = {.starttls = rows[i].with & TLS};
		char dir[300], ca[310];
		struct smtpd d;
		enum rc rc;

		snprintf(dir, sizeof dir, "%s/%zu", (char *)*state, i);
		assert_ok(file_make_dir(dir, 0700, (uid_t)-1, 0, &e), &e);
		smtpd_start(&d, dir, rows[i].server);
		snprintf(ca, sizeof ca, "%s/ca.pem", dir);
		snprintf(m.url, sizeof m.url, "smtp://%s:%u",
			 rows[i].with & BY_NUMBER ? "127.0.0.1" : "localhost", d.port);
		m.ca = rows[i].with & CA	? ca
		       : rows[i].with & NO_FILE ? "/nonexistent/ca.pem"
						: NULL;
		if (rows[i].with & (LOGIN | WRONG)) {
			m.user = USER;
			m.password = rows[i].with & LOGIN ? PASSWORD : "another";
		}
		rc = send_mail(&m, &e);
		smtpd_stop(&d);
		print_message("%s: %s\n", rows[i].server, rc == RC_OK ? "sent" : e.why);
		assert_int_equal(rc, rows[i].rc);
		if (rc == RC_OK)
			assert_stored(dir, "1");
		else
			assert_non_null(strstr(e.why, rows[i].says));
		assert_true(rc == RC_OK || e.hint[0]);
		snprintf(ca, sizeof ca, "%s/1", dir);
		assert_int_equal(access(ca, F_OK) == 0, rc == RC_OK);
	}
}

static void nobody(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct mail m = {.seconds = 1};
	struct err e;

	(void)state;
	snprintf(m.url, sizeof m.url, "smtp://127.0.0.1:%u", port_unused(SOCK_STREAM));
	assert_int_equal(send_mail(&m, &e), RC_STALE);
	assert_non_null(strstr(e.why, "nobody answers"));
	snprintf(m.url, sizeof m.url, "smtp://no-such-host.invalid:25");
	assert_int_equal(send_mail(&m, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "no address"));
	/* The kernel answers, and nobody else. */
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	snprintf(m.url, sizeof m.url, "smtp://127.0.0.1:%u", ntohs(a.sin_port));
	assert_int_equal(send_mail(&m, &e), RC_STALE);
	assert_non_null(strstr(e.why, "in time"));
	close(fd);
}

static void not_a_job(void **state)
{
	static const struct mail rows[] = {
		{.url = "http://localhost:1"},
		{.url = "smtps://localhost:1"},
		{.url = "file:///etc/passwd"},
		{.url = "smtp://u:hunter2@localhost:1"},
		{.url = "smtp://u@localhost:1"},
		{.url = "smtp://localhost:1?x"},
		{.url = ""},
		{.url = "SMTP://localhost:1"},
		{.url = "smtp://localhost"},
		{.url = "smtp://[::1:1"},
		{.url = "smtp://localhost:1", .from = "a b@c"},
		{.url = "smtp://localhost:1", .from = "localpart"},
		{.url = "smtp://localhost:1", .to = "a@[192.0.2.1]"},
		{.url = "smtp://localhost:1", .from = ""},
		{.url = "smtp://localhost:1", .to = "a@b\r\nRCPT TO:<c@d>"},
		{.url = "smtp://localhost:1", .to = "a@b> SIZE=1"},
		{.url = "smtp://localhost:1", .to = "\303\244@b"},
		{.url = "smtp://localhost:1", .user = "u"},
		{.url = "smtp://localhost:1", .password = "p", .starttls = true},
		{.url = "smtp://localhost:1", .user = "u", .password = "p"},
		{.url = "smtp://localhost:1", .seconds = -1},
	};
	char text[1200];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(send_mail(&rows[i], &e), RC_USAGE);
		print_message("%s\n", err_text(&e, text, sizeof text));
		assert_null(strstr(text, "hunter2"));
	}
}

static void longest_address(void **state)
{
	char a[CARRY_ADDRESS_MAX + 2];

	(void)state;
	memset(a, 'a', sizeof a - 1);
	a[sizeof a - 1] = '\0';
	memcpy(a, "a@", 2);
	assert_false(carry_address_is_plain(a, CARRY_ADDRESS_MAX + 1));
	assert_true(carry_address_is_plain(a, CARRY_ADDRESS_MAX));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(servers),
		TEST(nobody),
		TEST(not_a_job),
		cmocka_unit_test(longest_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
