/* The door: who may ask, what is understood, and peers that misbehave. */
#include "base/proc.h"
#include "fake-keyd.h"
#include "fixture.h"
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
		{"{\"do\":\"reset-plan\",\"how\":\"localkey\",\"node\":\"n1\"}", false},
		{"{\"do\":\"generate\",\"unit\":\"CAPF\",\"ticket\":\"00\"}", false},
		{"{\"do\":\"tftp-restart\",\"node\":\"n1\"}", false},
		{"{\"do\":\"reset-preview\",\"node\":\"n1\"}", false},
		{"{\"do\":\"reset\",\"node\":\"n1\"}", false},
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
	static char big[20000];
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
		{"{\"do\":\"reset\",\"node\":\"n1\",\"how\":\"localkey\"}", 0, "usage",
		 "timestamp"},
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

static void test_check(void **state)
{
	struct fixture *f = *state;
	char path[300];
	FILE *out;

	NEEDS_ROOT(state);
	assert_int_equal(check(f->dir), 0);
	assert_int_equal(check("/nonexistent"), 2);
	snprintf(path, sizeof path, "%s/front.conf", f->dir);
	out = fopen(path, "w");
	fputs("[door]\nper-user = many\n", out);
	fclose(out);
	assert_int_equal(check(f->dir), 2);
}

/* front.conf: what a file may leave out, and what it may not say. */
static void test_conf(void **state)
{
	static const struct {
		const char *text;
		enum rc rc;
		unsigned connections;
		const char *says;
	} rows[] = {
		{"", RC_OK, 64, ""},
		{"[door]\nconnections = 7\n", RC_OK, 7, ""},
		{"[nodes]\nretry-seconds = 5\n", RC_OK, 64, ""},
		{"[door]\nconnection = 7\n", RC_USAGE, 0, "front.conf:2"},
		{"[door]\nconnections = 0\n", RC_USAGE, 0, "front.conf:2"},
		{"\n[windows]\na = b\n", RC_USAGE, 0, "front.conf:3"},
		{"[door x]\nconnections = 7\n", RC_USAGE, 0, "front.conf:2"},
	};
	char *dir = support_tmpdir(), path[256];
	struct front_conf c;
	struct err e;

	(void)state;
	assert_ok(front_conf_read(dir, &c, &e), &e); /* no file at all */
	assert_int_equal(c.silent_seconds, 60);
	assert_int_equal(c.retry_seconds, 30);
	snprintf(path, sizeof path, "%s/front.conf", dir);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		FILE *out = fopen(path, "w");

		fputs(rows[i].text, out);
		fclose(out);
		assert_int_equal(front_conf_read(dir, &c, &e), rows[i].rc);
		if (rows[i].rc == RC_OK)
			assert_int_equal(c.connections, rows[i].connections);
		else
			assert_non_null(strstr(e.what, rows[i].says));
	}
	support_tmpdir_remove(dir);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, fixture_stop)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf), TEST(test_who),
		TEST(test_not_understood),   TEST(test_limits),
		TEST(test_client_again),     TEST(test_long_answer),
		TEST(test_two_resets),	     TEST(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
