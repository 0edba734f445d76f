#include "support/live.h"
#include "base/file.h"
#include "base/proc.h"
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADMIN_UID 64001u /* nobody's: an administrator is one by group */
#define STRANGER_UID 64002u

static void write_file(const char *dir, const char *name, const char *text,
		       mode_t mode)
{
	char path[PATH_MAX];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), mode, &e), &e);
}

static void make_dir(const struct live *l, const char *name, mode_t mode,
		     uid_t uid, gid_t gid)
{
	char path[PATH_MAX];
	struct err e;

	assert_ok(file_path(path, sizeof path, l->dir, name, &e), &e);
	assert_ok(file_make_dir(path, mode, uid, gid, &e), &e);
}

static int own(const char *path, uid_t uid)
{
	char command[PATH_MAX + 32];

	assert_true(snprintf(command, sizeof command, "chown -R %u '%s'", uid,
			     path) < (int)sizeof command);
	return system(command);
}

static void configure(struct live *l, const char *extra)
{
	char text[4096];

	assert_true(snprintf(text, sizeof text,
			     "[cluster]\nname = lab\npublisher = n1\n"
			     "key-bits = 1024\ncert-hash = sha1\n"
			     "domain = joemar2.lab\norg = cisco\norg-unit = tac\n"
			     "locality = rtp\nstate = nc\ncountry = US\n"
			     "run = %s/run\nstate-dir = %s/state\n%s"
			     "[node n1]\nhost = test10pub\naddress = 127.0.0.1\n"
			     "folder = %s/n1\nrestart = true\n"
			     "[node n2]\nhost = test10sub\naddress = 127.0.0.1\n"
			     "folder = %s/n2\nrestart = true\n",
			     l->dir, l->dir, extra ? extra : "", l->dir,
			     l->dir) < (int)sizeof text);
	write_file(l->dir, "cluster.conf", text, 0644);
	assert_true(snprintf(text, sizeof text,
			     "[token]\nmodule = %s\nuri = pkcs11:token=live\n"
			     "pin = file:%s/pin\nsessions = 2\n",
			     softhsm_module(), l->dir) < (int)sizeof text);
	write_file(l->dir, "keyd.conf", text, 0644);
	write_file(l->dir, "pin", SOFTHSM_PIN "\n", 0400);
}

void live_start(struct live *l, const char *extra)
{
	char path[PATH_MAX];
	struct err e;
	gid_t g;

	memset(l, 0, sizeof *l);
	if (geteuid() != 0)
		fail_msg("this test needs root: the design's users are real");
	assert_ok(proc_user("itlkeeper-keyd", &l->keyd_uid, &g, &e), &e);
	assert_ok(proc_user("itlkeeper-front", &l->front_uid, &g, &e), &e);
	assert_ok(proc_user("itlkeeper-tvs", &l->tvs_uid, &g, &e), &e);
	assert_ok(proc_group("itlkeeper", &l->group, &e), &e);
	l->dir = support_tmpdir();
	assert_int_equal(chmod(l->dir, 0711), 0);
	softhsm_start(&l->hsm, "live");
	assert_int_equal(own(l->hsm.dir, l->keyd_uid), 0);
	configure(l, extra);
	(void)snprintf(path, sizeof path, "%s/pin", l->dir);
	assert_int_equal(chown(path, l->keyd_uid, (gid_t)-1), 0);
	make_dir(l, "run", 0755, 0, 0);
	make_dir(l, "run/keyd", 0755, l->keyd_uid, l->group);
	make_dir(l, "state", 0755, 0, 0);
	make_dir(l, "state/keyd", 0750, l->keyd_uid, l->group);
	assert_ok(cluster_read(l->dir, &l->cluster, &e), &e);
	cluster_path(l->cluster, PATH_KEYD_SOCKET, l->keyd_socket);
	cluster_path(l->cluster, PATH_AUDIT_LOG, l->audit_log);
}

void live_spawn(struct live *l)
{
	char program[PATH_MAX];
	struct err e;

	assert_ok(proc_sibling("keyd", program, sizeof program, &e), &e);
	l->keyd = fork();
	assert_true(l->keyd >= 0);
	if (l->keyd == 0) {
		struct rlimit limit = {l->file_limit, l->file_limit};

		if (l->file_limit && setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(125);
		if (setgroups(0, NULL) || setresgid(l->group, l->group, l->group) ||
		    setresuid(l->keyd_uid, l->keyd_uid, l->keyd_uid))
			_exit(126);
		execl(program, "keyd", "--config", l->dir, (char *)NULL);
		_exit(127);
	}
}

void live_keyd(struct live *l)
{
	struct keyd *k = NULL;
	struct keyd_status status;
	struct err e;

	live_spawn(l);
	assert_ok(keyd_open(l->keyd_socket, &k, &e), &e);
	assert_ok(keyd_status(k, &status, &e), &e);
	keyd_free(k);
}

void live_kill(struct live *l)
{
	if (l->keyd <= 0)
		return;
	(void)kill(l->keyd, SIGKILL);
	(void)waitpid(l->keyd, NULL, 0);
	l->keyd = 0;
}

int live_keyd_status(struct live *l)
{
	int status;

	live_spawn(l);
	assert_int_equal(waitpid(l->keyd, &status, 0), l->keyd);
	l->keyd = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void live_stop(struct live *l)
{
	live_be(l, LIVE_ROOT);
	live_kill(l);
	cluster_free(l->cluster);
	if (l->hsm.dir)
		softhsm_stop(&l->hsm);
	support_tmpdir_remove(l->dir);
	memset(l, 0, sizeof *l);
}

uid_t live_uid(const struct live *l, enum live_who who)
{
	const uid_t uids[] = {[LIVE_ROOT] = 0,
			      [LIVE_FRONT] = l->front_uid,
			      [LIVE_TVS] = l->tvs_uid,
			      [LIVE_KEYD] = l->keyd_uid,
			      [LIVE_ADMIN] = ADMIN_UID,
			      [LIVE_STRANGER] = STRANGER_UID};

	return uids[who];
}

void live_be(const struct live *l, enum live_who who)
{
	gid_t groups[1] = {l->group};

	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(who == LIVE_ADMIN ? 1 : 0, groups), 0);
	if (who == LIVE_ROOT)
		return;
	assert_int_equal(setegid(STRANGER_UID), 0);
	assert_int_equal(seteuid(live_uid(l, who)), 0);
}

void live_ticket(struct live *l, enum live_who who,
		 const struct keyd_intent *intent,
		 uint8_t ticket[KEYD_TICKET_LEN])
{
	struct secret *password = softhsm_secret(LIVE_PASSWORD);
	struct keyd *k = NULL;
	struct err e;

	live_be(l, who);
	assert_ok(keyd_open(l->keyd_socket, &k, &e), &e);
	assert_ok(keyd_ticket(k, password, intent, ticket, &e), &e);
	keyd_free(k);
	secret_free(password);
	live_be(l, LIVE_ROOT);
}

static void generate(struct live *l, enum unit unit, const char *node)
{
	struct keyd_intent intent = keyd_intent_generate(unit, node);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd_key key;
	struct keyd *k = NULL;
	struct err e;

	live_ticket(l, LIVE_ADMIN, &intent, ticket);
	live_be(l, LIVE_FRONT);
	assert_ok(keyd_open(l->keyd_socket, &k, &e), &e);
	assert_ok(keyd_generate(k, ticket, live_uid(l, LIVE_ADMIN), unit, node,
				&key, &e), &e);
	live_be(l, LIVE_ROOT);
	X509_free(key.cert);
	keyd_free(k);
}

void live_init(struct live *l)
{
	struct secret *password = softhsm_secret(LIVE_PASSWORD);
	struct keyd *k = NULL;
	struct err e;

	assert_ok(keyd_open(l->keyd_socket, &k, &e), &e);
	assert_ok(keyd_password_set(k, NULL, password, &e), &e);
	keyd_free(k);
	secret_free(password);
	for (enum unit u = 0; u < UNIT_COUNT; u++) {
		if (!unit_is_of_node(u)) {
			generate(l, u, NULL);
			continue;
		}
		generate(l, u, "n1");
		generate(l, u, "n2");
	}
}

struct keyd_passwords live_passwords(void)
{
	static struct secret *admin, *security;

	if (!admin) {
		admin = softhsm_secret(LIVE_PASSWORD);
		security = softhsm_secret(LIVE_SECURITY);
	}
	return (struct keyd_passwords){admin, security};
}

void live_security(struct live *l)
{
	struct keyd_passwords pw = live_passwords(), first = {pw.admin, NULL};
	struct keyd *k = NULL;
	struct err e;

	live_be(l, LIVE_ADMIN);
	assert_ok(keyd_open(l->keyd_socket, &k, &e), &e);
	assert_ok(keyd_security_set(k, &first, pw.security, &e), &e);
	keyd_free(k);
	live_be(l, LIVE_ROOT);
}
