/* A TFTP node's server: every error says whose it is. */
#include "node.h"
#include "bounce.h"
#include "carry/carry.h"
#include "carry/run.h"
#include "itl/itl.h"
#include <string.h>

enum rc node_put(struct service *s, const struct cluster_node *n,
		 const char *name, struct bytes content, struct err *e)
{
	struct carry_job job = CARRY_JOB(.program = s->carry,
					 .content = content,
					 .seconds = s->cluster->put_seconds);

	job.stop_fd = s->stop_fd;
	job.job = json_pack("{s:s, s:s, s:s, s:i}", "do", "put", "folder",
			    n->folder, "name", name, "mode", 0644);
	return carry_run(&job, NULL, NULL, e) == RC_OK ? RC_OK
						       : err_within(e, n->host);
}

enum rc node_bounce(struct service *s, const struct cluster_node *n,
		    struct err *e)
{
	return bounce(s->cluster, n, s->stop_fd, e) == RC_OK
		       ? RC_OK
		       : err_within(e, n->host);
}

static enum rc fetch(struct service *s, const struct cluster_node *n,
		     const char *scheme, unsigned port, const char *name,
		     uint8_t **out, size_t *len, struct err *e)
{
	unsigned seconds = s->cluster->fetch_seconds;
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
	if (carry_run(&job, out, len, e) != RC_OK)
		return err_within(e, n->host);
	return RC_OK;
}

enum rc node_fetch(struct service *s, const struct cluster_node *n,
		   const char *name, uint8_t **out, size_t *len, struct err *e)
{
	uint8_t CLEANUP_FREE *tftp = NULL, CLEANUP_FREE *http = NULL;
	size_t ntftp = 0, nhttp = 0;

	if (fetch(s, n, "tftp", n->tftp_port, name, &tftp, &ntftp, e) != RC_OK)
		return e->rc;
	if (n->http_port &&
	    fetch(s, n, "http", n->http_port, name, &http, &nhttp, e) != RC_OK) {
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
