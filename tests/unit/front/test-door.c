/* The door: who may ask, what is understood, and peers that misbehave. */
#include "base/file.h"
#include "base/proc.h"
#include "fake-keyd.h"
#include "fixture.h"
#include "support/manual.h"
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static int start(void **state)
{
	struct fixture *f;

	if (geteuid() != 0)
		return 0;
	fake_keyd_start();
	f = fixture_new("");
	f->conf.per_user = 8;
	f->conf.silent_seconds = 2;
	*state = f;
	fixture_front(f, true);
	return 0;
}

/* This thread alone: the kernel names the peer by its effective ids. */
static void be(uid_t uid)
{
	assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
	if (uid)
		assert_int_equal(syscall(SYS_setresgid, -1, uid, -1), 0);
	else
		assert_int_equal(syscall(SYS_setresgid, -1, 0, -1), 0);
	assert_int_equal(syscall(SYS_setgroups, 0, NULL), 0);
	if (uid)
		assert_int_equal(syscall(SYS_setresuid, -1, uid, -1), 0);
}

static int reach(struct fixture *f)
{
	char path[CLUSTER_PATH_MAX];
	struct err e;
	int fd = -1;

	cluster_path(f->cluster, PATH_FRONT_SOCKET, path);
	assert_ok(sock_connect(path, &fd, &e), &e);
	return fd;
}

static json_t *receive(int fd)
{
	static char buf[SOCK_MESSAGE_MAX];
	struct err e;
	size_t n = 0;

	if (sock_recv(fd, buf, sizeof buf, &n, NULL, 0, &e) != RC_OK)
		return NULL;
	return json_loadb(buf, n, 0, NULL);
}

static json_t *say(int fd, const void *text, size_t n)
{
	struct err e;

	assert_ok(sock_send(fd, bytes_of(text, n), -1, 0, &e), &e);
	return receive(fd);
}

/* The category of what the door answers: "result", or the error's rc. */
static void assert_says(json_t *answer, const char *rc, const char *why)
{
	json_t *error = json_object_get(answer, "error");
	const char *got = error ? json_string_value(json_object_get(error, "rc"))
				: json_object_get(answer, "result") ? "result" : "nothing";

	if (error)
		print_message("  %s\n", json_string_value(json_object_get(error, "why")));
	assert_string_equal(got, rc);
	if (why)
		assert_non_null(strstr(json_string_value(json_object_get(error, "why")),
				       why));
	json_decref(answer);
}

static void test_who(void **state)
{
	static const struct {
		const char *request;
		bool all;
	} rows[] = {
		{"{\"do\":\"status\"}", true},
		{"{\"do\":\"list\",\"node\":\"n1\"}", true},
		{"{\"do\":\"certs\"}", true},
		{"{\"do\":\"services\"}", true},
		{"{\"do\":\"init-plan\"}", true},
		{"{\"do\":\"backups\"}", true},
		{"{\"do\":\"alerts\"}", true},
		{"{\"do\":\"trust\"}", true},
		{"{\"do\":\"trust-plan\"}", false},
		{"{\"do\":\"trust-set\"}", false},
		{"{\"do\":\"backup-proved\"}", false},
		{"{\"do\":\"backup-removed\"}", false},
		{"{\"do\":\"vault-check\"}", false},
		{"{\"do\":\"alerts-check\"}", false},
		{"{\"do\":\"reset-plan\",\"how\":\"localkey\",\"node\":\"n1\"}", false},
		{"{\"do\":\"generate\",\"unit\":\"CAPF\",\"ticket\":\"00\"}", false},
		{"{\"do\":\"generate-plan\",\"unit\":\"CAPF\"}", false},
		{"{\"do\":\"key-remove\"}", false},
		{"{\"do\":\"ctl-update\",\"node\":\"n1\"}", false},
		{"{\"do\":\"node-check\"}", false},
		{"{\"do\":\"rollback-plan\",\"node\":\"n1\"}", false},
		{"{\"do\":\"rollback\",\"node\":\"n1\"}", false},
		{"{\"do\":\"conf-check\",\"sha256\":\"00\"}", false},
		{"{\"do\":\"tftp-restart\",\"node\":\"n1\"}", false},
		{"{\"do\":\"reset-preview\",\"node\":\"n1\"}", false},
		{"{\"do\":\"reset\",\"node\":\"n1\"}", false},
		{"{\"do\":\"sign\",\"node\":\"n1\"}", false},
	};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *answer, *error;
		const char *why;
		int fd;

		be(NOBODY);
		fd = reach(f);
		be(0);
		answer = say(fd, rows[i].request, strlen(rows[i].request));
		error = json_object_get(answer, "error");
		why = json_string_value(json_object_get(error, "why"));
		print_message("%s\n", rows[i].request);
		assert_int_equal(why && strstr(why, "only root and the cluster's group"),
				 !rows[i].all);
		json_decref(answer);
		close(fd);
	}
	assert_int_equal(f->bounces[0], 0);
}

static void test_not_understood(void **state)
{
	static char big[100000];
	struct {
		const char *text;
		size_t n;
		const char *rc, *why;
	} rows[] = {
		{"{", 0, "usage", "'}' expected"}, /* jansson's words */
		{"[]", 0, "usage", "no JSON object"},
		{"7", 0, "usage", ""},
		{"\xff\xfe", 0, "usage", ""},
		{"{\"do\":\"status\"} x", 0, "usage", ""},
		{"{\"do\":\"status\",\"do\":\"reset\"}", 0, "usage", "duplicate"},
		{"{\"do\":\"statuss\"}", 0, "usage", "no such request"},
		{"{\"do\":7}", 0, "usage", ""},
		{"{\"do\":\"status\",\"node\":\"n1\"}", 0, "usage", "node"},
		{"{\"do\":\"list\"}", 0, "usage", "missing"},
		{"{\"do\":\"list\",\"node\":{}}", 0, "usage", "missing"},
		{"{\"do\":\"tftp-restart\",\"node\":\"n1\",\"force\":\"no\"}", 0, "usage",
		 "true or false"},
		{"{\"do\":\"tftp-restart\",\"node\":\"n1\",\"ticket\":\"00\"}", 0, "usage",
		 "64 hex digits"},
		{"{\"do\":\"reset\",\"node\":\"n1\",\"how\":\"localkey\"}", 0, "usage",
		 "timestamp"},
		{"{\"do\":\"backups\",\"all\":true}", 0, "usage", "all"},
		{"{\"do\":\"alerts\",\"all\":true}", 0, "usage", "all"},
		{"{\"do\":\"vault-check\",\"vault\":\"main\"}", 0, "usage", "vault"},
		{"{\"do\":\"alerts-check\",\"now\":1}", 0, "usage", "now"},
		{"{\"do\":\"trust\",\"all\":true}", 0, "usage", "all"},
		{"{\"do\":\"trust-plan\",\"all\":true}", 0, "usage", "all"},
		{"{\"do\":\"trust-set\",\"base\":null}", 0, "usage", "timestamp"},
		{"{\"do\":\"backup-proved\",\"vault\":\"/v\"}", 0, "usage", "name"},
		{"{\"do\":\"backup-removed\",\"vault\":\"/v\",\"name\":\"x\"}", 0,
		 "not-found", "no such backup"},
		{"{\"do\":\"backup-removed\",\"vault\":\"v\",\"name\":\"x\"}", 0, "usage",
		 "neither"},
		{big, sizeof big, "usage", "too long"},
		{"{\"do\":\"status\"}", 0, "result", NULL}, /* the same connection */
	};
	struct fixture *f = *state;
	int fd;

	NEEDS_ROOT(state);
	memset(big, '[', sizeof big);
	fd = reach(f);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].text);

		print_message("%.60s\n", rows[i].text);
		assert_says(say(fd, rows[i].text, n), rows[i].rc, rows[i].why);
	}
	close(fd);
}

static void test_limits(void **state)
{
	static const char status[] = "{\"do\":\"status\"}";
	struct fixture *f = *state;
	struct err e = {0};
	int fds[8];

	NEEDS_ROOT(state);
	for (size_t i = 0; i < 8; i++) {
		fds[i] = reach(f);
		assert_says(say(fds[i], status, sizeof status - 1), "result", NULL);
	}
	int ninth = reach(f);

	assert_says(receive(ninth), "busy", "too many connections");
	close(ninth);
	assert_null(fixture_ask(f, json_pack("{s:s}", "do", "status"), &e));
	assert_int_equal(e.rc, RC_BUSY);
	be(NOBODY); /* another user has room of its own */
	ninth = reach(f);
	be(0);
	assert_says(say(ninth, status, sizeof status - 1), "result", NULL);
	close(ninth);
	/* Those that say nothing are hung up on; then there is room again. */
	for (size_t i = 0; i < 8; i++) {
		assert_null(receive(fds[i]));
		close(fds[i]);
	}
	ninth = reach(f);
	assert_says(say(ninth, status, sizeof status - 1), "result", NULL);
	close(ninth);
}

/* The client library takes a connection up again that front has hung up. */
static void test_client_again(void **state)
{
	struct fixture *f = *state;
	char path[CLUSTER_PATH_MAX];
	struct front *door = NULL;
	json_t *r = NULL, *request = json_pack("{s:s}", "do", "status");
	struct err e;

	NEEDS_ROOT(state);
	cluster_path(f->cluster, PATH_FRONT_SOCKET, path);
	assert_ok(front_open(path, &door, &e), &e);
	sleep(3); /* silent-seconds and one more */
	assert_ok(front_call(door, request, NULL, NULL, &r, &e), &e);
	json_decref(r);
	json_decref(request);
	front_free(door);
	assert_int_equal(front_open("/nonexistent/front.sock", &door, &e), RC_STALE);
}

/* An answer of more than one message arrives whole. */
static void test_long_answer(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;
	char *text;

	NEEDS_ROOT(state);
	for (int i = 0; i < 94; i++)
		fake_keyd_renew(UNIT_CAPF, "test10");
	r = fixture_ask(f, json_pack("{s:s}", "do", "certs"), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 100);
	text = json_dumps(r, JSON_COMPACT);
	assert_true(strlen(text) > SOCK_MESSAGE_MAX / 2);
	free(text);
	json_decref(r);
}

/* ---- two at once, and a client that vanishes ---- */

static json_t *order(struct fixture *f)
{
	struct err e = {0};
	json_t *p = fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "reset-plan",
					     "how", "localkey", "node", "n1"), &e);
	json_t *o;

	assert_ok(p ? RC_OK : e.rc, &e);
	o = json_pack("{s:s, s:s, s:s, s:O, s:O, s:s}", "do", "reset", "how", "localkey",
		      "node", "n1", "timestamp", json_object_get(p, "timestamp"),
		      "source_sha1", json_object_get(p, "source_sha1"), "ticket",
		      fake_ticket);
	json_decref(p);
	return o;
}

static void test_two_resets(void **state)
{
	static const char *const nodes[] = {"n1", "n2"};
	struct fixture *f = *state;
	struct err e = {0};
	json_t *o, *r, *status, *op, *node;
	char *text;
	int fd;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < 2; i++) {
		r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "tftp-restart", "node",
					     nodes[i]), &e);
		assert_ok(r ? RC_OK : e.rc, &e);
		json_decref(r);
	}
	o = order(f);
	text = json_dumps(o, JSON_COMPACT);
	__atomic_store_n(&fake_keyd.slow, true, __ATOMIC_SEQ_CST);
	fd = reach(f);
	assert_ok(sock_send(fd, bytes_of_text(text), -1, 0, &e), &e);
	while (!__atomic_load_n(&fake_keyd.resets, __ATOMIC_SEQ_CST))
		usleep(1000);

	/* The second is told whose runs, and since when. */
	assert_null(fixture_ask(f, json_incref(o), &e));
	assert_int_equal(e.rc, RC_BUSY);
	assert_non_null(strstr(e.why, "reset of root (uid 0) runs since 20"));
	assert_null(fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "reset-plan", "how",
					     "localkey", "node", "n1"), &e));
	assert_int_equal(e.rc, RC_BUSY);
	assert_null(fixture_ask(f, json_pack("{s:s, s:s}", "do", "tftp-restart", "node",
					     "n2"), &e));
	assert_int_equal(e.rc, RC_BUSY);
	status = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e);
	op = json_object_get(status, "op");
	assert_string_equal(json_string_value(json_object_get(op, "who")), "root (uid 0)");
	json_decref(status);

	/* The first one's client leaves; the reset does not. */
	close(fd);
	__atomic_store_n(&fake_keyd.slow, false, __ATOMIC_SEQ_CST);
	while (store_op_idle(f->service->store, "reset", &e) != RC_OK)
		usleep(1000);
	for (int i = 0; i < 2; i++) {
		node = fixture_node(f, i);
		op = json_object_get(node, "have");
		assert_string_equal(json_string_value(json_object_get(op, "kind")),
				    "reset");
		json_decref(node);
	}
	assert_int_equal(fake_keyd.resets, 1);
	json_decref(o);
	free(text);
}

/* front -n, as an administrator runs it. */
static int check(const char *dir)
{
	char program[PATH_MAX], command[2 * PATH_MAX];
	struct err e;

	assert_ok(proc_sibling("front", program, sizeof program, &e), &e);
	snprintf(command, sizeof command, "%s -n --config %s", program, dir);
	int status = system(command);

	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void put_text(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	out = fopen(path, "w");
	fputs(text, out);
	fclose(out);
}

static void test_check(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	assert_int_equal(check(f->dir), 0);
	assert_int_equal(check("/nonexistent"), 2);
	put_text(f->dir, "vault.conf", "[vault main]\ntarget = /srv/vault\n");
	assert_int_equal(check(f->dir), 0);
	put_text(f->dir, "vault.conf", "[vault main]\ntarget = nowhere\n");
	assert_int_equal(check(f->dir), 2);
	put_text(f->dir, "vault.conf", "");
	put_text(f->dir, "front.conf", "[door]\nper-user = many\n");
	assert_int_equal(check(f->dir), 2);
}

#define MAIL                                                                   \
	"[alerts]\nmail-server = smtp://h:25\nmail-from = a@b\nmail-to = c@d\n"

struct conf_case {
	const char *text;
	enum rc rc;
	unsigned connections;
	const char *says;
};

static void check_confs(const struct conf_case *rows, size_t n)
{
	char *dir = support_tmpdir();
	struct front_conf c;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		put_text(dir, "front.conf", rows[i].text);
		print_message("%s\n", rows[i].text);
		assert_int_equal(front_conf_read(dir, &c, &e), rows[i].rc);
		if (rows[i].rc == RC_OK) {
			assert_int_equal(c.connections, rows[i].connections);
			front_conf_clear(&c);
		} else
			assert_non_null(strstr(e.what, rows[i].says));
		/* A password that was written here by mistake is not repeated. */
		assert_null(strstr(e.what, "secret"));
	}
	support_tmpdir_remove(dir);
}

/* front.conf: what a file may leave out, and what it may not say. */
static void test_conf(void **state)
{
	static const struct conf_case rows[] = {
		{"", RC_OK, 64, ""},
		{"[door]\nconnections = 7\n", RC_OK, 7, ""},
		{"[nodes]\nretry-seconds = 5\n", RC_OK, 64, ""},
		{"[door]\nconnection = 7\n", RC_USAGE, 0, "front.conf:2"},
		{"[door]\nconnections = 0\n", RC_USAGE, 0, "front.conf:2"},
		{"\n[windows]\na = b\n", RC_USAGE, 0, "front.conf:3"},
		{"[door x]\nconnections = 7\n", RC_USAGE, 0, "front.conf:2"},
	};
	char *dir = support_tmpdir();
	struct front_conf c;
	struct err e;

	(void)state;
	assert_ok(front_conf_read(dir, &c, &e), &e); /* no file at all */
	assert_int_equal(c.silent_seconds, 60);
	assert_int_equal(c.retry_seconds, 5);
	assert_string_equal(c.syslog, "/dev/log");
	assert_true(c.mail_starttls);
	assert_null(c.mail_server);
	front_conf_clear(&c);
	support_tmpdir_remove(dir);
	check_confs(rows, sizeof rows / sizeof *rows);
}

static void test_conf_alerts(void **state)
{
	static const struct conf_case rows[] = {
		{"[alerts]\nsyslog = /run/log\n", RC_OK, 64, ""},
		{"[alerts]\nsyslog = log\n", RC_USAGE, 0, "front.conf:2: syslog"},
		{"[alerts]\nsyslog = /0123456789012345678901234567890123456789012345"
		 "67890123456789012345678901234567890123456789012345678901234567890123\n",
		 RC_USAGE, 0, "front.conf:2: syslog"},
		{MAIL, RC_OK, 64, ""},
		{MAIL "mail-user = u\nmail-password = file:/p\nmail-ca = /ca\n", RC_OK, 64, ""},
		{"[alerts]\nmail-to = c@d\n", RC_OK, 64, ""}, /* not in use */
		{"[alerts]\nmail-server = smtp://h:25\n", RC_USAGE, 0, "mail-from"},
		{"[alerts]\nmail-server = h:25\n", RC_USAGE, 0, "front.conf:2: mail-server"},
		{"[alerts]\nmail-server = smtp://h\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://:25\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://h:0\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://h:65536\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://u:p@h:25\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://h:25/x\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtps://h:25\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://[::1:25\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://h\033:25\n", RC_USAGE, 0, "mail-server"},
		{"[alerts]\nmail-server = smtp://[2001:db8::1]:25\nmail-from = a@b\n"
		 "mail-to = c@d\n", RC_OK, 64, ""},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = a b@c\n", RC_USAGE, 0,
		 "front.conf:3: mail-from"},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = @c\n", RC_USAGE, 0,
		 "mail-from"},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = a@\n", RC_USAGE, 0,
		 "mail-from"},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = a@b\nmail-to = c@d, e@f,g@h\n",
		 RC_OK, 64, ""},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = a@b\nmail-to = c@d,\n",
		 RC_USAGE, 0, "front.conf:4: mail-to"},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = a@b\nmail-to = <c@d>\n",
		 RC_USAGE, 0, "mail-to"},
		{"[alerts]\nmail-server = smtp://h:25\nmail-from = a@b\nmail-to = "
		 "a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b\n",
		 RC_USAGE, 0, "mail-to"},
		{MAIL "mail-user = u\n", RC_USAGE, 0, "mail-password"},
		{MAIL "mail-password = file:/p\n", RC_USAGE, 0, "mail-password"},
		{MAIL "mail-user = u\nmail-password = secret\n", RC_USAGE, 0, "mail-password"},
		{MAIL "mail-user = u\nmail-password = file:/p\nmail-starttls = no\n", RC_USAGE,
		 0, "front.conf:7: mail-starttls"},
		{MAIL "mail-starttls = no\n", RC_OK, 64, ""},
	};

	(void)state;
	check_confs(rows, sizeof rows / sizeof *rows);
}

static void test_man_page(void **state)
{
	uint8_t CLEANUP_FREE *page = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(file_read(MAN_PAGE, 1 << 20, &page, &n, &e), &e);
	manual_has_keys((char *)page, "\n.Ss Section [door]", "\n.Ss Section [nodes]",
			front_door_rows);
	manual_has_keys((char *)page, "\n.Ss Section [nodes]", "\n.Ss Section [alerts]",
			front_node_rows);
	manual_has_keys((char *)page, "\n.Ss Section [alerts]", "\n.Sh FILES",
			front_alert_rows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, fixture_stop)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_conf_alerts), cmocka_unit_test(test_man_page),
		TEST(test_who),
		TEST(test_not_understood),   TEST(test_limits),
		TEST(test_client_again),     TEST(test_long_answer),
		TEST(test_two_resets),	     TEST(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
