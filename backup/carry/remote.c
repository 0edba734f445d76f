#include "carry/remote.h"
#include "base/num.h"
#include "carry/carry.h"
#include "carry/name.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_HOSTKEY 16384u /* bytes of what it says of a server's key */

CLEANUP_DEFINE(json_t *, json_decref);

/* A new connection for each job: one that a killed child left could be in the
 * middle of a question. */
static enum rc connect_agent(const char *path, int *out, struct err *e)
{
	int CLEANUP(fd_close) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof a.sun_path)
		return err_set(e, RC_USAGE, "agent", "the path is too long", NULL,
			       "%s", path);
	strcpy(a.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		return err_errno(e, RC_ERROR, "agent",
				 "start an SSH agent (ssh-agent, ssh-add), or do without",
				 "%s", path);
	*out = fd;
	fd = -1;
	return RC_OK;
}

/* A login is no part of `hostkey`, which has no fingerprint yet. */
enum rc carry_host_run(struct carry_host *h, const char *what, json_t *more,
		       struct carry_job job, uint8_t **result, size_t *n,
		       struct err *e)
{
	bool login = h->fingerprint[0] != '\0';
	int CLEANUP(fd_close) agent = -1;
	json_t CLEANUP(json_decref) *members = more;

	if (login && h->agent && connect_agent(h->agent, &agent, e) != RC_OK)
		return e->rc;
	job.job = json_pack(
		"{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s?, s:b, s:b}", "do", what,
		"host", h->host, "port", (int)h->port, "user", h->user, "seconds",
		(int)h->seconds, "known_hosts", h->known_hosts, "fingerprint",
		h->fingerprint, "identity", login ? h->identity : NULL, "agent",
		agent >= 0, "password", login && h->password);
	if (!more || !job.job || json_object_update(job.job, members) != 0) {
		json_decref(job.job);
		return err_set(e, RC_USAGE, what, "is not a text of UTF-8", NULL,
			       "%s", h->host);
	}
	job.program = h->program;
	job.password = login ? h->password : NULL;
	job.agent_fd = agent;
	job.seconds = h->seconds;
	job.stop_fd = h->stop_fd;
	return carry_run(&job, result, n, e);
}

/* ---- the server's key ---- */

struct hostkey {
	const char *state, *type, *fingerprint, *address, *entry;
	const char *known, *file; /* of before; NULL unless it has changed */
};

static enum rc read_hostkey(const json_t *j, struct hostkey *k, struct err *e)
{
	json_error_t je;
	json_t *known, *file;

	if (json_unpack_ex((json_t *)(uintptr_t)j, &je, JSON_STRICT,
			   "{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "state",
			   &k->state, "type", &k->type, "fingerprint",
			   &k->fingerprint, "address", &k->address, "entry",
			   &k->entry, "known", &known, "file", &file) != 0)
		return err_set(e, RC_ERROR, "host key", je.text, NULL, "carry");
	k->known = json_string_value(known);
	k->file = json_string_value(file);
	return RC_OK;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* The child met the server: what it says is not shown unless it can be true. */
static bool can_be(const struct carry_host *h, const struct hostkey *k)
{
	bool changed = !strcmp(k->state, "changed");

	if (changed && (!k->known || !k->file ||
			(strcmp(k->file, h->known_hosts) != 0 &&
			 strcmp(k->file, CARRY_KNOWN_HOSTS) != 0)))
		return false;
	return is_plain(k->type) && is_plain(k->address) &&
	       strlen(k->fingerprint) < sizeof h->fingerprint &&
	       known_hosts_line_ok(k->entry, h->host, h->port, k->fingerprint);
}

static enum rc changed(const struct carry_host *h, const struct hostkey *k,
		       struct err *e)
{
	char why[sizeof e->why], name[CARRY_KNOWN_HOST_MAX];

	(void)snprintf(why, sizeof why,
		       "the host key has CHANGED: it is %s, and was %s",
		       k->fingerprint, k->known);
	err_set(e, RC_REFUSED, "host key", why, NULL, "%.90s (%s) in %.90s",
		h->host, k->address, k->file);
	(void)snprintf(e->hint, sizeof e->hint,
		       "ask its administrator whether it has a new key; only then forget the old one: ssh-keygen -f %.70s -R '%.70s'",
		       k->file, carry_known_host(h->host, h->port, name));
	return e->rc;
}

static enum rc unknown(const struct carry_host *h, const struct hostkey *k,
		       bool asked, struct err *e)
{
	char why[sizeof e->why];

	(void)snprintf(why, sizeof why, "the host is not known; its %s key is %s",
		       k->type, k->fingerprint);
	err_set(e, RC_REFUSED, "host key",
		asked ? "the host key was not accepted" : why, NULL, "%.90s (%s)",
		h->host, k->address);
	if (!asked)
		(void)snprintf(e->hint, sizeof e->hint,
			       "compare it with the server's own (ssh-keygen -lf), then: ssh-keyscan -p %u %.80s >>%.80s",
			       h->port, h->host, h->known_hosts);
	return e->rc;
}

static enum rc accept_key(struct carry_host *h, const struct hostkey *k,
			  carry_confirm *confirm, void *arg, struct err *e)
{
	struct carry_host_key shown = {.host = h->host,
				       .address = k->address,
				       .type = k->type,
				       .fingerprint = k->fingerprint,
				       .entry = k->entry};
	bool yes = false;

	if (!confirm)
		return unknown(h, k, false, e);
	if (confirm(arg, &shown, &yes, e) != RC_OK)
		return e->rc;
	return yes ? known_hosts_add(h->known_hosts, k->entry, 0600, e)
		   : unknown(h, k, true, e);
}

enum rc carry_host_learn(struct carry_host *h, carry_confirm *confirm, void *arg,
			 struct err *e)
{
	struct carry_job job = CARRY_JOB(.max = MAX_HOSTKEY);
	uint8_t CLEANUP_FREE *text = NULL;
	json_t CLEANUP(json_decref) *j = NULL;
	struct hostkey k;
	size_t n = 0;

	h->fingerprint[0] = '\0';
	if (carry_host_run(h, "hostkey", json_object(), job, &text, &n, e) != RC_OK)
		return e->rc;
	j = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	if (read_hostkey(j, &k, e) != RC_OK)
		return e->rc;
	if (!can_be(h, &k))
		return err_set(e, RC_ERROR, "host key",
			       "carry says what cannot be", "do not use this server",
			       "%s", h->host);
	if (!strcmp(k.state, "changed"))
		return changed(h, &k, e);
	if (strcmp(k.state, "known") != 0 &&
	    accept_key(h, &k, confirm, arg, e) != RC_OK)
		return e->rc;
	strcpy(h->fingerprint, k.fingerprint);
	return RC_OK;
}
