#include "cluster/cluster.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/num.h"
#include "tables.h"
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void *open_node(void *arg, const char *id, struct err *e)
{
	struct cluster *c = arg;
	struct cluster_node *n = &c->nodes[c->nnodes];

	if (c->nnodes == CLUSTER_MAX_NODES) {
		err_set(e, RC_USAGE, "configuration", "too many nodes", NULL,
			"%s", id);
		return NULL;
	}
	if (!cluster_id_ok(id, strlen(id))) {
		err_set(e, RC_USAGE, "configuration",
			"a node's identifier is 1 to 32 letters, digits, '-', '_'",
			NULL, "%s", id);
		return NULL;
	}
	strcpy(n->id, id);
	c->nnodes++;
	return n;
}

static const struct conf_section sections[] = {
	{"cluster", cluster_rows, NULL},
	{"node", cluster_node_rows, open_node},
	{0},
};

enum rc cluster_read_file(const char *path, struct cluster **out, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = calloc(1, sizeof *c);
	uint8_t CLEANUP_FREE *text = NULL;
	uint8_t hash[crypto_hash_sha256_BYTES];
	size_t n = 0;

	if (!c)
		return err_errno(e, RC_ERROR, "calloc", NULL, "cluster.conf");
	if (file_read(path, CLUSTER_FILE_MAX, &text, &n, e) != RC_OK ||
	    conf_parse(path, bytes_of(text, n), sections, c, e) != RC_OK ||
	    cluster_check(c, path, e) != RC_OK)
		return e->rc;
	(void)crypto_hash_sha256(hash, text, n);
	hex_of(bytes_of(hash, sizeof hash), c->sha256, sizeof c->sha256);
	*out = c;
	c = NULL;
	return RC_OK;
}

enum rc cluster_read(const char *dir, struct cluster **out, struct err *e)
{
	char path[PATH_MAX];
	enum rc rc = file_path(path, sizeof path, dir, CLUSTER_FILE, e);

	if (rc == RC_OK)
		rc = cluster_read_file(path, out, e);
	if (rc == RC_NOTFOUND)
		err_hint(e, "write it (man itlkeeper-cluster.conf), or name its folder with --config");
	return rc;
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->nnodes; i++)
		conf_clear(cluster_node_rows, &c->nodes[i]);
	conf_clear(cluster_rows, c);
	free(c);
}

enum rc cluster_find_node(const struct cluster *c, const char *name,
			  const struct cluster_node **out, struct err *e)
{
	char why[sizeof e->why] = "no such node; there are";
	size_t n = strlen(why);

	for (size_t i = 0; i < c->nnodes; i++)
		if (!strcasecmp(c->nodes[i].id, name) ||
		    !strcasecmp(c->nodes[i].host, name)) {
			*out = &c->nodes[i];
			return RC_OK;
		}
	for (size_t i = 0; i < c->nnodes && n < sizeof why; i++) {
		const struct cluster_node *node = cluster_node_at(c, i);
		int r = snprintf(why + n, sizeof why - n, "%s %s (%s)",
				 i ? "," : "", node->host, node->id);

		n += num_size(r);
	}
	return err_set(e, RC_NOTFOUND, "node", why, NULL, "%.80s", name);
}

const struct cluster_node *cluster_node_by_id(const struct cluster *c, const char *id)
{
	for (size_t i = 0; i < c->nnodes; i++)
		if (!strcmp(c->nodes[i].id, id))
			return &c->nodes[i];
	return NULL;
}

bool cluster_has_tvs(const struct cluster *c)
{
	for (size_t i = 0; i < c->nnodes; i++)
		if (c->nodes[i].tvs)
			return true;
	return false;
}

const struct cluster_node *cluster_publisher(const struct cluster *c)
{
	return cluster_node_at(c, 0);
}

const struct cluster_node *cluster_node_at(const struct cluster *c, size_t i)
{
	size_t p = 0;

	while (p < c->nnodes && strcmp(c->nodes[p].id, c->publisher) != 0)
		p++;
	if (i == 0)
		return p < c->nnodes ? &c->nodes[p] : NULL;
	/* Behind the publisher's place all stand where they were configured. */
	if (i <= p)
		i--;
	return i < c->nnodes ? &c->nodes[i] : NULL;
}

/* The Audit key stands in no list, so no old phone has to read it: it is never
 * as weak as a cluster of such phones needs its other keys. */
#define AUDIT_MIN_BITS 2048

unsigned cluster_key_bits(const struct cluster *c, enum unit u,
			  const struct cluster_node *node)
{
	unsigned own = 0;

	if (u == UNIT_CALLMANAGER)
		own = node->callmanager_bits;
	else if (u == UNIT_TVS)
		own = node->tvs_bits;
	else if (u == UNIT_CAPF)
		own = c->capf_bits;
	else if (u == UNIT_ITLRECOVERY)
		own = c->recovery_bits;
	else if (c->key_bits < AUDIT_MIN_BITS)
		own = AUDIT_MIN_BITS;
	return own ? own : c->key_bits;
}

static void put_host_name(const struct cluster *c, const struct cluster_node *n,
			  char *to, size_t cap)
{
	(void)snprintf(to, cap, "%s%s%s", n->host, c->domain[0] ? "." : "",
		       c->domain);
}

enum rc cluster_common_name(const struct cluster *c, enum unit u,
			    const struct cluster_node *node, const char *capf,
			    char to[CLUSTER_CN_MAX + 1], struct err *e)
{
	char cn[CLUSTER_CN_MAX + 2] = "";

	switch (u) {
	case UNIT_CALLMANAGER:
	case UNIT_TVS:
		put_host_name(c, node, cn, sizeof cn);
		break;
	case UNIT_CAPF:
		(void)snprintf(cn, sizeof cn, "CAPF-%s", capf);
		break;
	case UNIT_ITLRECOVERY:
		(void)snprintf(cn, sizeof cn, "ITLRECOVERY_%s",
			       c->recovery_host);
		break;
	case UNIT_AUDIT:
		(void)snprintf(cn, sizeof cn, "AUDIT_%s", c->name);
		break;
	case UNIT_COUNT:
		break;
	}
	if (!cn[0] || strlen(cn) > CLUSTER_CN_MAX)
		return err_set(e, RC_USAGE, "common name",
			       "must have 1 to 64 characters",
			       "shorten host, domain or recovery-host in cluster.conf",
			       "%s: %s", unit_name(u), cn);
	strcpy(to, cn);
	return RC_OK;
}

void cluster_path(const struct cluster *c, enum cluster_path which,
		  char to[CLUSTER_PATH_MAX])
{
	static const struct {
		bool run;
		const char *name;
	} paths[] = {
		[PATH_KEYD_SOCKET] = {true, "keyd/keyd.sock"},
		[PATH_FRONT_SOCKET] = {true, "front/front.sock"},
		[PATH_RESTART] = {true, "restart"},
		[PATH_RESTARTED] = {true, "restarted"},
		[PATH_KEYD_STATE] = {false, "keyd"},
		[PATH_AUDIT_LOG] = {false, "keyd/audit.log"},
		[PATH_FRONT_STATE] = {false, "front"},
		[PATH_STATE_DB] = {false, "front/state.db"},
		[PATH_TRUST_FILE] = {false, "trust/TrustFile.tlv"},
		[PATH_TVS_STATUS] = {true, "tvs/status.json"},
	};

	(void)snprintf(to, CLUSTER_PATH_MAX, "%s/%s",
		       paths[which].run ? c->run : c->state_dir,
		       paths[which].name);
}
