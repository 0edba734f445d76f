/*
 * A configuration file from whoever edits it. The first byte says which one. What is
 * accepted is written anew from the values that were read, and must be accepted
 * again and say the same; what is refused names the file, and the line in it; and a
 * file with a NUL is never accepted, whatever stands before it.
 */
#include "cluster/change.h"
#include "config.h"
#include "conf.h"
#include "scratch.h"
#include "tables.h"
#include "tvsconf.h"
#include "vault/vault.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ---- writing what was read ---- */

static void write_row(FILE *f, const struct conf_row *row, const void *base)
{
	const void *at = (const char *)base + row->at;
	const char *text;

	switch (row->type) {
	case CONF_TEXT:
	case CONF_PATH:
		text = *(char *const *)at;
		/* without a blank: else a ';' at the begin would be a comment's */
		if (text && text[0])
			(void)fprintf(f, "%s=%s\n", row->key, text);
		break;
	case CONF_UINT:
		(void)fprintf(f, "%s=%u\n", row->key, *(const unsigned *)at);
		break;
	case CONF_BOOL:
		(void)fprintf(f, "%s=%s\n", row->key, *(const bool *)at ? "yes" : "no");
		break;
	case CONF_ENUM:
		(void)fprintf(f, "%s=%s\n", row->key, row->names[*(const unsigned *)at]);
		break;
	}
}

static void write_section(FILE *f, const char *name, const char *id,
			  const struct conf_row *rows, const void *base)
{
	(void)fprintf(f, "[%s%s%s]\n", name, id[0] ? " " : "", id);
	for (; rows->key; rows++)
		write_row(f, rows, base);
}

/* ---- cluster.conf ---- */

/* What the rest of the project takes for granted. */
static void use_cluster(const struct cluster *c)
{
	const struct cluster_node *n, *found;
	char path[CLUSTER_PATH_MAX], cn[CLUSTER_CN_MAX + 1];
	size_t i;
	struct err e;

	for (i = 0; (n = cluster_node_at(c, i)); i++) {
		if (cluster_find_node(c, n->id, &found, &e) != RC_OK || found != n ||
		    cluster_find_node(c, n->host, &found, &e) != RC_OK || found != n ||
		    cluster_node_by_id(c, n->id) != n ||
		    cluster_common_name(c, UNIT_TVS, n, NULL, cn, &e) != RC_OK ||
		    (n->tftp && !n->folder) || (n->remote && !n->known_hosts))
			abort();
	}
	if (i != c->nnodes || !cluster_publisher(c)->tftp ||
	    cluster_common_name(c, UNIT_ITLRECOVERY, NULL, NULL, cn, &e) != RC_OK ||
	    cluster_can_become(c, c, "x", &e) != RC_OK)
		abort();
	cluster_path(c, PATH_FRONT_SOCKET, path);
	if (strlen(path) != strlen(c->run) + strlen("/front/front.sock"))
		abort(); /* it was cut */
}

static enum rc read_cluster(FILE *out, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	char path[PATH_MAX];

	scratch_path(CLUSTER_FILE, path);
	if (cluster_read_file(path, &c, e) != RC_OK)
		return e->rc;
	use_cluster(c);
	write_section(out, "cluster", "", cluster_rows, c);
	for (size_t i = 0; i < c->nnodes; i++)
		write_section(out, "node", c->nodes[i].id, cluster_node_rows,
			      &c->nodes[i]);
	return RC_OK;
}

/* ---- the others ---- */

static enum rc read_keyd(FILE *out, struct err *e)
{
	static const char cluster[] =
		"[cluster]\nname=t\npublisher=n\nkeyd-user=root\nfront-user=root\n"
		"tvs-user=root\ngroup=root\n[node n]\nhost=n\naddress=::1\nfolder=/\n"
		"restart=:\n";
	struct keyd_config CLEANUP(keyd_config_free) *c = NULL;

	scratch_write(CLUSTER_FILE, bytes_of_text(cluster));
	if (keyd_config_read(scratch_dir(), &c, e) != RC_OK)
		return e->rc;
	write_section(out, "token", "", keyd_token_rows, c);
	write_section(out, "keyd", "", keyd_service_rows, c);
	return RC_OK;
}

static enum rc read_front(FILE *out, struct err *e)
{
	struct front_conf CLEANUP(front_conf_clear) c = {0};

	if (front_conf_read(scratch_dir(), &c, e) != RC_OK)
		return e->rc;
	write_section(out, "door", "", front_door_rows, &c);
	write_section(out, "nodes", "", front_node_rows, &c);
	write_section(out, "alerts", "", front_alert_rows, &c);
	return RC_OK;
}

static enum rc read_vault(FILE *out, struct err *e)
{
	struct vault_conf CLEANUP(vault_conf_free) *c = NULL;

	if (vault_conf_read(scratch_dir(), &c, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < c->n; i++)
		write_section(out, "vault", c->entries[i].name, vault_rows, &c->entries[i]);
	return RC_OK;
}

static enum rc read_tvs(FILE *out, struct err *e)
{
	static const char cluster[] =
		"[cluster]\nname=t\npublisher=n\n[node n]\nhost=n\naddress=::1\n"
		"folder=/\nrestart=:\n";
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct tvs_conf CLEANUP(tvs_conf_free) *t = NULL;

	scratch_write(CLUSTER_FILE, bytes_of_text(cluster));
	if (cluster_read(scratch_dir(), &c, e) != RC_OK ||
	    tvs_conf_read(scratch_dir(), c, &t, e) != RC_OK)
		return e->rc;
	write_section(out, "tvs", "", tvs_rows, t);
	for (size_t i = 0; i < t->nlisteners; i++)
		write_section(out, "listener", t->listeners[i].node->id, tvs_listener_rows,
			      &t->listeners[i]);
	return RC_OK;
}

static const struct kind {
	char first;
	const char *file;
	enum rc (*read)(FILE *out, struct err *e);
} kinds[] = {
	{'c', CLUSTER_FILE, read_cluster},
	{'k', KEYD_CONF, read_keyd},
	{'f', "front.conf", read_front},
	{'v', VAULT_CONF, read_vault},
	{'t', TVS_CONF, read_tvs},
};

/* ---- an input ---- */

/* "FILE:LINE: ...", of a line that there is; or of a section that there is not. */
static void check_error(const struct kind *k, struct bytes text, const struct err *e)
{
	char path[PATH_MAX], *end;
	const char *what = e->what;
	unsigned long line, lines = 1;

	scratch_path(k->file, path);
	if ((e->rc != RC_USAGE && e->rc != RC_REFUSED) || !e->why[0] ||
	    strncmp(what, path, strlen(path)) != 0)
		abort();
	what += strlen(path);
	if (!strncmp(e->why, "the section ", 12) && strstr(e->why, " is missing"))
		return;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	line = what[0] == ':' ? strtoul(what + 1, &end, 10) : 0;
	if (line < 1 || line > lines || *end != ':')
		abort();
}

/* What it says, written anew; malloc()ed. NULL: it is refused. */
static char *read_kind(const struct kind *k, struct bytes text, size_t *n)
{
	char *out = NULL;
	FILE *f = open_memstream(&out, n);
	struct err e;
	enum rc rc;

	if (!f)
		abort();
	scratch_write(k->file, text);
	rc = k->read(f, &e);
	if (fclose(f) != 0)
		abort();
	if (rc == RC_OK)
		return out;
	free(out);
	check_error(k, text, &e);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct kind *k = NULL;
	char *first, *second;
	size_t m = 0, m2 = 0;

	for (size_t i = 0; n && i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].first == (char)data[0])
			k = &kinds[i];
	if (!k || n > TEXT_MAX)
		return 0;
	first = read_kind(k, bytes_of(data + 1, n - 1), &m);
	if (!first)
		return 0;
	if (memchr(data + 1, 0, n - 1))
		abort();
	second = read_kind(k, bytes_of(first, m), &m2);
	if (!second || m != m2 || memcmp(first, second, m) != 0)
		abort();
	free(first);
	free(second);
	return 0;
}
