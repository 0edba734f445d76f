#include "front/client.h"
#include "base/errjson.h"
#include "base/sock.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_ANSWER (8u << 20) /* bytes of an answer in all its pieces */

struct front {
	int fd;
	char *path;
	uint8_t message[SOCK_MESSAGE_MAX];
};

enum rc front_open(const char *socket_path, struct front **out, struct err *e)
{
	struct front CLEANUP(front_free) *f = calloc(1, sizeof *f);

	if (!f || !(f->path = strdup(socket_path)))
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", socket_path);
	f->fd = -1;
	if (sock_connect(socket_path, &f->fd, e) != RC_OK)
		return e->rc;
	*out = f;
	f = NULL;
	return RC_OK;
}

void front_free(struct front *f)
{
	if (!f)
		return;
	fd_close(f->fd);
	free(f->path);
	free(f);
}

/* What waits to be read: more than 0, 0 at the end, less if nothing does. */
static ssize_t pending(const struct front *f)
{
	char byte;

	return recv(f->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

/* A prompt can stand open longer than front keeps a silent peer: nothing was
 * asked yet, so a connection that has ended is simply made anew. */
static enum rc connect_again(struct front *f, struct err *e)
{
	int fd = -1;

	if (pending(f) != 0)
		return RC_OK;
	if (sock_connect(f->path, &fd, e) != RC_OK)
		return e->rc;
	fd_close(f->fd);
	f->fd = fd;
	return RC_OK;
}

/* One who is turned away at the door is told so, and not heard. */
static bool was_turned_away(const struct err *e)
{
	return e->rc == RC_STALE && e->code == EPIPE;
}

static enum rc send_request(struct front *f, json_t *request, const int *files, size_t n,
			    struct err *e)
{
	char CLEANUP_FREE *text = json_dumps(request, JSON_COMPACT);

	if (!text)
		return err_set(e, RC_ERROR, "front", "the request is no JSON",
			       NULL, "%s", f->path);
	if (connect_again(f, e) != RC_OK)
		return e->rc;
	return sock_send_all(f->fd, bytes_of_text(text), files, n, 0, e);
}

/* A peer that hangs up without having read makes the first call fail, even if
 * it said why before. */
static enum rc receive_message(struct front *f, size_t *n, int *pass, struct err *e)
{
	enum rc rc = sock_recv(f->fd, f->message, sizeof f->message, n, pass, 0,
			       e);

	if (rc != RC_OK && e->code == ECONNRESET)
		rc = sock_recv(f->fd, f->message, sizeof f->message, n, pass, 0,
			       e);
	return rc;
}

/* One answer: pieces that a '+' leads, then the last one. pass: NULL, or what comes
 * beside it, -1 if nothing does. */
static enum rc receive(struct front *f, json_t **out, int *pass, struct err *e)
{
	char CLEANUP_FREE *text = NULL;
	size_t total = 0, n = 0;
	bool more;
	json_error_t je;

	do {
		char *grown;

		if (pass) {
			fd_close(*pass);
			*pass = -1;
		}
		if (receive_message(f, &n, pass, e) != RC_OK)
			return err_hint(e, "what was asked may go on: see `show status`, and front's log");
		more = n > 0 && f->message[0] == '+';
		if (total + n > MAX_ANSWER)
			return err_set(e, RC_ERROR, "front",
				       "the answer is too long", NULL, "%s",
				       f->path);
		grown = realloc(text, total + n);
		if (!grown)
			return err_errno(e, RC_ERROR, "realloc", NULL, "%s",
					 f->path);
		text = grown;
		memcpy(text + total, f->message + more, n - more);
		total += n - more;
	} while (more);
	*out = json_loadb(text, total, JSON_REJECT_DUPLICATES, &je);
	if (!*out)
		return err_set(e, RC_ERROR, "front", je.text, NULL, "%s",
			       f->path);
	return RC_OK;
}

enum rc front_call_files(struct front *f, json_t *request, const int *files, size_t n,
			 json_t **result, int *out, struct err *e)
{
	int CLEANUP(fd_close) pass = -1;
	json_t *answer = NULL, *j;
	enum rc rc = RC_OK;

	if (send_request(f, request, files, n, e) != RC_OK && !was_turned_away(e))
		return e->rc;
	if (receive(f, &answer, &pass, e) != RC_OK)
		return e->rc;
	j = json_object_get(answer, "result");
	if (!j)
		rc = err_from_json(json_object_get(answer, "error"), e);
	else if (pass < 0)
		rc = err_set(e, RC_ERROR, "front", "the answer has no descriptor",
			     "are both programs of one version?", "%s", f->path);
	if (rc == RC_OK) {
		*result = json_incref(j);
		*out = pass;
		pass = -1;
	}
	json_decref(answer);
	return rc;
}

enum rc front_call(struct front *f, json_t *request,
		   void (*event)(void *arg, json_t *event), void *arg,
		   json_t **result, struct err *e)
{
	if (send_request(f, request, NULL, 0, e) != RC_OK && !was_turned_away(e))
		return e->rc;
	for (;;) {
		json_t *answer = NULL, *j;

		if (receive(f, &answer, NULL, e) != RC_OK)
			return e->rc;
		if ((j = json_object_get(answer, "result"))) {
			*result = json_incref(j);
			json_decref(answer);
			return RC_OK;
		}
		if (!json_object_get(answer, "event")) {
			enum rc rc = err_from_json(
				json_object_get(answer, "error"), e);

			json_decref(answer);
			return rc;
		}
		if (event)
			event(arg, answer);
		json_decref(answer);
	}
}
