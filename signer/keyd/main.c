/*
 * keyd: the key process. It owns the token: module, session, PIN, audit log.
 * It accepts nothing from the network, never forks, and is crash-only.
 */
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/wipe.h"
#include "cluster/program.h"
#include "hsm/start.h"
#include "provider/provider.h"
#include "server.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define KEYD_COPIES "/softhsm" /* below its state: hsm/start.h */

/* What befell a SoftHSM token; what was put back is also noted in the audit log. */
static void say(void *arg, const char *event, const struct err *e)
{
	struct service *s = arg;

	if (e->rc == RC_OK)
		log_info("event=%s path=\"%s\" msg=\"%s; %s\"", event, e->what,
			 e->why, e->hint);
	else
		log_error(event, e);
	s->put_back |= !strcmp(event, "token-put-back");
}

/* Log in, unless this very PIN was refused before. */
static enum rc login(struct service *s, struct hsm_module **module,
		     struct err *e)
{
	struct secret CLEANUP(secret_free) *pin = NULL;
	const struct keyd_config *c = s->config;
	char path[4096], keep[CLUSTER_PATH_MAX + sizeof KEYD_COPIES];
	const struct hsm_place place = {.module = c->module, .uri = c->uri,
					.sessions = c->sessions,
					.unverified = !c->verify, .keep = keep,
					.say = say, .arg = s};

	cluster_path(c->cluster, PATH_KEYD_STATE, keep);
	(void)strncat(keep, KEYD_COPIES, sizeof keep - strlen(keep) - 1);
	keyd_config_pin_path(c, path, sizeof path);
	if (keyd_state_pin_refused(&s->state, path))
		return err_set(e, RC_PIN, "C_Login",
			       "the token refused this PIN before; it is not sent again",
			       "write the right PIN into the file, then start anew",
			       "%s", path);
	if (keyd_state_save(&s->state, e) != RC_OK ||
	    keyd_config_pin(c, &pin, e) != RC_OK)
		return e->rc;
	if (hsm_start(&place, pin, module, &s->token, e) == RC_OK)
		return keyd_state_accept_pin(&s->state, e);
	if (e->rc == RC_PIN) {
		struct err mark;

		if (keyd_state_refuse_pin(&s->state, path, &mark) != RC_OK)
			log_error("pin-mark", &mark);
	}
	return e->rc;
}

static enum rc load_keys(struct service *s, struct err *e)
{
	struct hsm_session *session = hsm_session_take(s->token);
	enum rc rc = keyring_load(&s->keys, s->config->cluster, session, e);

	if (rc == RC_OK)
		rc = waiting_open(&s->waiting, s->config->cluster, &s->keys, e);
	if (rc == RC_OK)
		rc = service_look_at_recovery(s, session, e);
	hsm_session_give(session);
	return rc;
}

static void note_start(struct service *s)
{
	const struct hsm_token_info *t = hsm_token_info(s->token);
	char detail[256];
	struct err e;
	struct audit_entry entry = {
		.time = s->started,
		.who = "keyd",
		.uid = getuid(),
		.event = "start",
		.detail = detail,
		.rc = "ok",
	};

	(void)snprintf(detail, sizeof detail,
		       "version=%s token=\"%s\" serial=%s keys=%zu%s%s config=%s",
		       ITLKEEPER_VERSION, t->label, t->serial,
		       keyring_count(&s->keys),
		       s->put_back ? " token-put-back=1" : "",
		       s->config->verify ? "" : " verify=no",
		       s->config->cluster->sha256);
	/* keyd lives without it, and signs nothing until the log can be written. */
	if (release_note(s->release, &entry, &e) != RC_OK)
		log_error("start", &e);
	log_info("event=start %s", detail);
	if (!s->config->verify)
		log_warn("event=unverified hint=\"signatures leave as the token makes them, right or wrong: `verify = no` in keyd.conf is for measurements alone\"");
}

/* One keyd for one state: two writers would break the chain. The lock lasts as
 * long as the process. */
static enum rc lock_state(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, RC_ERROR, "open",
				 "itlkeeperd and systemd make this folder", "%s",
				 dir);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return err_errno(e, RC_BUSY, "lock", "another keyd runs here",
				 "%s", dir);
	return RC_OK;
}

static enum rc open_log(struct service *s, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	struct release_setup setup = {
		.path = path,
		.group = s->config->group,
		.rotate = (uint64_t)s->config->rotate_mib << 20,
		.checkpoint_seconds = s->config->checkpoint_seconds,
	};

	cluster_path(s->config->cluster, PATH_AUDIT_LOG, path);
	return release_open(&setup, &s->release, e);
}

/* The one that systemd's socket unit made, so that nobody who asks while keyd is
 * restarted is refused; else our own. */
static enum rc open_listener(const struct cluster *c, int *out, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	int n = sd_listen_fds(1);

	cluster_path(c, PATH_KEYD_SOCKET, path);
	if (n <= 0)
		return sock_listen(path, 0666, out, e);
	if (n != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, path,
					0) <= 0 ||
	    fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) != 0)
		return err_set(e, RC_USAGE, "listen",
			       "systemd handed over another socket",
			       "its unit must have ListenSequentialPacket= this path, as `run` of cluster.conf says",
			       "%s", path);
	*out = SD_LISTEN_FDS_START;
	return RC_OK;
}

static enum rc run(struct service *s, const char *dir, struct err *e)
{
	static struct takeup takeup;
	struct hsm_module *module = NULL;
	char path[CLUSTER_PATH_MAX];
	const struct cluster *c = s->config->cluster;
	int listener = -1;

	if (geteuid() != s->config->keyd_uid)
		return err_set(e, RC_USAGE, "start", "must run as its own user",
			       "start it through itlkeeperd or systemd",
			       "user id %u, not %s", geteuid(), c->keyd_user);
	cluster_path(c, PATH_KEYD_STATE, path);
	if (lock_state(path, e) != RC_OK)
		return e->rc;
	(void)strncat(path, "/keyd.state", sizeof path - strlen(path) - 1);
	if (keyd_state_load(&s->state, path, e) != RC_OK)
		return e->rc;
	tickets_init(&s->tickets);
	proofs_init(&s->proofs);
	limit_init(&s->limit);
	if (requests_init(s, e) != RC_OK ||
	    login(s, &module, e) != RC_OK ||
	    provider_context(&s->provider, e) != RC_OK ||
	    load_keys(s, e) != RC_OK ||
	    open_log(s, e) != RC_OK)
		return e->rc;
	note_start(s);
	if (open_listener(c, &listener, e) != RC_OK)
		return e->rc;
	(void)sd_notify(0, "READY=1");
	takeup_open(&takeup, dir, s->config);
	return server_run(s, listener, &takeup, e);
}

static int exit_code(const struct err *e)
{
	if (e->rc == RC_OK)
		return PROGRAM_EXIT_CONFIG;
	return e->rc == RC_PIN ? PROGRAM_EXIT_PIN : err_exit_code(e->rc);
}

int main(int argc, char **argv)
{
	static struct service s;
	struct program_options o;
	struct err e;
	int status = program_options("keyd", argc, argv, &o);

	if (status >= 0)
		return status;
	log_open("keyd");
	if (wipe_openssl(&e) != RC_OK) {
		log_error("start", &e);
		return err_exit_code(e.rc);
	}
	if (keyd_config_read(o.config, &s.config, &e) != RC_OK ||
	    (o.check && keyd_config_check_files(s.config, o.config, &e) != RC_OK)) {
		log_error("configuration", &e);
		return o.check ? 2 : err_exit_code(e.rc);
	}
	if (o.check)
		return 0;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit of the log is an error, no end */
	s.started = (int64_t)time(NULL);
	if (proc_harden(&e) != RC_OK || run(&s, o.config, &e) != RC_OK) {
		log_error("end", &e);
	} else {
		e.rc = RC_OK;
		log_info("event=end status=%d", PROGRAM_EXIT_CONFIG);
	}
	_exit(exit_code(&e)); /* no finaliser of a module may hold us up */
}
