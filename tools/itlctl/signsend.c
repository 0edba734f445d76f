/* Descriptors go to front, headers come back. */
#include "itlctl/answer.h"
#include "itlctl/sign.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/proc.h"
#include <sys/stat.h>
#include <time.h>

#define COME_BACK_SECONDS 20.0 /* how long a restarting front is waited for */
#define BUSY_SECONDS 300.0     /* and room at its door, which other workers have, too */
#define HEADERS_MAX ((size_t)FRONT_FILES_MAX * (4 + ITL_MAX_SGN_HEADER))

_Static_assert(SGN_BATCH_MAX <= FRONT_FILES_MAX &&
		       SGN_BATCH_MAX * (SGN_NAME_MAX + 3) + 512 <= FRONT_REQUEST_MAX,
	       "a batch is one request");

/* A batch as the door takes it: without the files whose names JSON cannot hold. */
struct request {
	struct sgn_file *files[SGN_BATCH_MAX];
	int fds[SGN_BATCH_MAX];
	size_t n;
	json_t *json;
};

static void request_clear_at(struct request *q)
{
	json_decref(q->json);
}

static enum rc request_of(const struct sign_send *s, unsigned digest, struct sgn_file *files,
			  size_t n, struct request *q, struct err *e)
{
	json_t *names = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(names, json_string(files[i].name)) != 0) {
			err_set(&files[i].error, RC_REFUSED, "sign",
				"its name is not UTF-8: phones do not ask for it", NULL,
				"a file");
			continue;
		}
		q->files[q->n] = &files[i];
		q->fds[q->n++] = files[i].fd;
	}
	q->json = json_pack("{s:s, s:s, s:o, s:s, s:I}", "do", "sign", "node",
			    s->ctl->node->id, "names", names, "digest",
			    digest == ITL_SHA512 ? "sha512" : "sha1", "timestamp",
			    (json_int_t)time(NULL));
	if (!q->json)
		return err_set(e, RC_ERROR, "sign", "out of memory", NULL, "a request");
	return RC_OK;
}

static enum rc dial(struct sign_send *s, unsigned worker, struct err *e)
{
	char path[CLUSTER_PATH_MAX];

	if (s->front[worker])
		return RC_OK;
	cluster_path(s->ctl->cluster, PATH_FRONT_SOCKET, path);
	return front_open(path, &s->front[worker], e);
}

/* A front that is restarted comes back, and a full door empties: a long run goes on. */
static enum rc call(struct sign_send *s, unsigned worker, const struct request *q,
		    json_t **result, int *headers, struct err *e)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	double began = proc_now();
	enum rc rc;

	for (;;) {
		double patience = COME_BACK_SECONDS;

		rc = dial(s, worker, e);
		if (rc == RC_OK)
			rc = front_call_files(s->front[worker], q->json, q->fds, q->n,
					      result, headers, e);
		if (rc == RC_BUSY)
			patience = BUSY_SECONDS;
		else if (rc != RC_STALE)
			return rc;
		if (proc_now() >= began + patience)
			return rc;
		front_free(s->front[worker]);
		s->front[worker] = NULL;
		(void)nanosleep(&pause, NULL);
	}
}

static enum rc malformed(struct err *e)
{
	return err_set(e, RC_ERROR, "sign", "front's answer cannot be read",
		       "are both programs of one version?", "headers");
}

static enum rc take_headers(struct request *q, int fd, struct err *e)
{
	uint8_t CLEANUP_FREE *p = malloc(HEADERS_MAX);
	struct reader r;
	size_t n = 0;

	if (!p)
		return err_errno(e, RC_ERROR, "malloc", NULL, "headers");
	if (!file_read_start(fd, p, HEADERS_MAX, &n))
		return err_errno(e, RC_ERROR, "read", NULL, "headers");
	r = reader_of(bytes_of(p, n));
	for (size_t i = 0; i < q->n; i++) {
		struct bytes h = read_bytes32(&r);

		if (h.n == 0)
			continue;
		q->files[i]->header = bytes_copy(h);
		if (!q->files[i]->header)
			return err_errno(e, RC_ERROR, "malloc", NULL, "a header");
		q->files[i]->nheader = h.n;
	}
	return reader_done(&r) ? RC_OK : malformed(e);
}

static enum rc take_refusals(struct request *q, json_t *result, struct err *e)
{
	json_t *list, *one;
	size_t i;

	if (answer_unpack(result, "sign", e, "{s:o}", "refused", &list) != RC_OK)
		return e->rc;
	json_array_foreach(list, i, one) {
		json_int_t at = answer_int(one, "at");

		if (at < 0 || (size_t)at >= q->n)
			return malformed(e);
		(void)err_from_json(json_object_get(one, "error"), &q->files[at]->error);
	}
	return RC_OK;
}

enum rc sign_send(struct sign_send *s, unsigned worker, unsigned digest,
		  struct sgn_file *files, size_t n, struct err *e)
{
	struct request q CLEANUP(request_clear) = {.n = 0};
	json_auto_t *result = NULL;
	int CLEANUP(fd_close) headers = -1;

	if (request_of(s, digest, files, n, &q, e) != RC_OK)
		return e->rc;
	if (q.n == 0)
		return RC_OK;
	if (call(s, worker, &q, &result, &headers, e) != RC_OK ||
	    take_headers(&q, headers, e) != RC_OK)
		return e->rc;
	return take_refusals(&q, result, e);
}

void sign_send_clear(struct sign_send *s)
{
	for (size_t i = 0; i < SGN_WORKERS_MAX; i++)
		front_free(s->front[i]);
}
