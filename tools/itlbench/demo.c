/*
 * A private token and cluster in a temporary folder, a keyd on it under its
 * own user, and then every measurement as a command of its own, shown as it
 * could be typed.
 */
#include "itlbench.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "keyd/client.h"
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEMO_PIN "1234" /* of a token that lives for a minute */
#define DEMO_URI "pkcs11:token=itlbench"
#define PASSWORD_LEN 32

struct demo {
	char dir[64];
	struct cluster *cluster;
	uid_t keyd_uid, front_uid;
	gid_t keyd_gid, group;
	pid_t keyd;
};

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

static void stop_keyd(struct demo *d)
{
	if (d->keyd > 0) {
		(void)kill(d->keyd, SIGTERM);
		(void)waitpid(d->keyd, NULL, 0);
	}
	d->keyd = 0;
}

static void demo_stop(struct demo *d)
{
	stop_keyd(d);
	cluster_free(d->cluster);
	if (d->dir[0])
		(void)nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- files ---- */

static enum rc write_file(const struct demo *d, const char *name,
			  const char *text, uid_t owner, mode_t mode,
			  struct err *e)
{
	char path[PATH_MAX];

	if (file_path(path, sizeof path, d->dir, name, e) ||
	    file_replace(path, bytes_of_text(text), mode, e))
		return e->rc;
	if (chown(path, owner, (gid_t)-1) != 0)
		return err_errno(e, RC_ERROR, "chown", NULL, "%s", path);
	return RC_OK;
}

static enum rc make_dirs(const struct demo *d, struct err *e)
{
	const struct {
		const char *name;
		mode_t mode;
		uid_t uid;
	} dirs[] = {
		{"tokens", 0700, d->keyd_uid}, {"run", 0755, 0},
		{"run/keyd", 0755, d->keyd_uid}, {"state", 0755, 0},
		{"state/keyd", 0750, d->keyd_uid}, {"n1", 0755, 0},
	};

	for (size_t i = 0; i < COUNT_OF(dirs); i++) {
		char path[PATH_MAX];

		if (file_path(path, sizeof path, d->dir, dirs[i].name, e) ||
		    file_make_dir(path, dirs[i].mode, dirs[i].uid, d->group, e))
			return e->rc;
	}
	return RC_OK;
}

static enum rc configure(const struct demo *d, const struct settings *s,
			 struct err *e)
{
	char cluster[1024], keyd[1024], token[256];

	(void)snprintf(cluster, sizeof cluster,
		       "[cluster]\nname = bench\npublisher = n1\nkey-bits = %u\n"
		       "domain = example.net\norg = bench\ncountry = US\n"
		       "run = %s/run\nstate-dir = %s/state\n"
		       "[node n1]\nhost = test10pub\naddress = 127.0.0.1\n"
		       "folder = %s/n1\nrestart = true\n",
		       s->bits, d->dir, d->dir, d->dir);
	(void)snprintf(keyd, sizeof keyd,
		       "[token]\nmodule = %s\nuri = " DEMO_URI "\n"
		       "pin = file:%s/keyd.pin\nsessions = %u\n",
		       s->module, d->dir, s->threads);
	(void)snprintf(token, sizeof token,
		       "directories.tokendir = %s/tokens\n"
		       "objectstore.backend = file\nlog.level = ERROR\n",
		       d->dir);
	if (make_dirs(d, e) ||
	    write_file(d, "cluster.conf", cluster, 0, 0644, e) ||
	    write_file(d, "keyd.conf", keyd, 0, 0644, e) ||
	    write_file(d, "softhsm2.conf", token, 0, 0644, e) ||
	    write_file(d, "keyd.pin", DEMO_PIN "\n", d->keyd_uid, 0400, e) ||
	    write_file(d, "pin", DEMO_PIN "\n", 0, 0400, e))
		return e->rc;
	return RC_OK;
}

/* ---- programs ---- */

/* Start a program; uid 0: as we are. Other users' chatter is dropped: a
 * measurement's output alone is for the reader. */
static pid_t start(const struct demo *d, uid_t uid, char *const argv[])
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)signal(SIGINT, SIG_DFL);
	if (uid != 0 && (!freopen("/dev/null", "w", stdout) ||
			 setgroups(0, NULL) != 0 ||
			 setresgid(d->group, d->group, d->group) != 0 ||
			 setresuid(uid, uid, uid) != 0))
		_exit(126);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	execvp(argv[0], argv);
	_exit(127);
}

static enum rc run(const struct demo *d, uid_t uid, char *const argv[],
		   struct err *e)
{
	pid_t pid = start(d, uid, argv);
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return err_errno(e, RC_ERROR, "fork", NULL, "%s", argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, RC_ERROR, "run", "failed", NULL,
			       "%s %s: exit status %d", argv[0], argv[1],
			       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return RC_OK;
}

static enum rc make_token(const struct demo *d, struct err *e)
{
	char *argv[] = {"softhsm2-util", "--init-token", "--free", "--label",
			"itlbench", "--so-pin", "12345678", "--pin", DEMO_PIN,
			NULL};
	char path[PATH_MAX];

	if (file_path(path, sizeof path, d->dir, "softhsm2.conf", e))
		return e->rc;
	if (setenv("SOFTHSM2_CONF", path, 1) != 0)
		return err_errno(e, RC_ERROR, "setenv", NULL, "SOFTHSM2_CONF");
	if (run(d, d->keyd_uid, argv, e))
		return err_hint(e, "install the package softhsm2");
	return RC_OK;
}

static enum rc start_keyd(struct demo *d, struct keyd *k, struct err *e)
{
	char program[PATH_MAX];
	struct keyd_status status;

	if (proc_sibling("keyd", program, sizeof program, e))
		return e->rc;
	d->keyd = start(d, d->keyd_uid,
			(char *[]){program, "--config", d->dir, NULL});
	if (d->keyd < 0)
		return err_errno(e, RC_ERROR, "fork", NULL, "keyd");
	if (keyd_status(k, &status, e)) /* waits for its socket */
		return err_hint(e, "every folder above keyd must be open to its user");
	return RC_OK;
}

/* ---- keys, by ticket ---- */

static enum rc make_key(const struct demo *d, struct keyd *k,
			const struct secret *password, enum unit unit,
			struct err *e)
{
	const char *node = unit_is_of_node(unit) ? "n1" : NULL;
	const struct keyd_intent intent = keyd_intent_generate(unit, node);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd_key key;
	enum rc rc;

	if (keyd_ticket(k, password, &intent, ticket, e))
		return e->rc;
	/* keyd_generate() connects anew: as front's user, who may ask. */
	if (seteuid(d->front_uid) != 0)
		return err_errno(e, RC_ERROR, "seteuid", NULL, "front's user");
	rc = keyd_generate(k, ticket, 0, unit, node, &key, e);
	if (seteuid(0) != 0)
		return err_errno(e, RC_ERROR, "seteuid", NULL, "root");
	if (rc == RC_OK) {
		X509_free(key.cert);
		(void)printf("key made: %s\n", unit_name(unit));
		(void)fflush(stdout);
	}
	return rc;
}

static enum rc make_keys(struct demo *d, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	char socket[CLUSTER_PATH_MAX];

	cluster_path(d->cluster, PATH_KEYD_SOCKET, socket);
	if (secret_new(PASSWORD_LEN, &password, e))
		return e->rc;
	randombytes_buf(password->p, password->n);
	for (int u = -1; u < (int)UNIT_COUNT; u++) {
		struct keyd CLEANUP(keyd_free) *k = NULL;

		if (keyd_open(socket, &k, e))
			return e->rc;
		if (u < 0 ? start_keyd(d, k, e) ||
				    keyd_password_set(k, NULL, password, e)
			  : make_key(d, k, password, (enum unit)u, e))
			return e->rc;
	}
	return RC_OK;
}

/* ---- the measurements ---- */

static enum rc measure(const struct demo *d, char *const argv[], struct err *e)
{
	(void)printf("\n$ itlbench");
	for (char *const *a = argv + 1; *a; a++)
		(void)printf(" %s", *a);
	(void)putchar('\n');
	(void)fflush(stdout);
	return run(d, 0, argv, e);
}

/* Those that need a keyd, and last the one that starts it itself. */
static const char *const services[] = {"list", "signatures", "latency", "memory",
				       "first"};

static enum rc measure_all(struct demo *d, const struct settings *s, struct err *e)
{
	char self[PATH_MAX], pin[PATH_MAX], threads[16], window[16], seconds[32];
	char *module = (char *)(uintptr_t)s->module;
	char *dir = (char *)(uintptr_t)d->dir;
	char *file = (char *)(uintptr_t)s->file;

	if (proc_sibling("itlbench", self, sizeof self, e) ||
	    file_path(pin, sizeof pin, d->dir, "pin", e))
		return e->rc;
	(void)snprintf(threads, sizeof threads, "%u", s->threads);
	(void)snprintf(window, sizeof window, "%u", s->window);
	(void)snprintf(seconds, sizeof seconds, "%g", s->seconds);
	if (measure(d, (char *[]){self, "--module", module, "--uri", DEMO_URI,
				  "--pin-file", pin, "--threads", threads,
				  "--seconds", seconds, "token", NULL}, e) ||
	    measure(d, (char *[]){self, "--seconds", seconds, "parse", file,
				  NULL}, e))
		return e->rc;
	for (size_t i = 0; i < COUNT_OF(services); i++) {
		char *command = (char *)(uintptr_t)services[i];

		if (i + 1 == COUNT_OF(services))
			stop_keyd(d);
		if (measure(d, (char *[]){self, "--config", dir, "--pin-file", pin,
					  "--window", window, "--seconds", seconds,
					  command, NULL}, e))
			return e->rc;
	}
	return RC_OK;
}

static enum rc demo_run(struct demo *d, const struct settings *s, struct err *e)
{
	char dir[] = "/var/tmp/itlbench.XXXXXX";
	gid_t ignored;

	if (geteuid() != 0)
		return err_set(e, RC_USAGE, "itlbench demo", "needs root",
			       "it runs keyd under keyd's own user", "this process");
	if (proc_user("itlkeeper-keyd", &d->keyd_uid, &d->keyd_gid, e) ||
	    proc_user("itlkeeper-front", &d->front_uid, &ignored, e) ||
	    proc_group("itlkeeper", &d->group, e))
		return e->rc;
	umask(022);
	if (!mkdtemp(dir))
		return err_errno(e, RC_ERROR, "mkdtemp", NULL, "%s", dir);
	(void)snprintf(d->dir, sizeof d->dir, "%s", dir);
	if (chmod(dir, 0711) != 0)
		return err_errno(e, RC_ERROR, "chmod", NULL, "%s", dir);
	(void)printf("a private token and cluster in %s\n", d->dir);
	(void)fflush(stdout);
	if (configure(d, s, e) || cluster_read(d->dir, &d->cluster, e) ||
	    make_token(d, e) || make_keys(d, e))
		return e->rc;
	return measure_all(d, s, e);
}

enum rc measure_demo(const struct settings *s, struct err *e)
{
	struct demo d = {0};
	enum rc rc;

	(void)signal(SIGINT, SIG_IGN); /* what we started ends; then we tidy up */
	rc = demo_run(&d, s, e);
	demo_stop(&d);
	return rc;
}
