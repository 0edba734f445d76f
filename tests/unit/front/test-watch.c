/* Alerts: simulated clocks, a syslog of our own, a fake keyd, a real mail server. */
#include "alerting.h"
#include "base/file.h"
#include "support/sshd.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- by which clock ---- */

static void test_clocks(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	NEEDS_ROOT(state);
	assert_int_equal(look(f, BACKUP), 1); /* the thread's, or this look's */
	assert_memory_equal(heard_last, "<187>", 5); /* local7, error */
	assert_non_null(strstr(heard_last, "itlkeeper: %UC_CERT-3-" BACKUP ": %[Message="
				     "ITLRecovery/test10/1 is not backed up: it was never "
				     "backed up; run `itlvault backup`][AppID=Cisco "
				     "Certificate Monitor][ClusterID=test10]"
				     "[NodeID=test10pub]: "));
	assert_int_equal(look(f, BACKUP), 0);
	fixture_pass(f, DAY - 1);
	assert_int_equal(look(f, BACKUP), 0);
	restart(f); /* does not reset the day */
	assert_int_equal(look(f, BACKUP), 0);
	fixture_pass(f, 1);
	assert_int_equal(look(f, BACKUP), 1);
	a = alert(f, BACKUP);
	assert_int_equal(json_integer_value(json_object_get(a, "times")), 2);
	assert_int_equal(json_integer_value(json_object_get(a, "severity")), 3);
	assert_int_equal(json_integer_value(json_object_get(a, "sent")), f->wall);
	assert_int_equal(json_integer_value(json_object_get(a, "since")), f->wall - DAY);
	json_decref(a);

	fixture_set_back(f, 10 * HOUR); /* it was sent in the future */
	assert_int_equal(look(f, BACKUP), 1);
	assert_int_equal(look(f, BACKUP), 0);
	fixture_pass(f, 20 * HOUR);
	fixture_set_back(f, 19 * HOUR); /* still behind the sending */
	assert_int_equal(look(f, BACKUP), 0);
	fixture_pass(f, 4 * HOUR - 1); /* 5 hours by the wall, a day by the other */
	assert_int_equal(look(f, BACKUP), 0);
	fixture_pass(f, 1);
	assert_int_equal(look(f, BACKUP), 1);
	f->wall += 3 * DAY; /* set forward: once */
	assert_int_equal(look(f, BACKUP), 1);
	assert_int_equal(look(f, BACKUP), 0);
	fixture_set_back(f, 3 * DAY);
	restart(f); /* and back again while it did not run */
	assert_int_equal(look(f, BACKUP), 1);
}

/* ---- what starts and ends the backup's alert ---- */

static void test_backup_done(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	assert_int_equal(look(f, BACKUP), 1);
	back_up(f, NEWEST, "one");
	assert_false(stands(f, BACKUP)); /* at once */
	fixture_pass(f, 29 * DAY);
	assert_int_equal(look(f, BACKUP), 0);
	fixture_pass(f, 2 * DAY); /* no check finds it: no vault is configured */
	assert_int_equal(look(f, "neither proved nor checked for 30 days"), 1);
	fixture_set_back(f, 31 * DAY); /* keyd goes by the machine's clock */
	back_up(f, NEWEST, "one");
	assert_false(stands(f, BACKUP));

	fake_keyd.security++; /* the password was changed */
	assert_int_equal(look(f, "password has changed"), 1);
	assert_int_equal(look(f, BACKUP), 0);
	back_up(f, LATER, "two");
	assert_false(stands(f, BACKUP));

	/* A new key has none; nobody needs to ask for a look. */
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:b}", "do", "generate", "unit",
				     "ITLRecovery", "ticket", fake_ticket, "regenerate", 1), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	assert_int_equal(heard("older recovery key"), 1);
	back_up(f, LATER, "three");
	assert_false(stands(f, BACKUP));

	/* The backup that counted is taken away. */
	char folder[256];

	objects_folder(f, folder);
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "backup-removed", "vault",
				     folder, "name", LATER), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	assert_int_equal(heard(BACKUP), 1);
}

/* Nobody can say: what stood, stands, daily; what did not, does not begin. */
static void test_keyd_away(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	NEEDS_ROOT(state);
	assert_int_equal(look(f, BACKUP), 1);
	fake_keyd.away = true;
	assert_int_equal(look(f, BACKUP), 0);
	assert_true(stands(f, BACKUP));
	restart(f);
	fixture_pass(f, DAY);
	assert_int_equal(look(f, "it was never backed up"), 1);
	r = ask(f, "backups");
	assert_true(json_is_null(json_object_get(r, "key")));
	assert_true(json_is_object(json_object_get(r, "error")));
	assert_true(json_is_false(json_object_get(r, "good")));
	json_decref(r);
	fake_keyd.away = false;
	back_up(f, NEWEST, "one");
	fake_keyd.away = true;
	fixture_pass(f, DAY);
	assert_int_equal(look(f, BACKUP), 0);
}

/* ---- certificates ---- */

static void test_certificates(void **state)
{
	struct fixture *f = *state;
	struct keyd_key *keys = NULL;
	struct err e;
	int64_t end;
	struct tm tm;
	size_t n = 0;

	NEEDS_ROOT(state);
	assert_ok(keyd_keys(NULL, &keys, &n, &e), &e);
	assert_int_equal(n, 6);
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(keys[0].cert), &tm), 1);
	end = timegm(&tm) + 60; /* the others were made within the minute */
	keyd_keys_free(keys, n);

	fixture_pass(f, end - 91 * DAY - f->wall);
	assert_int_equal(look(f, "own-cert"), 0);
	fixture_pass(f, DAY);
	assert_int_equal(look(f, "%UC_CERT-5-CertExpiryApproaching: "), 6);
	fixture_pass(f, 59 * DAY);
	assert_int_equal(look(f, "own-cert"), 0); /* once */
	fixture_pass(f, DAY);
	assert_int_equal(look(f, "%UC_CERT-4-CertValidLessThanAMonth: "), 6);
	restart(f);
	assert_int_equal(look(f, "own-cert"), 0);
	fixture_pass(f, 23 * DAY);
	assert_int_equal(look(f, "%UC_CERT-3-CertValidLessThanAWeek: "), 6);
	fixture_pass(f, DAY - 1);
	assert_int_equal(look(f, "own-cert"), 0);
	fixture_pass(f, 1); /* daily */
	assert_int_equal(look(f, "CertValidLessThanAWeek"), 6);
	fixture_pass(f, 5 * DAY);
	assert_int_equal(look(f, "%UC_CERT-1-CertValidLessThanADay: "), 6);
	fixture_pass(f, HOUR); /* hourly */
	assert_int_equal(look(f, "CertValidLessThanADay"), 6);
	fake_keyd.away = true; /* what the token said last is enough */
	fixture_pass(f, HOUR);
	assert_int_equal(look(f, "CertValidLessThanADay"), 6);
	fake_keyd.away = false;
	fixture_pass(f, DAY);
	assert_int_equal(look(f, "%UC_CERT-0-CertExpired: "), 6);
	assert_memory_equal(heard_last, "<184>", 5); /* local7, emergency */
	fixture_pass(f, HOUR);
	assert_int_equal(look(f, "CertExpired"), 6);

	/* Of a renewed one it ends (the new one has expired, too, by this clock). */
	assert_true(stands(f, "CertExpired/TVS/n2/1"));
	fake_keyd_renew(UNIT_TVS, "n2");
	assert_int_equal(look(f, "CertExpired"), 1);
	assert_false(stands(f, "CertExpired/TVS/n2/1"));
	assert_true(stands(f, "CertExpired/TVS/n2/2"));

	/* Of a node that is not in cluster.conf there is none. */
	fake_keyd_renew(UNIT_TVS, "n7");
	assert_int_equal(look(f, "CertExpired"), 0);
	assert_false(stands(f, "CertExpired/TVS/n7/1"));
}

/* ---- a syslog that is not there, or does not read ---- */

static json_t *failure(struct fixture *f, const char *of)
{
	json_t *r = ask(f, "alerts-check"), *found = json_incref(json_object_get(r, of));

	json_decref(r);
	return found;
}

static void test_no_syslog(void **state)
{
	struct fixture *f = *state;
	json_t *a, *failed;

	NEEDS_ROOT(state);
	failed = failure(f, "syslog");
	assert_string_equal(json_string_value(json_object_get(failed, "op")), "syslog");
	json_decref(failed);
	a = alert(f, BACKUP);
	assert_int_equal(json_integer_value(json_object_get(a, "sent")), 0);
	json_decref(a);
	restart(f);
	json_decref(ask(f, "alerts-check"));
	listen_syslog(f); /* later, and nothing is lost */
	assert_int_equal(look(f, BACKUP), 1);
	failed = failure(f, "syslog");
	assert_true(json_is_null(failed));
	json_decref(failed);
	a = alert(f, BACKUP);
	assert_int_equal(json_integer_value(json_object_get(a, "times")), 1);
	json_decref(a);
}

static void test_syslog_full(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct fixture *f = *state;
	json_t *failed;
	int fd;

	NEEDS_ROOT(state);
	assert_int_equal(look(f, BACKUP), 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memcpy(at.sun_path, f->syslog, strlen(f->syslog) + 1);
	while (sendto(fd, "noise", 5, 0, (struct sockaddr *)&at, sizeof at) == 5)
		continue;
	assert_int_equal(errno, EAGAIN);
	close(fd);
	fixture_pass(f, DAY);
	failed = failure(f, "syslog"); /* it did not wait */
	assert_string_equal(json_string_value(json_object_get(failed, "name")), "EAGAIN");
	json_decref(failed);
	assert_int_equal(heard(BACKUP), 0);
	assert_int_equal(look(f, BACKUP), 1);
}

/* ---- e-mail ---- */

/* The n-th message that the server took, or NULL: not yet. free() it. */
static char *mail_at(const char *dir, int n)
{
	uint8_t *text = NULL;
	char path[300];
	struct err e;
	size_t len;

	snprintf(path, sizeof path, "%s/%d", dir, n);
	return file_read(path, 1 << 20, &text, &len, &e) == RC_OK ? (char *)text : NULL;
}

static char *wait_mail(const char *dir, int n)
{
	char *text;

	while (!(text = mail_at(dir, n)))
		usleep(5000);
	return text;
}

static void put_password(const char *path, const char *password)
{
	struct err e;

	assert_ok(file_replace(path, bytes_of_text(password), 0600, &e), &e);
}

/* A server that wants STARTTLS and a login; first with a wrong password. */
static void test_mail(void **state)
{
	static const char *const holds[] = {
		"itl@lab to ops@lab boss@lab\n", "\nDate: ", "\nFrom: itl@lab\r\n",
		"\nTo: ops@lab, boss@lab\r\n",
		"\nSubject: [itlkeeper test10] " BACKUP "\r\n",
		"\nMessage-ID: <", "@test10pub>\r\n", "text/plain",
		"\r\n\r\n%UC_CERT-3-" BACKUP ": %[Message=ITLRecovery/test10/1 is not",
	};
	char dir[256], server[64], password[300], secret[320], ca[300], *text;
	struct fixture *f = *state;
	struct smtpd smtpd;
	struct err e;
	json_t *failed, *a;

	NEEDS_ROOT(state);
	assert_int_equal(look(f, BACKUP), 1); /* without mail, however late it starts */
	fixture_front(f, false);
	snprintf(dir, sizeof dir, "%s/mail", f->dir);
	assert_ok(file_make_dir(dir, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	smtpd_start(&smtpd, dir, "starttls login");
	snprintf(server, sizeof server, "smtp://localhost:%u", smtpd.port);
	snprintf(password, sizeof password, "%s/password", f->dir);
	snprintf(secret, sizeof secret, "file:%s", password);
	snprintf(ca, sizeof ca, "%s/ca.pem", dir);
	f->conf.mail_server = server;
	f->conf.mail_from = (char *)(uintptr_t)"itl@lab";
	f->conf.mail_to = (char *)(uintptr_t)"ops@lab, boss@lab";
	f->conf.mail_user = (char *)(uintptr_t)"itlkeeper";
	f->conf.mail_password = secret;
	f->conf.mail_ca = ca;
	f->conf.mail_starttls = true;
	put_password(password, "wrong\n");
	fixture_pass(f, DAY);
	fixture_front(f, true);
	assert_int_equal(look(f, BACKUP), 1); /* whatever becomes of the mail */
	while (failed = failure(f, "mail"), json_is_null(failed)) {
		json_decref(failed);
		usleep(5000);
	}
	print_message("%s\n", json_string_value(json_object_get(failed, "why")));
	assert_string_equal(json_string_value(json_object_get(failed, "rc")), "refused");
	json_decref(failed);

	put_password(password, "mail-password\n");
	fixture_pass(f, 599);
	assert_int_equal(look(f, BACKUP), 0);
	usleep(300000);
	assert_null(mail_at(dir, 1)); /* not before ten minutes have passed */
	fixture_pass(f, 1);
	assert_int_equal(look(f, BACKUP), 0); /* syslog has it already */
	text = wait_mail(dir, 1);
	for (size_t i = 0; i < sizeof holds / sizeof *holds; i++)
		if (!strstr(text, holds[i]))
			fail_msg("the message has no \"%s\": %s", holds[i], text);
	free(text);
	while (failed = failure(f, "mail"), !json_is_null(failed)) {
		json_decref(failed);
		usleep(5000);
	}
	a = alert(f, BACKUP); /* one alert, however many were told */
	assert_int_equal(json_integer_value(json_object_get(a, "times")), 2);
	json_decref(a);
	assert_null(mail_at(dir, 2));

	/* The next day again; and without syslog, too. */
	fd_close(log_fd);
	log_fd = -1;
	(void)unlink(f->syslog);
	fixture_pass(f, DAY);
	json_decref(ask(f, "alerts-check"));
	free(wait_mail(dir, 2));
	smtpd_stop(&smtpd);
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, alerting_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_clocks, alerting_start),
		TEST(test_backup_done, alerting_start),
		TEST(test_keyd_away, alerting_start),
		TEST(test_certificates, alerting_start),
		TEST(test_no_syslog, alerting_start_silent),
		TEST(test_syslog_full, alerting_start),
		TEST(test_mail, alerting_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
