#include "tvsconf.h"
#include "base/file.h"
#include <limits.h>
#include <string.h>

#define T(member) offsetof(struct tvs_conf, member)

const struct conf_row tvs_rows[] = {
	{.key = "loops", .type = CONF_UINT, .at = T(loops), .def = "32", .min = 1,
	 .max = TVS_LOOPS_MAX,
	 .help = "threads that serve phones, each with its connection to keyd"},
	{.key = "connections", .type = CONF_UINT, .at = T(connections), .def = "10000",
	 .min = 1, .max = 100000,
	 .help = "connections at a time; more wait until one ends"},
	{.key = "per-address", .type = CONF_UINT, .at = T(per_address), .def = "1000",
	 .min = 1, .max = 100000,
	 .help = "connections at a time from one address (IPv6: one /64); more are closed"},
	{.key = "handshake-seconds", .type = CONF_UINT, .at = T(handshake_seconds),
	 .def = "20", .min = 1, .max = 3600,
	 .help = "a connection without a finished TLS handshake is closed after so long"},
	{.key = "request-seconds", .type = CONF_UINT, .at = T(request_seconds), .def = "10",
	 .min = 1, .max = 3600,
	 .help = "a request that began must be complete after so long, and its answer taken"},
	{.key = "idle-seconds", .type = CONF_UINT, .at = T(idle_seconds), .def = "30",
	 .min = 1, .max = 3600,
	 .help = "a phone that asks nothing for so long is hung up on"},
	{0},
};

#define L(member) offsetof(struct tvs_listener, member)

static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3", NULL};

const struct conf_row tvs_listener_rows[] = {
	{.key = "address", .type = CONF_TEXT, .at = L(address), .def = "",
	 .help = "IP address or name to listen on; default: the node's address"},
	{.key = "tls-min", .type = CONF_ENUM, .at = L(tls_min), .def = "1.2",
	 .names = versions,
	 .help = "oldest version of TLS that is spoken; 79xx phones need 1.0"},
	{0},
};

struct reading {
	const char *path;
	struct tvs_conf *conf;
};

static void *open_tvs(void *arg, const char *id, struct err *e)
{
	struct reading *r = arg;

	if (!id[0])
		return r->conf;
	err_set(e, RC_USAGE, "configuration", "[tvs] has no identifier", NULL, "%s: %s",
		r->path, id);
	return NULL;
}

static void *open_listener(void *arg, const char *id, struct err *e)
{
	struct reading *r = arg;

	for (size_t i = 0; i < r->conf->nlisteners; i++)
		if (!strcmp(r->conf->listeners[i].node->id, id))
			return &r->conf->listeners[i];
	err_set(e, RC_USAGE, "configuration", "no node of cluster.conf with tvs = yes is called so",
		"name it by its identifier, as in [node n1]", "%s: [listener %s]", r->path, id);
	return NULL;
}

static enum rc read_file(const char *path, struct tvs_conf *c, struct err *e)
{
	const struct conf_section sections[] = {
		{"tvs", tvs_rows, open_tvs},
		{"listener", tvs_listener_rows, open_listener},
		{0},
	};
	struct reading r = {path, c};

	if (access(path, F_OK) != 0)
		return RC_OK;
	return conf_read(path, sections, &r, e);
}

enum rc tvs_conf_read(const char *dir, const struct cluster *cluster, struct tvs_conf **out,
		      struct err *e)
{
	struct tvs_conf CLEANUP(tvs_conf_free) *c = calloc(1, sizeof *c);
	char path[PATH_MAX];

	if (!c)
		return err_errno(e, RC_ERROR, "calloc", NULL, TVS_CONF);
	if (conf_defaults(tvs_rows, c, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < cluster->nnodes; i++) {
		struct tvs_listener *l = &c->listeners[c->nlisteners];

		if (!cluster->nodes[i].tvs)
			continue;
		if (conf_defaults(tvs_listener_rows, l, e) != RC_OK)
			return e->rc;
		l->node = &cluster->nodes[i];
		c->nlisteners++;
	}
	if (file_path(path, sizeof path, dir, TVS_CONF, e) != RC_OK ||
	    read_file(path, c, e) != RC_OK)
		return e->rc;
	*out = c;
	c = NULL;
	return RC_OK;
}

void tvs_conf_free(struct tvs_conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->nlisteners; i++)
		conf_clear(tvs_listener_rows, &c->listeners[i]);
	conf_clear(tvs_rows, c);
	free(c);
}

const char *tvs_listener_address(const struct tvs_listener *l)
{
	return l->address ? l->address : l->node->address;
}

const struct tvs_listener *tvs_conf_clash(const struct tvs_conf *c,
					  const struct tvs_listener **first)
{
	for (size_t i = 1; i < c->nlisteners; i++)
		for (size_t k = 0; k < i; k++) {
			const struct tvs_listener *a = &c->listeners[k];
			const struct tvs_listener *b = &c->listeners[i];

			if (a->node->tvs_port != b->node->tvs_port ||
			    strcmp(tvs_listener_address(a), tvs_listener_address(b)) != 0)
				continue;
			*first = a;
			return b;
		}
	return NULL;
}
