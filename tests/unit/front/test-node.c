/* node.c: a node's server, here and over SSH, with real servers; and how long a node
 * takes at worst. */
#include "support/server.h"
#include "support/sshd.h"
#include "support/support.h"

#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/remote.h"
#include "conf.h"
#include "itl/itl.h"
#include "node.h"
#include "node_ssh.h"
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct setup {
	char *dir, *ssh;
	struct sshd sshd;
	struct server tftpd;
	struct cluster *cluster;
	struct service service;
	struct cluster_node *here, *there; /* n1, n2 */
};

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

static int start(void **state)
{
	struct setup *t = calloc(1, sizeof *t);
	char text[2048];
	struct err e;

	if (geteuid() != 0)
		return 0;
	t->dir = support_tmpdir();
	t->ssh = support_tmpdir();
	assert_int_equal(chmod(t->dir, 0711), 0);
	sshd_start(&t->sshd, t->ssh, "");
	assert_int_equal(chmod(t->sshd.vault, 0755), 0);
	t->tftpd = server_tftp(t->sshd.vault, 0);
	snprintf(text, sizeof text,
		 "[cluster]\nname = test10\npublisher = n1\nrun = %s\n"
		 "put-seconds = 8\nrestart-seconds = 3\nfetch-seconds = 2\n"
		 "[node n1]\nhost = test10pub\naddress = 127.0.0.1\nfolder = %s\n"
		 "tftp-port = %u\nrestart = true\n"
		 "[node n2]\nhost = test10sub\naddress = 127.0.0.1\n"
		 "folder = sftp://%s@127.0.0.1:%u%s\nidentity = %s\nknown-hosts = %s\n"
		 "tftp-port = %u\nrestart = touch bounced\n",
		 t->dir, t->dir, port_unused(SOCK_DGRAM), t->sshd.user, t->sshd.port,
		 t->sshd.vault, t->sshd.key, t->sshd.known_hosts, t->tftpd.port);
	write_file(t->dir, "cluster.conf", text);
	assert_ok(cluster_read(t->dir, &t->cluster, &e), &e);
	t->here = &t->cluster->nodes[0];
	t->there = &t->cluster->nodes[1];
	t->service = (struct service){.cluster = t->cluster,
				      .stop_fd = eventfd(0, EFD_CLOEXEC)};
	assert_ok(proc_sibling("carry", t->service.carry, sizeof t->service.carry, &e),
		  &e);
	pthread_mutex_init(&t->service.lock, NULL);
	pthread_cond_init(&t->service.changed, NULL);
	*state = t;
	return 0;
}

static int stop(void **state)
{
	struct setup *t = *state;

	if (!t)
		return 0;
	close(t->service.stop_fd);
	server_stop(&t->tftpd);
	sshd_stop(&t->sshd);
	cluster_free(t->cluster);
	support_tmpdir_remove(t->ssh);
	support_tmpdir_remove(t->dir);
	free(t);
	return 0;
}

#define NEEDS_ROOT(state)                                                      \
	do                                                                     \
		if (!*(state))                                                 \
			skip();                                                \
	while (0)

static bool exists(const struct setup *t, const char *name)
{
	char path[400];

	snprintf(path, sizeof path, "%s/%s", t->sshd.vault, name);
	return access(path, F_OK) == 0;
}

static void over_ssh(void **state)
{
	struct setup *t = *state;
	struct node_key key = {.unknown = true};
	uint8_t *got = NULL;
	struct err e;
	size_t n = 0;

	NEEDS_ROOT(state);
	assert_int_equal(node_fetch(&t->service, t->there, ITL_FILE, &got, &n, &e),
			 RC_NOTFOUND);
	/* That is an answer; the probe leaves nothing. */
	assert_ok(node_probe(&t->service, t->there, &key, &e), &e);
	assert_false(key.unknown);
	assert_ok(node_put(&t->service, t->there, ITL_FILE, bytes_of_text("a list"), &e),
		  &e);
	assert_false(exists(t, "bounced"));
	assert_ok(node_bounce(&t->service, t->there, &e), &e);
	assert_true(exists(t, "bounced"));
	assert_ok(node_fetch(&t->service, t->there, ITL_FILE, &got, &n, &e), &e);
	assert_int_equal(n, 6);
	assert_memory_equal(got, "a list", 6);
	free(got);
	assert_int_equal(t->service.nbusy, 0);
}

static void without_a_command(void **state)
{
	struct setup *t = *state;
	char *command;
	struct err e;

	NEEDS_ROOT(state);
	command = t->there->restart;
	t->there->restart = NULL;
	assert_ok(node_bounce(&t->service, t->there, &e), &e);
	t->there->restart = command;
}

/* A host that is not known, and one that has changed. */
static void host_keys(void **state)
{
	struct setup *t = *state;
	struct node_key key;
	char *known, empty[300];
	struct err e;

	NEEDS_ROOT(state);
	known = t->there->known_hosts;
	snprintf(empty, sizeof empty, "%s/none", t->dir);
	t->there->known_hosts = empty;
	assert_int_equal(node_probe(&t->service, t->there, &key, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "the host is not known"));
	assert_non_null(strstr(e.hint, "itlctl node check"));
	assert_memory_equal(e.what, "test10sub: ", 11);
	assert_true(key.unknown);
	assert_true(known_hosts_line_ok(key.entry, "127.0.0.1", t->sshd.port,
					key.fingerprint));
	assert_string_equal(key.type, "ssh-ed25519");
	assert_int_equal(node_put(&t->service, t->there, ITL_FILE,
				  bytes_of_text("x"), &e), RC_REFUSED);
	assert_int_equal(access(empty, F_OK), -1); /* a service accepts no key */
	assert_ok(known_hosts_add(empty, key.entry, 0644, &e), &e);
	assert_ok(node_probe(&t->service, t->there, &key, &e), &e);
	t->there->known_hosts = known;

	sshd_rekey(&t->sshd);
	assert_int_equal(node_put(&t->service, t->there, ITL_FILE,
				  bytes_of_text("x"), &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "CHANGED"));
	assert_int_equal(node_probe(&t->service, t->there, &key, &e), RC_REFUSED);
	assert_false(key.unknown);
}

static void probe_here(void **state)
{
	struct setup *t = *state;
	struct node_key key;
	struct server tftpd;
	struct err e;

	NEEDS_ROOT(state);
	/* The folder is there, but nobody answers. */
	assert_int_equal(node_probe(&t->service, t->here, &key, &e), RC_STALE);
	assert_memory_equal(e.what, "test10pub: tftp://127.0.0.1", 27);
	tftpd = server_tftp(t->dir, t->here->tftp_port);
	assert_ok(node_probe(&t->service, t->here, &key, &e), &e);
	assert_int_equal(chmod(t->dir, 0511), 0);
	assert_int_equal(node_probe(&t->service, t->here, &key, &e), RC_ERROR);
	assert_string_equal(e.name, "EACCES");
	assert_int_equal(chmod(t->dir, 0711), 0);
	server_stop(&tftpd);
}

struct job {
	struct setup *t;
	double began, ended;
};

static void *bounce_slowly(void *arg)
{
	struct job *j = arg;
	struct err e;

	j->began = proc_now();
	assert_ok(node_bounce(&j->t->service, j->t->there, &e), &e);
	j->ended = proc_now();
	return NULL;
}

/* Of one node nothing runs at the same time. */
static void one_job_at_a_time(void **state)
{
	struct setup *t = *state;
	struct job j = {.t = t};
	struct node_key key;
	pthread_t thread;
	char *command;
	struct err e;

	NEEDS_ROOT(state);
	command = t->there->restart;
	t->there->restart = (char *)(uintptr_t)"rm -f bounced; touch began; sleep 3; touch bounced";
	t->cluster->restart_seconds = 30;
	assert_int_equal(pthread_create(&thread, NULL, bounce_slowly, &j), 0);
	while (!exists(t, "began"))
		usleep(10000);
	assert_ok(node_probe(&t->service, t->there, &key, &e), &e);
	assert_true(exists(t, "bounced"));
	assert_int_equal(pthread_join(thread, NULL), 0);
	t->there->restart = command;
	t->cluster->restart_seconds = 3;
}

/* An attempt's steps have a bound together, however many files it puts. */
static void an_attempt_ends(void **state)
{
	struct setup *t = *state;
	double began;
	uint8_t *got = NULL;
	struct err e;
	size_t n = 0;

	NEEDS_ROOT(state);
	t->cluster->fetch_seconds = 600;
	node_attempt(1);
	began = proc_now();
	for (int i = 0; i < 2; i++)
		assert_int_equal(node_fetch(&t->service, t->here, ITL_FILE, &got, &n,
					    &e), RC_STALE);
	assert_true(proc_now() - began < 60);
	node_attempt(0);
	t->cluster->fetch_seconds = 2;
}

/* What is promised holds by the defaults, whatever a server does. */
static void sixty_seconds(void **state)
{
	char *dir = support_tmpdir();
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct front_conf CLEANUP(front_conf_clear) f = {0};
	struct err e;

	(void)state;
	write_file(dir, "cluster.conf",
		   "[cluster]\nname = a\npublisher = n1\n[node n1]\nhost = a\n"
		   "address = ::1\nfolder = /a\nrestart = true\n");
	assert_ok(cluster_read(dir, &c, &e), &e);
	assert_ok(front_conf_read(dir, &f, &e), &e);
	/* The step that fails, the pause, and all steps, each with two seconds to end. */
	assert_true(node_return_seconds(c, f.retry_seconds) + 2 <= NODE_RETURN_SECONDS);
	assert_int_equal(node_return_seconds(c, f.retry_seconds),
			 c->restart_seconds + 2 + f.retry_seconds + c->put_seconds +
				 c->restart_seconds + c->fetch_seconds + 2);
	c->put_seconds = 100;
	assert_int_equal(node_return_seconds(c, 1),
			 102 + 1 + 100 + c->restart_seconds + c->fetch_seconds + 2);
	c->fetch_seconds = 200;
	assert_int_equal(node_return_seconds(c, 1),
			 202 + 1 + 100 + c->restart_seconds + 200 + 2);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_ssh),
		cmocka_unit_test(without_a_command),
		cmocka_unit_test(probe_here),
		cmocka_unit_test(one_job_at_a_time),
		cmocka_unit_test(an_attempt_ends),
		cmocka_unit_test(host_keys), /* the last over SSH: its key is another */
		cmocka_unit_test(sixty_seconds),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
