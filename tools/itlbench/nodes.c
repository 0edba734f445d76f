/*
 * Publishing to all nodes at once, beside the publisher alone, on a running cluster:
 * a reset, beside a restart of the publisher's TFTP service that brings its own list
 * back. Both put a new list, run the restart command and fetch the list back. It ends
 * with a reset list on the nodes: for a test cluster.
 */
#include "itlbench.h"
#include "ask/ask.h"
#include "base/hex.h"
#include "base/proc.h"
#include "cluster/cluster.h"
#include "front/client.h"
#include "keyd/client.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define GOAL 1.5
#define LIST_MAX 65535u /* bytes of a list */
#define ROUNDS_MIN 2

CLEANUP_DEFINE(json_t *, json_decref);

struct nodes {
	const struct cluster *cluster;
	struct front *front;
	struct keyd *keyd;
	struct secret *admin;
	double alone, all; /* seconds, of all rounds */
	size_t n, failed;  /* nodes of the last reset */
};

/* request: taken over. */
static enum rc ask(struct nodes *b, json_t *request, json_t **answer, struct err *e)
{
	json_t CLEANUP(json_decref) *r = request;

	if (!r)
		return err_set(e, RC_ERROR, "request", "out of memory", NULL, "front");
	return front_call(b->front, r, NULL, NULL, answer, e);
}

/* What a reset needs of its plan, with a ticket for it. */
static enum rc order(struct nodes *b, json_t **request, struct err *e)
{
	json_t CLEANUP(json_decref) *plan = NULL;
	static uint8_t source[LIST_MAX];
	uint8_t ticket[KEYD_TICKET_LEN];
	char hex[2 * KEYD_TICKET_LEN + 1];
	const char *text, *sha1, *id = cluster_publisher(b->cluster)->id;
	struct keyd_intent intent;
	json_int_t timestamp;
	size_t n = 0;

	if (ask(b, json_pack("{s:s, s:s, s:s}", "do", "reset-plan", "how",
			     "localkey", "node", id),
		&plan, e))
		return e->rc;
	if (json_unpack(plan, "{s:s, s:s, s:I}", "source", &text, "source_sha1",
			&sha1, "timestamp", &timestamp) ||
	    sodium_base642bin(source, sizeof source, text, strlen(text), NULL, &n,
			      NULL, sodium_base64_VARIANT_ORIGINAL))
		return err_set(e, RC_ERROR, "reset-plan", "is no plan", NULL, "front");
	intent = keyd_intent_reset(KEYD_LOCALKEY, false, bytes_of(source, n),
				   (uint32_t)timestamp);
	if (keyd_ticket(b->keyd, b->admin, &intent, ticket, e))
		return e->rc;
	*request = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "do", "reset", "how",
			     "localkey", "node", id, "timestamp", timestamp,
			     "source_sha1", sha1, "ticket",
			     hex_of(bytes_of(ticket, sizeof ticket), hex, sizeof hex));
	return RC_OK;
}

static enum rc time_all(struct nodes *b, struct err *e)
{
	json_t CLEANUP(json_decref) *answer = NULL;
	json_t *request = NULL, *node;
	double since;
	size_t i;

	if (order(b, &request, e))
		return e->rc;
	since = proc_now();
	if (ask(b, request, &answer, e))
		return e->rc;
	b->all += proc_now() - since;
	b->n = b->failed = 0;
	json_array_foreach(json_object_get(answer, "nodes"), i, node) {
		b->n++;
		b->failed += !json_is_true(json_object_get(node, "ok"));
	}
	if (b->failed)
		return err_set(e, RC_ERROR, "reset", "nodes failed",
			       "see itlctl show status", "%zu of %zu", b->failed,
			       b->n);
	return RC_OK;
}

static enum rc time_one(struct nodes *b, struct err *e)
{
	json_t CLEANUP(json_decref) *answer = NULL;
	double since = proc_now();

	if (ask(b, json_pack("{s:s, s:s}", "do", "tftp-restart", "node",
			     cluster_publisher(b->cluster)->id),
		&answer, e))
		return e->rc;
	b->alone += proc_now() - since;
	return RC_OK;
}

static enum rc measure(const struct settings *s, struct nodes *b, struct err *e)
{
	double end = proc_now() + 2 * s->seconds, ratio;
	unsigned rounds = 0;

	do {
		if (time_all(b, e) || time_one(b, e))
			return e->rc;
		rounds++;
	} while (rounds < ROUNDS_MIN || proc_now() < end);
	ratio = b->all / b->alone;
	(void)printf("a new list, put, restarted, fetched back; mean of %u\n"
		     "  %-42s %12.2f s\n  %zu %-39s %12.2f s\n"
		     "  %-42s %12.2f    (goal at most %.2f: %s)\n",
		     rounds, "the publisher alone", b->alone / rounds, b->n,
		     "nodes at once", b->all / rounds, "ratio", ratio, GOAL,
		     ratio <= GOAL ? "met" : "missed");
	return RC_OK;
}

enum rc measure_nodes(const struct settings *s, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct secret CLEANUP(secret_free) *admin = NULL;
	struct front CLEANUP(front_free) *front = NULL;
	struct keyd CLEANUP(keyd_free) *keyd = NULL;
	char path[CLUSTER_PATH_MAX];
	struct nodes b;

	if (cluster_read(s->config, &c, e) ||
	    ask_secret(ASK_ADMIN, s->password_file, "--password-file F", &admin, e))
		return e->rc;
	cluster_path(c, PATH_KEYD_SOCKET, path);
	if (keyd_open(path, &keyd, e))
		return e->rc;
	cluster_path(c, PATH_FRONT_SOCKET, path);
	if (front_open(path, &front, e))
		return e->rc;
	b = (struct nodes){.cluster = c, .front = front, .keyd = keyd, .admin = admin};
	return measure(s, &b, e);
}
