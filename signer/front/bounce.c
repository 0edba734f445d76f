#include "bounce.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/num.h"
#include "base/proc.h"
#include "cluster/restart.h"
#include <limits.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>

#define MAX_ANSWER 4096  /* bytes */
#define LOOK_EVERY_MS 40 /* a rename in a tmpfs; a restart takes longer */
#define ROOT_SECONDS 2   /* that root may take beside the command */

/* What root may be asked for. */
struct command {
	const char *name; /* of the request */
	const char *text; /* of cluster.conf */
	const char *key;
	const char *by_hand;
	unsigned seconds;
};

static enum rc path_of(const struct cluster *c, enum cluster_path which,
		       const char *name, char *to, size_t cap, struct err *e)
{
	char dir[CLUSTER_PATH_MAX];

	cluster_path(c, which, dir);
	return file_path(to, cap, dir, name, e);
}

/* True if the file is the answer to this nonce: its status and last line. */
static bool read_answer(const char *path, const char *nonce, int *status,
			char *said, size_t cap)
{
	uint8_t CLEANUP_FREE *text = NULL;
	char *line, *end;
	struct err ignored;
	size_t n = 0;
	long v;

	if (file_read(path, MAX_ANSWER, &text, &n, &ignored) != RC_OK ||
	    n <= RESTART_NONCE_HEX || text[RESTART_NONCE_HEX] != '\n' ||
	    memcmp(text, nonce, RESTART_NONCE_HEX) != 0)
		return false;
	line = (char *)text + RESTART_NONCE_HEX + 1;
	v = strtol(line, &end, 10);
	if (end == line || v < 0 || v > 255)
		return false;
	*status = (int)v;
	if (*end == '\n')
		end++;
	(void)snprintf(said, cap, "%.*s", num_int(strcspn(end, "\n")), end);
	return true;
}

static enum rc wait_answer(const char *key, unsigned seconds, const char *path,
			   const char *nonce, int stop_fd, int *status,
			   char *said, size_t cap, struct err *e)
{
	double deadline = proc_now() + seconds + ROOT_SECONDS;
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};

	while (!read_answer(path, nonce, status, said, cap)) {
		if (proc_now() > deadline)
			return err_set(e, RC_STALE, key,
				       "nobody answered the request",
				       "does itlkeeperd (or its systemd path unit) run? see its log",
				       "%s", path);
		if (poll(&stop, 1, LOOK_EVERY_MS) > 0)
			return err_set(e, RC_STALE, key,
				       "front is being stopped",
				       "it goes on with the next start", "%s",
				       path);
	}
	return RC_OK;
}

static enum rc ask_root(const struct cluster *c, const struct command *cmd,
			int stop_fd, struct err *e)
{
	char request[PATH_MAX], answer[PATH_MAX], nonce[RESTART_NONCE_HEX + 2];
	char said[160] = "", why[256];
	uint8_t random[RESTART_NONCE_HEX / 2];
	int status = 0;

	randombytes_buf(random, sizeof random);
	hex_of(bytes_of(random, sizeof random), nonce, sizeof nonce);
	strcat(nonce, "\n");
	if (path_of(c, PATH_RESTART, cmd->name, request, sizeof request, e) != RC_OK ||
	    path_of(c, PATH_RESTARTED, cmd->name, answer, sizeof answer, e) != RC_OK)
		return e->rc;
	if (file_replace(request, bytes_of_text(nonce), 0644, e) != RC_OK)
		return err_hint(e, "itlkeeperd makes this folder; it must belong to front's user");
	if (wait_answer(cmd->key, cmd->seconds, answer, nonce, stop_fd, &status,
			said, sizeof said, e) != RC_OK) {
		(void)unlink(request); /* nobody shall find it much later */
		return e->rc;
	}
	if (status == 0)
		return RC_OK;
	(void)snprintf(why, sizeof why, "the command %s: %s%sstatus %d",
		       status == RESTART_LATE ? "did not end in time"
						 : "failed",
		       said, said[0] ? ", " : "", status);
	return err_set(e, RC_ERROR, cmd->key, why, cmd->by_hand, "%s", cmd->text);
}

enum rc bounce(const struct cluster *c, const struct cluster_node *n,
	       int stop_fd, struct err *e)
{
	const struct command restart = {
		n->id, n->restart, "restart",
		"run this `restart` command of cluster.conf by hand, as root",
		c->restart_seconds};

	return ask_root(c, &restart, stop_fd, e);
}

enum rc bounce_phones(const struct cluster *c, int stop_fd, struct err *e)
{
	const struct command reset = {
		RESTART_PHONES, c->phone_reset, "phone-reset",
		"reset the phones by hand, or run this `phone-reset` command of cluster.conf as root",
		c->phone_reset_seconds};

	return ask_root(c, &reset, stop_fd, e);
}
