/* A vault on an SFTP server: each operation is a child's job (carry/carry.h). */
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "carry/run.h"
#include "vault.h"
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SECONDS 60u /* of a job, if the caller does not say */
#define MAX_HOSTKEY 16384u /* bytes of what it says of a server's key */

CLEANUP_DEFINE(json_t *, json_decref);

static enum rc own_known_hosts(struct vault *v, struct err *e)
{
	const char *given = v->access.known_hosts;
	struct passwd *pw = given ? NULL : getpwuid(geteuid());
	int n;

	if (!given && (!pw || !pw->pw_dir || pw->pw_dir[0] != '/'))
		return err_set(e, RC_ERROR, "known hosts",
			       "this user has no home, and so no known hosts",
			       "name a file of known hosts", "%s", v->text);
	n = snprintf(v->known_hosts, sizeof v->known_hosts, "%s%s",
		     given ? given : pw->pw_dir, given ? "" : "/.ssh/known_hosts");
	if (n >= num_int(sizeof v->known_hosts) || v->known_hosts[0] != '/')
		return err_set(e, RC_USAGE, "known hosts",
			       "must be an absolute path", NULL, "%.100s",
			       v->known_hosts);
	return RC_OK;
}

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

/* more: the members that SSH does not stand for; taken over (NULL: they could not
 * be packed). A login is no part of `hostkey`, which has no fingerprint yet. */
static enum rc run(struct vault *v, const char *what, json_t *more,
		   struct carry_job job, uint8_t **result, size_t *n,
		   struct err *e)
{
	const struct vault_access *a = &v->access;
	const struct vault_target *t = &v->target;
	unsigned seconds = a->seconds ? a->seconds : SECONDS;
	bool login = v->fingerprint[0] != '\0';
	int CLEANUP(fd_close) agent = -1;
	json_t CLEANUP(json_decref) *members = more;

	if (login && a->agent && connect_agent(a->agent, &agent, e) != RC_OK)
		return e->rc;
	job.job = json_pack(
		"{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s?, s:b, s:b}", "do", what,
		"host", t->host, "port", (int)t->port, "user", t->user, "seconds",
		(int)seconds, "known_hosts", v->known_hosts, "fingerprint",
		v->fingerprint, "identity", login ? a->identity : NULL, "agent",
		agent >= 0, "password", login && a->password);
	if (!more || !job.job || json_object_update(job.job, members) != 0) {
		json_decref(job.job);
		return err_set(e, RC_USAGE, "vault", "is not a text of UTF-8", NULL,
			       "%s", v->text);
	}
	job.program = v->program;
	job.password = login ? a->password : NULL;
	job.agent_fd = agent;
	job.seconds = seconds;
	job.stop_fd = a->stop_fd;
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

/* The child met the server: what it says is not shown unless it can be true. */
static bool can_be(const struct vault *v, const struct hostkey *k)
{
	bool changed = !strcmp(k->state, "changed");

	if (changed && (!k->known || !k->file ||
			(strcmp(k->file, v->known_hosts) != 0 &&
			 strcmp(k->file, CARRY_KNOWN_HOSTS) != 0)))
		return false;
	return strlen(k->fingerprint) < sizeof v->fingerprint &&
	       known_hosts_line_ok(k->entry, v->target.host, v->target.port,
				   k->fingerprint);
}

static enum rc changed(const struct vault *v, const struct hostkey *k,
		       struct err *e)
{
	char why[sizeof e->why], name[CARRY_KNOWN_HOST_MAX];

	(void)snprintf(why, sizeof why,
		       "the host key has CHANGED: it is %s, and was %s",
		       k->fingerprint, k->known);
	err_set(e, RC_REFUSED, "host key", why, NULL, "%.90s (%s) in %.90s",
		v->target.host, k->address, k->file);
	(void)snprintf(e->hint, sizeof e->hint,
		       "ask its administrator whether it has a new key; only then forget the old one: ssh-keygen -f %.70s -R '%.70s'",
		       k->file,
		       carry_known_host(v->target.host, v->target.port, name));
	return e->rc;
}

static enum rc unknown(const struct vault *v, const struct hostkey *k,
		       bool asked, struct err *e)
{
	char why[sizeof e->why];

	(void)snprintf(why, sizeof why, "the host is not known; its %s key is %s",
		       k->type, k->fingerprint);
	err_set(e, RC_REFUSED, "host key",
		asked ? "the host key was not accepted" : why, NULL, "%.90s (%s)",
		v->target.host, k->address);
	if (!asked)
		(void)snprintf(e->hint, sizeof e->hint,
			       "compare it with the server's own (ssh-keygen -lf), then: ssh-keyscan -p %u %.80s >>%.80s",
			       v->target.port, v->target.host, v->known_hosts);
	return e->rc;
}

static enum rc accept_key(struct vault *v, const struct hostkey *k,
			  struct err *e)
{
	const struct vault_access *a = &v->access;
	struct vault_host_key shown = {.host = v->target.host,
				       .address = k->address,
				       .type = k->type,
				       .fingerprint = k->fingerprint};
	bool yes = false;

	if (!a->confirm)
		return unknown(v, k, false, e);
	if (a->confirm(a->arg, &shown, &yes, e) != RC_OK)
		return e->rc;
	return yes ? known_hosts_add(v->known_hosts, k->entry, e)
		   : unknown(v, k, true, e);
}

static enum rc learn_key(struct vault *v, struct err *e)
{
	struct carry_job job = CARRY_JOB(.max = MAX_HOSTKEY);
	uint8_t CLEANUP_FREE *text = NULL;
	json_t CLEANUP(json_decref) *j = NULL;
	struct hostkey k;
	size_t n = 0;

	if (run(v, "hostkey", json_object(), job, &text, &n, e) != RC_OK)
		return e->rc;
	j = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	if (read_hostkey(j, &k, e) != RC_OK)
		return e->rc;
	if (!can_be(v, &k))
		return err_set(e, RC_ERROR, "host key",
			       "carry says what cannot be", "do not use this server",
			       "%s", v->text);
	if (!strcmp(k.state, "changed"))
		return changed(v, &k, e);
	if (strcmp(k.state, "known") != 0 && accept_key(v, &k, e) != RC_OK)
		return e->rc;
	strcpy(v->fingerprint, k.fingerprint);
	return RC_OK;
}

/* ---- the operations ---- */

static enum rc remote_open(struct vault *v, struct err *e)
{
	struct carry_job job = CARRY_JOB();

	if (proc_sibling("carry", v->program, sizeof v->program, e) != RC_OK ||
	    own_known_hosts(v, e) != RC_OK || learn_key(v, e) != RC_OK)
		return e->rc;
	return run(v, "probe", json_pack("{s:s}", "folder", v->target.path), job,
		   NULL, NULL, e);
}

static void remote_close(struct vault *v)
{
	(void)v;
}

static enum rc remote_put(struct vault *v, const char *name, const char *aside,
			  struct bytes content, struct err *e)
{
	struct carry_job job = CARRY_JOB(.content = content);

	return run(v, "store",
		   json_pack("{s:s, s:s, s:s?}", "folder", v->target.path, "name",
			     name, "aside", aside),
		   job, NULL, NULL, e);
}

static enum rc remote_get(struct vault *v, const char *name, size_t max,
			  uint8_t **out, size_t *n, struct err *e)
{
	struct carry_job job = CARRY_JOB(.max = max);

	return run(v, "load",
		   json_pack("{s:s, s:s, s:i}", "folder", v->target.path, "name",
			     name, "max", num_int(max)),
		   job, out, n, e);
}

static enum rc remote_list(struct vault *v, struct vault_found *to,
			   struct err *e)
{
	struct carry_job job = CARRY_JOB(.max = CARRY_OBJECT_MAX);
	uint8_t CLEANUP_FREE *text = NULL;
	json_t CLEANUP(json_decref) *j = NULL;
	size_t n = 0, i;
	json_t *one;

	if (run(v, "list", json_pack("{s:s}", "folder", v->target.path), job, &text,
		&n, e) != RC_OK)
		return e->rc;
	j = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_array(j))
		return err_set(e, RC_ERROR, "list", "carry says what cannot be",
			       NULL, "%s", v->text);
	json_array_foreach (j, i, one) {
		const char *name =
			json_string_value(json_object_get(one, "name"));
		json_int_t size =
			json_integer_value(json_object_get(one, "size"));

		if (name && size >= 0 &&
		    vault_found(to, name, (uint64_t)size, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc remote_remove(struct vault *v, const char *name, struct err *e)
{
	struct carry_job job = CARRY_JOB();

	return run(v, "remove",
		   json_pack("{s:s, s:s}", "folder", v->target.path, "name", name),
		   job, NULL, NULL, e);
}

const struct vault_kind vault_remote = {
	.open = remote_open,
	.close = remote_close,
	.put = remote_put,
	.get = remote_get,
	.list = remote_list,
	.remove = remote_remove,
};
