/* A vault on an SFTP server: each operation is a child's job (carry/carry.h). */
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "carry/remote.h"
#include "vault.h"
#include <pwd.h>
#include <string.h>

#define SECONDS 60u /* of a job, if the caller does not say */

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

/* ---- the operations ---- */

static enum rc remote_open(struct vault *v, struct err *e)
{
	const struct vault_access *a = &v->access;
	struct carry_job job = CARRY_JOB();

	if (proc_sibling("carry", v->program, sizeof v->program, e) != RC_OK ||
	    own_known_hosts(v, e) != RC_OK)
		return e->rc;
	v->server = (struct carry_host){.program = v->program,
					.host = v->target.host,
					.user = v->target.user,
					.port = v->target.port,
					.known_hosts = v->known_hosts,
					.agent = a->agent,
					.identity = a->identity,
					.password = a->password,
					.seconds = a->seconds ? a->seconds : SECONDS,
					.stop_fd = a->stop_fd};
	if (carry_host_learn(&v->server, a->confirm, a->arg, e) != RC_OK)
		return e->rc;
	return carry_host_run(&v->server, "probe",
			      json_pack("{s:s}", "folder", v->target.path), job,
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

	return carry_host_run(&v->server, "store",
			      json_pack("{s:s, s:s, s:s?}", "folder",
					v->target.path, "name", name, "aside",
					aside),
			      job, NULL, NULL, e);
}

static enum rc remote_get(struct vault *v, const char *name, size_t max,
			  uint8_t **out, size_t *n, struct err *e)
{
	struct carry_job job = CARRY_JOB(.max = max);

	return carry_host_run(&v->server, "load",
			      json_pack("{s:s, s:s, s:i}", "folder",
					v->target.path, "name", name, "max",
					num_int(max)),
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

	if (carry_host_run(&v->server, "list",
			   json_pack("{s:s}", "folder", v->target.path), job, &text,
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

	return carry_host_run(&v->server, "remove",
			      json_pack("{s:s, s:s}", "folder", v->target.path,
					"name", name),
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
