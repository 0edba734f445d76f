#include "node_ssh.h"
#include "base/log.h"
#include "base/proc.h"
#include "carry/remote.h"
#include <string.h>

#define MAX_NOTE 1024u /* bytes of what a replace brings */

CLEANUP_DEFINE(json_t *, json_decref);

/* A program cannot compare a fingerprint: an administrator is asked, elsewhere. */
static enum rc not_known(void *arg, const struct carry_host_key *k, bool *yes,
			 struct err *e)
{
	struct node_key *out = arg;
	char why[sizeof e->why];

	*yes = false;
	if (out) {
		out->unknown = strlen(k->entry) < sizeof out->entry;
		(void)snprintf(out->type, sizeof out->type, "%s", k->type);
		(void)snprintf(out->fingerprint, sizeof out->fingerprint, "%s",
			       k->fingerprint);
		(void)snprintf(out->address, sizeof out->address, "%s",
			       k->address);
		(void)snprintf(out->entry, sizeof out->entry, "%s", k->entry);
	}
	(void)snprintf(why, sizeof why, "the host is not known; its %s key is %s",
		       k->type, k->fingerprint);
	return err_set(e, RC_REFUSED, "host key", why,
		       "compare it with the server's own (ssh-keygen -lf), and accept it: itlctl node check",
		       "%.90s (%s)", k->host, k->address);
}

/* key: NULL, or what becomes known of a host that is not known. */
static enum rc run(struct service *s, const struct cluster_node *n,
		   struct node_key *key, const char *what, json_t *more,
		   unsigned seconds, struct carry_job job, uint8_t **result,
		   size_t *len, struct err *e)
{
	struct carry_host h = {.program = s->carry,
			       .host = n->ssh.host,
			       .user = n->ssh.user,
			       .port = n->ssh.port,
			       .known_hosts = n->known_hosts,
			       .agent = n->agent,
			       .identity = n->identity,
			       .seconds = seconds,
			       .stop_fd = s->stop_fd};
	double end = proc_now() + seconds, left;

	if (carry_host_learn(&h, not_known, key, e) != RC_OK) {
		json_decref(more);
		return e->rc;
	}
	left = end - proc_now();
	h.seconds = left > 1 ? (unsigned)left : 1;
	return carry_host_run(&h, what, more, job, result, len, e);
}

/* Where the login has SFTP alone a phone may have met a moment without the file. */
static void tell_note(const struct cluster_node *n, const uint8_t *text, size_t len)
{
	json_t CLEANUP(json_decref) *j = json_loadb(
		(const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *note = json_string_value(json_object_get(j, "note"));
	char said[256];

	if (!note || !note[0])
		return;
	(void)snprintf(said, sizeof said, "%s", note);
	log_warn("event=replaced node=%s atomic=no msg=\"%s\"", n->id,
		 service_quotable(said));
}

enum rc node_ssh_put(struct service *s, const struct cluster_node *n,
		     const char *name, struct bytes content, unsigned seconds,
		     struct err *e)
{
	struct carry_job job = CARRY_JOB(.content = content, .max = MAX_NOTE);
	uint8_t CLEANUP_FREE *text = NULL;
	size_t len = 0;

	if (run(s, n, NULL, "replace",
		json_pack("{s:s, s:s, s:i}", "folder", n->ssh.path, "name", name,
			  "mode", 0644),
		seconds, job, &text, &len, e) != RC_OK)
		return e->rc;
	tell_note(n, text, len);
	return RC_OK;
}

enum rc node_ssh_talk(struct service *s, const struct cluster_node *n, const char *what,
		      size_t max, const struct carry_talk *talk, unsigned seconds,
		      struct err *e)
{
	struct carry_job job = CARRY_JOB(.talk = talk, .max = MAX_NOTE);
	uint8_t CLEANUP_FREE *text = NULL;
	size_t len = 0;

	if (run(s, n, NULL, what,
		json_pack("{s:s, s:I}", "folder", n->ssh.path, "max", (json_int_t)max),
		seconds, job, &text, &len, e) != RC_OK)
		return e->rc;
	tell_note(n, text, len);
	return RC_OK;
}

enum rc node_ssh_restart(struct service *s, const struct cluster_node *n,
			 unsigned seconds, struct err *e)
{
	struct carry_job job = CARRY_JOB();

	return run(s, n, NULL, "exec", json_pack("{s:s}", "command", n->restart),
		   seconds, job, NULL, NULL, e);
}

enum rc node_ssh_probe(struct service *s, const struct cluster_node *n,
		       struct node_key *key, unsigned seconds, struct err *e)
{
	struct carry_job job = CARRY_JOB();

	return run(s, n, key, "probe", json_pack("{s:s}", "folder", n->ssh.path),
		   seconds, job, NULL, NULL, e);
}
