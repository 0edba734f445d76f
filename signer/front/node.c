/* A TFTP node's server: every error says whose it is. */
#include "node.h"
#include "base/proc.h"
#include "bounce.h"
#include "carry/carry.h"
#include "carry/run.h"
#include "itl/itl.h"
#include "node_ssh.h"
#include <string.h>

#define GRACE 2u /* seconds that a step takes beside its deadline, at most */

/* ---- one job of a node at a time ---- */

static size_t place_of(const struct service *s, const char *id)
{
	size_t i = 0;

	while (i < s->nbusy && strcmp(s->busy[i], id) != 0)
		i++;
	return i;
}

static void job_begin(struct service *s, const struct cluster_node *n)
{
	pthread_mutex_lock(&s->lock);
	while (place_of(s, n->id) < s->nbusy || s->nbusy == SERVICE_BUSY_MAX)
		service_wait(s, 0);
	s->busy[s->nbusy++] = n->id;
	pthread_mutex_unlock(&s->lock);
}

static enum rc job_end(struct service *s, const struct cluster_node *n,
		       enum rc rc, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	s->busy[place_of(s, n->id)] = s->busy[s->nbusy - 1];
	s->nbusy--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return rc == RC_OK ? RC_OK : err_within(e, n->host);
}

/* ---- how long it takes ---- */

static _Thread_local double until; /* proc_now(); 0: no attempt runs */

void node_attempt(double seconds)
{
	until = seconds > 0 ? proc_now() + seconds : 0;
}

/* At least a second: a job without time would say nothing of its node. */
static unsigned in_time(unsigned seconds)
{
	double left = until - proc_now();

	if (until == 0 || left >= seconds)
		return seconds;
	return left > 1 ? (unsigned)left : 1;
}

unsigned node_attempt_seconds(const struct cluster *c)
{
	return c->put_seconds + c->restart_seconds + c->fetch_seconds;
}

unsigned node_return_seconds(const struct cluster *c, unsigned retry_seconds)
{
	unsigned longest = c->put_seconds;

	if (longest < c->restart_seconds)
		longest = c->restart_seconds;
	if (longest < c->fetch_seconds)
		longest = c->fetch_seconds;
	return longest + GRACE + retry_seconds + node_attempt_seconds(c) + GRACE;
}

/* ---- the jobs ---- */

static enum rc put_here(struct service *s, const struct cluster_node *n,
			const char *name, struct bytes content, unsigned seconds,
			struct err *e)
{
	struct carry_job job = CARRY_JOB(.program = s->carry, .content = content,
					 .seconds = seconds);

	job.stop_fd = s->stop_fd;
	job.job = json_pack("{s:s, s:s, s:s, s:i}", "do", "put", "folder",
			    n->folder, "name", name, "mode", 0644);
	return carry_run(&job, NULL, NULL, e);
}

enum rc node_put(struct service *s, const struct cluster_node *n,
		 const char *name, struct bytes content, struct err *e)
{
	unsigned seconds;
	enum rc rc;

	job_begin(s, n);
	seconds = in_time(s->cluster->put_seconds);
	rc = n->remote ? node_ssh_put(s, n, name, content, seconds, e)
		       : put_here(s, n, name, content, seconds, e);
	return job_end(s, n, rc, e);
}

enum rc node_talk(struct service *s, const struct cluster_node *n, const char *what,
		  size_t max, const struct carry_talk *talk, struct err *e)
{
	enum rc rc;

	job_begin(s, n);
	rc = node_ssh_talk(s, n, what, max, talk, s->cluster->put_seconds, e);
	return job_end(s, n, rc, e);
}

/* Root has its whole time: it would not know that nobody waits any more. */
enum rc node_bounce(struct service *s, const struct cluster_node *n,
		    struct err *e)
{
	enum rc rc = RC_OK;

	job_begin(s, n);
	if (!n->remote)
		rc = bounce(s->cluster, n, s->stop_fd, e);
	else if (n->restart)
		rc = node_ssh_restart(s, n, s->cluster->restart_seconds, e);
	return job_end(s, n, rc, e);
}

static enum rc fetch(struct service *s, const struct cluster_node *n,
		     const char *scheme, unsigned port, const char *name,
		     double end, uint8_t **out, size_t *len, struct err *e)
{
	double left = end - proc_now();
	unsigned seconds = left > 1 ? (unsigned)(left + 0.5) : 1;
	bool v6 = strchr(n->address, ':') != NULL;
	char url[256];
	struct carry_job job = CARRY_JOB(.program = s->carry,
					 .max = CARRY_CONTENT_MAX,
					 .seconds = seconds);

	job.stop_fd = s->stop_fd;
	(void)snprintf(url, sizeof url, "%s://%s%s%s:%u/%s", scheme,
		       v6 ? "[" : "", n->address, v6 ? "]" : "", port, name);
	job.job = json_pack("{s:s, s:s, s:i, s:i}", "do", "fetch", "url", url,
			    "seconds", (int)seconds, "max", ITL_MAX);
	return carry_run(&job, out, len, e);
}

static enum rc fetch_both(struct service *s, const struct cluster_node *n,
			  const char *name, uint8_t **out, size_t *len,
			  struct err *e)
{
	double end = proc_now() + in_time(s->cluster->fetch_seconds);
	uint8_t CLEANUP_FREE *tftp = NULL, CLEANUP_FREE *http = NULL;
	size_t ntftp = 0, nhttp = 0;

	if (fetch(s, n, "tftp", n->tftp_port, name, end, &tftp, &ntftp, e) != RC_OK)
		return e->rc;
	if (n->http_port && fetch(s, n, "http", n->http_port, name, end, &http,
				  &nhttp, e) != RC_OK) {
		/* TFTP has it: then this is a fault, not an empty node. */
		e->rc = e->rc == RC_NOTFOUND ? RC_ERROR : e->rc;
		return e->rc;
	}
	if (n->http_port &&
	    !bytes_equal(bytes_of(tftp, ntftp), bytes_of(http, nhttp)))
		return err_set(e, RC_VERIFY, "fetch",
			       "its HTTP and TFTP servers serve different files",
			       "let both serve the folder of cluster.conf",
			       "%s: %s", n->host, name);
	*out = tftp;
	*len = ntftp;
	tftp = NULL;
	return RC_OK;
}

enum rc node_fetch(struct service *s, const struct cluster_node *n,
		   const char *name, uint8_t **out, size_t *len, struct err *e)
{
	job_begin(s, n);
	return job_end(s, n, fetch_both(s, n, name, out, len, e), e);
}

/* ---- a probe ---- */

static enum rc writable(struct service *s, const struct cluster_node *n,
			struct err *e)
{
	struct carry_job job = CARRY_JOB(.program = s->carry,
					 .seconds = s->cluster->put_seconds);

	job.stop_fd = s->stop_fd;
	job.job = json_pack("{s:s, s:s}", "do", "writable", "folder", n->folder);
	return carry_run(&job, NULL, NULL, e);
}

static enum rc answers(struct service *s, const struct cluster_node *n,
		       struct err *e)
{
	double end = proc_now() + s->cluster->fetch_seconds;
	uint8_t CLEANUP_FREE *list = NULL;
	size_t len;
	enum rc rc = fetch(s, n, "tftp", n->tftp_port, ITL_FILE, end, &list, &len,
			   e);

	/* No file, or one that is none: it answers. */
	return rc == RC_NOTFOUND || rc == RC_VERIFY ? RC_OK : rc;
}

enum rc node_probe(struct service *s, const struct cluster_node *n,
		   struct node_key *key, struct err *e)
{
	enum rc rc;

	*key = (struct node_key){0};
	job_begin(s, n);
	rc = n->remote ? node_ssh_probe(s, n, key, s->cluster->put_seconds, e)
		       : writable(s, n, e);
	if (rc == RC_OK)
		rc = answers(s, n, e);
	return job_end(s, n, rc, e);
}
