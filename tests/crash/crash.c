#include "crash.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "front/client.h"
#include "keyd/wire.h"
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_SECONDS 60.0 /* that anything may take on a busy machine */

static void nap(void)
{
	(void)usleep(5000);
}

static void path_in(const struct crash *c, const char *name, char to[PATH_MAX])
{
	struct err e;

	assert_ok(file_path(to, PATH_MAX, c->dir, name, &e), &e);
}

static void write_file(const struct crash *c, const char *name, const char *text,
		       mode_t mode, uid_t uid)
{
	char path[PATH_MAX];
	struct err e;

	path_in(c, name, path);
	assert_ok(file_replace(path, bytes_of_text(text), mode, &e), &e);
	assert_int_equal(chown(path, uid, (gid_t)-1), 0);
}

static void make_dir(const struct crash *c, const char *name, uid_t uid)
{
	char path[PATH_MAX];
	struct err e;

	path_in(c, name, path);
	assert_ok(file_make_dir(path, 0755, uid, (gid_t)-1, &e), &e);
}

/* ---- making it ---- */

static void configure(struct crash *c)
{
	char text[8192];
	int n;
	struct err e;

	n = snprintf(text, sizeof text,
		     "[cluster]\nname = crash\npublisher = n1\nkey-bits = 1024\n"
		     "domain = lab\norg = cisco\nrun = %s/run\nstate-dir = %s/state\n"
		     "put-seconds = 20\nfetch-seconds = 20\nrestart-seconds = 20\n",
		     c->dir, c->dir);
	for (unsigned i = 0; i < CRASH_NODES; i++)
		n += snprintf(text + n, sizeof text - num_size(n),
			      "[node n%u]\nhost = node%u\naddress = 127.0.0.1\n"
			      "folder = %s/n%u\ntftp-port = %u\nrestart = true\ntvs = no\n",
			      i + 1, i + 1, c->dir, i + 1, c->tftpd[i].port);
	write_file(c, "etc/cluster.conf", text, 0644, 0);
	(void)snprintf(text, sizeof text,
		       "[token]\nmodule = %s\nuri = pkcs11:token=crash\n"
		       "pin = file:%s/pin\nsessions = 2\n",
		       softhsm_module(), c->dir);
	write_file(c, "etc/keyd.conf", text, 0644, 0);
	(void)snprintf(text, sizeof text,
		       "[door]\nper-user = 64\n[nodes]\nretry-seconds = 1\n"
		       "[alerts]\nsyslog = %s/syslog\n", c->dir);
	write_file(c, "etc/front.conf", text, 0644, 0);
	(void)snprintf(text, sizeof text, "%s/etc", c->dir);
	assert_ok(cluster_read(text, &c->cluster, &e), &e);
}

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *fmt, ...)
{
	char command[4 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

/* itlkeeperd finds its programs beside itself, and front finds carry there. */
static void install(const struct crash *c, const char *programs)
{
	static const char *const names[] = {"keyd", "front", "carry"};
	char real[PATH_MAX], name[32], text[2 * PATH_MAX];
	struct err e;

	make_dir(c, "bin", 0);
	assert_ok(proc_sibling("itlkeeperd", real, sizeof real, &e), &e);
	shell("cp '%s' '%s/bin/'", real, c->dir);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_ok(proc_sibling(names[i], real, sizeof real, &e), &e);
		if (!programs) {
			shell("ln -s '%s' '%s/bin/'", real, c->dir);
			continue;
		}
		shell("cp '%s' '%s/bin/%s.real'", real, c->dir, names[i]);
		(void)snprintf(name, sizeof name, "bin/%s", names[i]);
		(void)snprintf(text, sizeof text,
			       "#!/bin/sh\nname=%s real=%s/bin/%s.real\n%s\n",
			       names[i], c->dir, names[i], programs);
		write_file(c, name, text, 0755, 0);
	}
}

/* ---- keyd, asked without its client: the password's derivation would take longer
 * than a reset ---- */

static const uint8_t derived[KEYD_DERIVED_LEN] = "derived";

static enum rc ask_keyd(const struct crash *c, const struct writer *w, uint8_t *out,
			size_t n, struct err *e)
{
	static uint8_t answer[SOCK_MESSAGE_MAX];
	char path[CLUSTER_PATH_MAX];
	int CLEANUP(fd_close) fd = -1;
	struct reader r;
	unsigned rc;
	uint32_t id;
	size_t got;

	cluster_path(c->cluster, PATH_KEYD_SOCKET, path);
	if (sock_connect(path, &fd, e) != RC_OK ||
	    sock_send(fd, writer_bytes(w), -1, 0, e) != RC_OK ||
	    sock_wait(fd, 20000, e) != RC_OK ||
	    sock_recv(fd, answer, sizeof answer, &got, NULL, 0, e) != RC_OK)
		return e->rc;
	r = reader_of(bytes_of(answer, got));
	assert_true(wire_header_read(&r, &rc, &id));
	if (rc != RC_OK) {
		wire_error_read(&r, rc, e);
		return e->rc;
	}
	if (n)
		memcpy(out, read_bytes(&r, n).p, n);
	return RC_OK;
}

static void set_password(const struct crash *c)
{
	static const uint8_t zero[KEYD_DERIVED_LEN];
	uint8_t frame[256];
	struct writer w = writer_of(frame, sizeof frame);
	struct err e;

	wire_header(&w, KEYD_PASSWORD, 1);
	write_u8(&w, 0);
	write_bytes(&w, bytes_of(zero, sizeof zero));
	write_bytes(&w, bytes_of(zero, KEYD_SALT_LEN));
	write_u64(&w, KEYD_OPS_MIN);
	write_u64(&w, KEYD_MEMORY_MIN);
	write_bytes(&w, bytes_of(derived, sizeof derived));
	assert_ok(ask_keyd(c, &w, NULL, 0, &e), &e);
}

static json_t *ticket(const struct crash *c, const struct keyd_intent *intent)
{
	char hex[2 * KEYD_TICKET_LEN + 1];
	uint8_t frame[256], secret[KEYD_TICKET_LEN];
	struct writer w = writer_of(frame, sizeof frame);
	double end = proc_now() + READY_SECONDS;
	struct err e;

	wire_header(&w, KEYD_TICKET, 1);
	write_u8(&w, num_u8(intent->op));
	write_bytes(&w, bytes_of(intent->params, sizeof intent->params));
	write_bytes(&w, bytes_of(derived, sizeof derived));
	while (ask_keyd(c, &w, secret, sizeof secret, &e) == RC_STALE &&
	       proc_now() < end)
		nap(); /* it comes back */
	assert_ok(e.rc == RC_STALE ? e.rc : RC_OK, &e);
	return json_string(hex_of(bytes_of(secret, sizeof secret), hex, sizeof hex));
}

/* ---- front ---- */

json_t *crash_ask(const struct crash *c, json_t *request, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	struct front *door = NULL;
	json_t *result = NULL;

	*e = (struct err){0};
	cluster_path(c->cluster, PATH_FRONT_SOCKET, path);
	if (front_open(path, &door, e) == RC_OK &&
	    front_call(door, request, NULL, NULL, &result, e) != RC_OK)
		result = NULL;
	front_free(door);
	json_decref(request);
	return result;
}

static json_t *must_ask(const struct crash *c, json_t *request)
{
	struct err e;
	json_t *result = crash_ask(c, request, &e);

	assert_ok(result ? RC_OK : e.rc, &e);
	return result;
}

static json_t *generate_request(const struct crash *c, enum unit unit,
				const char *node, bool force)
{
	struct keyd_intent intent = keyd_intent_generate(unit, node);

	return json_pack("{s:s, s:s, s:s?, s:o, s:b, s:b}", "do", "generate", "unit",
			 unit_name(unit), "node", node, "ticket",
			 ticket(c, &intent), "regenerate", force, "force", force);
}

static void generate(const struct crash *c, enum unit unit, const char *node)
{
	json_decref(must_ask(c, generate_request(c, unit, node, false)));
}

static void make_keys_and_lists(struct crash *c)
{
	char node[16];

	for (enum unit u = 0; u < UNIT_COUNT; u++) {
		if (!unit_is_of_node(u))
			generate(c, u, NULL);
		for (unsigned i = 1; unit_is_of_node(u) && i <= CRASH_NODES; i++) {
			(void)snprintf(node, sizeof node, "n%u", i);
			generate(c, u, node);
		}
	}
	for (unsigned i = 1; i <= CRASH_NODES; i++) {
		(void)snprintf(node, sizeof node, "n%u", i);
		json_decref(must_ask(c, json_pack("{s:s, s:s}", "do", "tftp-restart",
						  "node", node)));
	}
}

void crash_start(struct crash *c, const char *programs)
{
	uid_t keyd_uid, front_uid;
	char name[32], path[PATH_MAX];
	struct err e;
	gid_t g;

	*c = (struct crash){.timestamp = (uint32_t)time(NULL) - 1500};
	if (geteuid() != 0)
		fail_msg("this test needs root: the design's users are real");
	assert_ok(proc_user("itlkeeper-keyd", &keyd_uid, &g, &e), &e);
	assert_ok(proc_user("itlkeeper-front", &front_uid, &g, &e), &e);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	c->dir = support_tmpdir();
	assert_int_equal(chmod(c->dir, 0711), 0);
	softhsm_start(&c->hsm, "crash");
	shell("chown -R %u '%s'", keyd_uid, c->hsm.dir);
	make_dir(c, "etc", 0);
	install(c, programs);
	for (unsigned i = 0; i < CRASH_NODES; i++) {
		(void)snprintf(name, sizeof name, "n%u", i + 1);
		make_dir(c, name, front_uid);
		path_in(c, name, path);
		c->tftpd[i] = server_tftp(path, 0);
	}
	configure(c);
	write_file(c, "pin", SOFTHSM_PIN "\n", 0400, keyd_uid);
	crash_launch(c);
	set_password(c);
	make_keys_and_lists(c);
	/* From now on all nodes serve one list. */
	c->standing = crash_folder(c, 0);
	crash_begin(c);
	crash_wait(c);
	crash_settle(c);
	found_clear(&c->standing);
	c->standing = crash_folder(c, 0);
}

void crash_stop(struct crash *c)
{
	crash_kill_all(c);
	for (size_t i = 0; i < CRASH_NODES; i++)
		server_stop(&c->tftpd[i]);
	found_clear(&c->standing);
	cluster_free(c->cluster);
	softhsm_stop(&c->hsm);
	support_tmpdir_remove(c->dir);
	*c = (struct crash){0};
}

/* ---- life and death ---- */

static void wait_ready(const struct crash *c)
{
	double end = proc_now() + READY_SECONDS;
	struct err e = {0};
	json_t *status = NULL;

	while (!status && proc_now() < end) {
		status = crash_ask(c, json_pack("{s:s}", "do", "status"), &e);
		if (status && json_object_get(json_object_get(status, "keyd"), "error")) {
			json_decref(status);
			status = NULL;
		}
		if (!status)
			nap();
	}
	assert_ok(status ? RC_OK : RC_ERROR, &e);
	json_decref(status);
}

void crash_launch(struct crash *c)
{
	char program[PATH_MAX], etc[PATH_MAX], log[PATH_MAX];

	path_in(c, "bin/itlkeeperd", program);
	path_in(c, "etc", etc);
	path_in(c, "log", log);
	(void)memset(c->restarts, 0, sizeof c->restarts);
	c->launcher = fork();
	assert_return_code(c->launcher, 0);
	if (c->launcher == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen(log, "a", stderr);
		(void)!freopen("/dev/null", "w", stdout);
		execl(program, "itlkeeperd", "--config", etc, (char *)NULL);
		_exit(127);
	}
	wait_ready(c);
}

/* The children of all threads of a process: at most cap. */
static size_t children(pid_t pid, pid_t *out, size_t cap)
{
	char pattern[64];
	glob_t found = {0};
	size_t n = 0;

	(void)snprintf(pattern, sizeof pattern, "/proc/%d/task/*/children", pid);
	(void)glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "re");

		while (f && n < cap && fscanf(f, "%d", &out[n]) == 1)
			n++;
		if (f)
			(void)fclose(f);
	}
	globfree(&found);
	return n;
}

static bool is_program(pid_t pid, const char *name)
{
	char path[64], comm[32] = "";
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	(void)!fgets(comm, sizeof comm, f);
	(void)fclose(f);
	return !strncmp(comm, name, strlen(name));
}

pid_t crash_pid(const struct crash *c, const char *program)
{
	bool carry = !strcmp(program, "carry");
	pid_t found[64], parent = c->launcher;
	size_t n;

	if (carry && (parent = crash_pid(c, "front")) == 0)
		return 0;
	n = children(parent, found, COUNT_OF(found));
	for (size_t i = 0; i < n; i++)
		if (is_program(found[i], program))
			return found[i];
	return 0;
}

static void end(struct crash *c, int sig)
{
	pid_t found[64];
	size_t n;

	if (c->launcher <= 0)
		return;
	n = children(c->launcher, found, COUNT_OF(found));
	assert_int_equal(kill(c->launcher, sig), 0);
	for (size_t i = 0; sig == SIGKILL && i < n; i++)
		(void)kill(found[i], sig);
	assert_int_equal(waitpid(c->launcher, NULL, 0), c->launcher);
	for (size_t i = 0; i < n; i++) /* they are ours now, or were waited for */
		(void)waitpid(found[i], NULL, 0);
	c->launcher = 0;
}

void crash_kill_all(struct crash *c)
{
	end(c, SIGKILL);
}

void crash_end(struct crash *c)
{
	end(c, SIGTERM);
}

/* ---- a reset ---- */

static void *ask_run(void *arg)
{
	struct crash *c = arg;

	c->result = crash_ask(c, c->request, &c->answer);
	return NULL;
}

void crash_reset_prepare(struct crash *c)
{
	struct keyd_intent intent = keyd_intent_reset(
		KEYD_LOCALKEY, false, bytes_of(c->standing.bytes, c->standing.n),
		++c->timestamp);

	c->request = json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:b}", "do", "reset",
			       "how", "localkey", "node", "n1", "timestamp",
			       (json_int_t)c->timestamp, "source_sha1",
			       c->standing.sha1, "ticket", ticket(c, &intent),
			       "force", 1);
}

void crash_generate_prepare(struct crash *c, enum unit unit, const char *node)
{
	c->request = generate_request(c, unit, node, true);
}

void crash_begin(struct crash *c)
{
	if (!c->request)
		crash_reset_prepare(c);
	assert_int_equal(pthread_create(&c->asker, NULL, ask_run, c), 0);
}

/* Every error that somebody reads says what to do next. */
static void has_next_step(const struct err *e)
{
	char text[1200];

	if (!e->hint[0])
		fail_msg("no next step: %s", err_text(e, text, sizeof text));
}

void crash_wait(struct crash *c)
{
	json_t *node;
	size_t i;

	assert_int_equal(pthread_join(c->asker, NULL), 0);
	if (!c->result)
		has_next_step(&c->answer);
	json_array_foreach(json_object_get(c->result, "nodes"), i, node) {
		struct err e = {.hint = "none is needed"};

		if (!json_is_true(json_object_get(node, "ok")))
			(void)err_from_json(json_object_get(node, "error"), &e);
		has_next_step(&e);
	}
	json_decref(c->result);
	c->result = c->request = NULL;
}

static bool settled(const json_t *status)
{
	json_t *node;
	size_t i;

	if (!status || !json_is_null(json_object_get(status, "op")))
		return false;
	json_array_foreach(json_object_get(status, "nodes"), i, node)
		if (!json_is_true(json_object_get(node, "asked")) ||
		    !json_is_null(json_object_get(node, "error")) ||
		    !json_equal(json_object_get(node, "want"),
				json_object_get(node, "have")))
			return false;
	return true;
}

void crash_settle(struct crash *c)
{
	double end = proc_now() + READY_SECONDS;
	bool done = false;
	struct err e;

	while (!done && proc_now() < end) {
		json_t *status = crash_ask(c, json_pack("{s:s}", "do", "status"), &e);

		done = settled(status);
		json_decref(status);
		if (!done)
			nap();
	}
	assert_true(done);
}
