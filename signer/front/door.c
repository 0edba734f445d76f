#include "door.h"
#include "backups.h"
#include "base/errjson.h"
#include "base/log.h"
#include "base/num.h"
#include "confcheck.h"
#include "ctl_diff.h"
#include "heads.h"
#include "ops.h"
#include "probe.h"
#include "retired.h"
#include "show.h"
#include "sign.h"
#include "trust.h"
#include "vaults.h"
#include "watch.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define SEND_SECONDS 5     /* that a client may leave its answers unread */

enum who { ALL, GROUP };
enum needs { NODE = 1, PUBLISHER = 2, KEYD = 4, FILES = 8 };

/* Everything that may be asked (front/client.h has the members). */
static const struct command {
	const char *name;
	enum who who;
	unsigned needs;
	enum rc (*run)(struct call *c, json_t **result, struct err *e);
} commands[] = {
	{"status", ALL, 0, show_status},
	{"list", ALL, NODE, show_list},
	{"certs", ALL, 0, show_certs},
	{"services", ALL, 0, show_services},
	{"init-plan", ALL, KEYD, show_init_plan},
	{"backups", ALL, 0, show_backups},
	{"alerts", ALL, 0, show_alerts},
	{"audit", ALL, 0, show_audit},
	{"keys", GROUP, KEYD, show_keys},
	{"generate-plan", GROUP, KEYD, op_generate_plan},
	{"generate", GROUP, KEYD, op_generate},
	{"csr-show", ALL, KEYD, show_csr},
	{"csr", GROUP, KEYD, op_csr},
	{"cert-import", GROUP, KEYD, op_cert_import},
	{"key-remove", GROUP, KEYD, op_key_remove},
	{"backup-proved", GROUP, KEYD, op_backup_proved},
	{"backup-removed", GROUP, 0, op_backup_removed},
	{"vault-check", GROUP, 0, op_vault_check},
	{"alerts-check", GROUP, 0, op_alerts_check},
	{"ctl-plan", ALL, NODE | PUBLISHER | KEYD, op_ctl_plan},
	{"ctl-update", GROUP, NODE | PUBLISHER | KEYD, op_ctl_update},
	{"conf-check", GROUP, KEYD, op_conf_check},
	{"node-check", GROUP, 0, op_node_check},
	{"tftp-restart", GROUP, NODE | KEYD, op_tftp_restart},
	{"reset-plan", GROUP, NODE | PUBLISHER | KEYD, op_reset_plan},
	{"reset-preview", GROUP, NODE | PUBLISHER | KEYD, op_reset_preview},
	{"reset", GROUP, NODE | PUBLISHER | KEYD, op_reset},
	{"rollback-plan", GROUP, NODE | PUBLISHER, op_rollback_plan},
	{"rollback", GROUP, NODE | PUBLISHER | KEYD, op_rollback},
	{"trust", ALL, 0, show_trust},
	{"trust-plan", GROUP, 0, op_trust_plan},
	{"trust-set", GROUP, KEYD, op_trust_set},
	{"sign", GROUP, NODE | FILES, sign_files},
};

/* ---- one request ---- */

enum rc call_members(struct call *c, struct err *e, const char *fmt, ...)
{
	json_error_t je;
	va_list ap;
	int bad;

	va_start(ap, fmt);
	bad = json_vunpack_ex(c->request, &je, JSON_STRICT, fmt, ap);
	va_end(ap);
	if (bad)
		return err_set(e, RC_USAGE, "request", je.text,
			       "are both programs of one version?", "%s",
			       c->name);
	return RC_OK;
}

/* A message, or several that a '+' leads and one without, which `pass` goes with. */
static enum rc send_text(int fd, const char *text, int pass, struct err *e)
{
	char piece[SOCK_MESSAGE_MAX / 2];
	size_t left = strlen(text);

	while (left > sizeof piece) {
		piece[0] = '+';
		memcpy(piece + 1, text, sizeof piece - 1);
		if (sock_send(fd, bytes_of(piece, sizeof piece), -1, 0, e) !=
		    RC_OK)
			return e->rc;
		text += sizeof piece - 1;
		left -= sizeof piece - 1;
	}
	return sock_send(fd, bytes_of(text, left), pass, 0, e);
}

/* Takes the answer over. A client that is gone hears nothing more. */
static void call_send(struct call *c, json_t *answer)
{
	char CLEANUP_FREE *text = answer ? json_dumps(answer, JSON_COMPACT)
					 : NULL;
	struct err e;

	if (!c->gone && (!text || send_text(c->fd, text, c->give, &e) != RC_OK))
		c->gone = true;
	json_decref(answer);
}

void call_event(void *arg, json_t *event)
{
	call_send(arg, event);
}

static bool is_administrator(const struct call *c)
{
	return c->peer.uid == 0 || sock_peer_in_group(&c->peer, c->service->group);
}

static enum rc may(const struct call *c, const struct command *cmd,
		   struct err *e)
{
	if (cmd->who == ALL || is_administrator(c))
		return RC_OK;
	return err_set(e, RC_REFUSED, c->name,
		       "only root and the cluster's group may ask this",
		       "ask an administrator to add you to this group, and log in again",
		       "group %s", c->service->cluster->group);
}

/* "node" is an id or a host name, of a node that serves lists. */
static enum rc find_node(struct call *c, struct err *e)
{
	const char *name =
		json_string_value(json_object_get(c->request, "node"));

	if (!name)
		return err_set(e, RC_USAGE, "request", "\"node\" is missing",
			       NULL, "%s", c->name);
	if (cluster_find_node(c->service->cluster, name, &c->node, e) != RC_OK)
		return e->rc;
	(void)json_object_del(c->request, "node");
	if (!c->node->tftp)
		return err_set(e, RC_REFUSED, c->name, "it serves no lists",
			       "name a node with `tftp = yes`", "%s",
			       c->node->host);
	return RC_OK;
}

static enum rc meet_needs(struct call *c, const struct command *cmd,
			  struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_status ignored;

	if (cmd->needs & NODE && find_node(c, e) != RC_OK)
		return e->rc;
	/* The original's words, and nothing beside them. */
	if (cmd->needs & PUBLISHER &&
	    c->node != cluster_publisher(c->service->cluster))
		return err_set(e, RC_REFUSED, NULL, "This is not publisher node",
			       NULL, "%s", "");
	if (cmd->needs & KEYD &&
	    (keyd_open(c->service->keyd, &k, e) != RC_OK ||
	     keyd_status(k, &ignored, e) != RC_OK))
		return e->rc;
	return RC_OK;
}

static void close_files(struct call *c)
{
	while (c->nfiles > 0)
		sock_close_passed(c->files[--c->nfiles]);
}

static enum rc dispatch(struct call *c, json_t **result, struct err *e)
{
	const char *name = json_string_value(json_object_get(c->request, "do"));
	const struct command *cmd = NULL;

	for (size_t i = 0; name && i < COUNT_OF(commands); i++)
		if (!strcmp(commands[i].name, name))
			cmd = &commands[i];
	if (!cmd)
		return err_set(e, RC_USAGE, "request",
			       name ? "no such request"
				    : "is no JSON object with a \"do\"",
			       "are both programs of one version?", "%s",
			       name ? name : "a message");
	c->name = cmd->name; /* never the client's word: it stands in the log */
	(void)json_object_del(c->request, "do");
	if (!(cmd->needs & FILES))
		close_files(c);
	if (may(c, cmd, e) != RC_OK || meet_needs(c, cmd, e) != RC_OK)
		return e->rc;
	return cmd->run(c, result, e);
}

void door_answer(struct call *c, const char *text, size_t n)
{
	json_t *result = NULL;
	json_error_t je;
	struct err e = {0};
	enum rc rc;

	c->node = NULL;
	c->name = NULL;
	c->tvs_asked = false;
	c->give = -1;
	c->request = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	rc = c->request ? dispatch(c, &result, &e)
			: err_set(&e, RC_USAGE, "request", je.text, NULL,
				  "a message of %zu bytes", n);
	if (rc == RC_OK && result)
		call_send(c, json_pack("{s:o}", "result", result));
	fd_close(c->give);
	c->give = -1;
	close_files(c);
	if (rc != RC_OK || !result) {
		if (rc == RC_OK)
			err_set(&e, RC_ERROR, c->name, "out of memory", NULL, "%s",
				"front");
		log_error(c->name ? c->name : "request", &e);
		call_send(c, json_pack("{s:o}", "error", err_json(&e)));
	}
	json_decref(c->request);
}

/* ---- connections, a thread each ---- */

struct connection {
	struct door *door;
	struct connection *next;
	struct call call;
};

struct door {
	struct service *service;
	int listener;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct connection *open;
};

/* Until the peer leaves, says nothing for too long, or does not read. */
static void converse(struct connection *n)
{
	int ms = (int)n->door->service->conf.silent_seconds * 1000;
	/* A stranger's descriptors would only take up our room for them. */
	size_t most = is_administrator(&n->call) ? FRONT_FILES_MAX : 0;
	char *buf = malloc(FRONT_REQUEST_MAX);
	struct err e = {0};
	size_t got = 0;

	while (buf && !n->call.gone && sock_wait(n->call.fd, ms, &e) == RC_OK) {
		enum rc rc = sock_recv_all(n->call.fd, buf, FRONT_REQUEST_MAX, &got,
					   n->call.files, most, &n->call.nfiles, 0, &e);

		if (rc == RC_OK)
			door_answer(&n->call, buf, got);
		else if (rc == RC_USAGE) /* too long: it was thrown away whole */
			call_send(&n->call, json_pack("{s:o}", "error",
						      err_json(&e)));
		else
			break;
	}
	free(buf);
}

static void *connection_run(void *arg)
{
	struct connection *n = arg, **at;
	struct door *d = n->door;

	converse(n);
	pthread_mutex_lock(&d->lock);
	int fd = n->call.fd;
	n->call.fd = -1; /* door_free() shuts it down no more */
	pthread_mutex_unlock(&d->lock);
	sock_hang_up(fd);
	pthread_mutex_lock(&d->lock);
	for (at = &d->open; *at != n;)
		at = &(*at)->next;
	*at = n->next;
	free(n);
	pthread_cond_signal(&d->ended);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* Refused politely: a few bytes that need no waiting. */
static void turn_away(struct call *c, const struct err *e)
{
	log_error("door", e);
	call_send(c, json_pack("{s:o}", "error", err_json(e)));
	sock_hang_up(c->fd);
}

static enum rc admit(struct door *d, const struct sock_peer *p, struct err *e)
{
	const struct front_conf *conf = &d->service->conf;
	unsigned all = 0, own = 0;

	for (struct connection *n = d->open; n; n = n->next) {
		all++;
		own += n->call.peer.uid == p->uid;
	}
	if (all < conf->connections && own < conf->per_user)
		return RC_OK;
	return err_set(e, RC_BUSY, "connect", "too many connections",
		       "close other sessions, or raise the limits of front.conf",
		       "uid %u: %u, of %u in all", p->uid, own, all);
}

static enum rc begin(struct door *d, struct connection *n, struct err *e)
{
	pthread_attr_t a;
	pthread_t thread;

	pthread_mutex_lock(&d->lock);
	if (admit(d, &n->call.peer, e) == RC_OK) {
		(void)pthread_attr_init(&a);
		(void)pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
		errno = pthread_create(&thread, &a, connection_run, n);
		(void)pthread_attr_destroy(&a);
		if (errno)
			err_errno(e, RC_BUSY, "pthread_create", NULL, "a peer");
		else {
			/* Its end waits for this lock. */
			n->next = d->open;
			d->open = n;
			e->rc = RC_OK;
		}
	}
	pthread_mutex_unlock(&d->lock);
	return e->rc;
}

static void welcome(struct door *d, int fd)
{
	const struct timeval patience = {.tv_sec = SEND_SECONDS};
	struct connection *n = calloc(1, sizeof *n);
	struct err e = {0};

	if (!n) {
		fd_close(fd);
		return;
	}
	n->door = d;
	n->call.service = d->service;
	n->call.fd = fd;
	n->call.give = -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof patience);
	if (sock_peer(fd, &n->call.peer, &e) != RC_OK ||
	    begin(d, n, &e) != RC_OK) {
		turn_away(&n->call, &e);
		free(n);
	}
}

enum rc door_open(struct service *s, struct door **out, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	struct door *d = calloc(1, sizeof *d);

	cluster_path(s->cluster, PATH_FRONT_SOCKET, path);
	if (!d)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", path);
	d->service = s;
	if (sock_listen(path, 0666, &d->listener, e) != RC_OK) {
		free(d);
		return err_hint(e, "itlkeeperd makes the folder; it must belong to front's user");
	}
	(void)pthread_mutex_init(&d->lock, NULL);
	(void)pthread_cond_init(&d->ended, NULL);
	*out = d;
	return RC_OK;
}

enum rc door_serve(struct door *d, int wake_fd, struct err *e)
{
	struct pollfd p[] = {{.fd = d->listener, .events = POLLIN},
			     {.fd = wake_fd, .events = POLLIN}};

	while (!p[1].revents) {
		int fd = -1;

		if (poll(p, COUNT_OF(p), -1) <= 0 || !p[0].revents)
			continue;
		if (sock_accept(d->listener, &fd, e) == RC_OK) {
			if (fd >= 0)
				welcome(d, fd);
			continue;
		}
		if (e->code != EMFILE && e->code != ENFILE)
			return e->rc;
		log_error("door", e);
		(void)poll(&p[1], 1, 100); /* until somebody leaves */
	}
	return RC_OK;
}

void door_free(struct door *d)
{
	if (!d)
		return;
	fd_close(d->listener);
	pthread_mutex_lock(&d->lock);
	for (struct connection *n = d->open; n; n = n->next)
		(void)shutdown(n->call.fd, SHUT_RDWR);
	while (d->open)
		pthread_cond_wait(&d->ended, &d->lock);
	pthread_mutex_unlock(&d->lock);
	pthread_cond_destroy(&d->ended);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
