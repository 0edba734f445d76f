/* What no single row of the tables can say. */
#include "base/num.h"
#include "tables.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* X.520's upper bounds, and what CLUSTER_PATH_MAX leaves for a folder. */
#define MAX_OU 64
#define MAX_O 64
#define MAX_L 128
#define MAX_ST 128
#define MAX_FOLDER (CLUSTER_PATH_MAX - sizeof "/trust/TrustFile.tlv")
#define MAX_USER 31

struct where {
	const char *path;
	char section[CLUSTER_ID_MAX + 8]; /* "node n1" */
	struct err *e;
};

static enum rc bad(const struct where *w, const char *key, const char *why,
		   const char *value)
{
	return err_set(w->e, RC_USAGE, "configuration", why, NULL,
		       "%s:%d: %s%s%.64s", w->path,
		       conf_line(w->path, w->section, key), key,
		       value ? " = " : "", value ? value : "");
}

bool cluster_all(const char *text, size_t n, const char *others)
{
	for (size_t i = 0; i < n; i++)
		if (!isascii(text[i]) ||
		    (!isalnum((unsigned char)text[i]) &&
		     (!text[i] || !strchr(others, text[i]))))
			return false;
	return true;
}

bool cluster_id_ok(const char *id, size_t n)
{
	return n > 0 && n <= CLUSTER_ID_MAX && id[0] != '-' && id[0] != '_' &&
	       cluster_all(id, n, "-_");
}

static bool host_ok(const char *host)
{
	return host[0] && host[0] != '-' && host[0] != '.' &&
	       cluster_all(host, strlen(host), "-.");
}

static bool address_ok(const char *address)
{
	unsigned char to[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, address, to) == 1 ||
	       inet_pton(AF_INET6, address, to) == 1 || host_ok(address);
}

/* 3072 fits no value of a list's tag 11 (spec: itl-format, Header). */
static bool bits_ok(unsigned bits, bool in_lists_header, bool may_be_zero)
{
	return bits == 1024 || bits == 2048 || bits == 4096 ||
	       (bits == 3072 && !in_lists_header) || (bits == 0 && may_be_zero);
}

static const char *const why_bits = "must be 1024, 2048 or 4096";
static const char *const why_more_bits = "must be 1024, 2048, 3072 or 4096";

/* Names are joined by ';' in lists, so that none may hold one. */
static bool name_ok(const char *text, size_t max)
{
	if (!text)
		return true;
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~' || *p == ';')
			return false;
	return text[0] && strlen(text) <= max;
}

static enum rc check_subject(const struct cluster *c, const struct where *w)
{
	const struct {
		const char *key, *value;
		size_t max;
	} parts[] = {
		{"org-unit", c->org_unit, MAX_OU},
		{"org", c->org, MAX_O},
		{"locality", c->locality, MAX_L},
		{"state", c->state, MAX_ST},
	};

	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (!name_ok(parts[i].value, parts[i].max))
			return bad(w, parts[i].key,
				   "must be printable ASCII without ';', and not too long",
				   parts[i].value);
	if (c->country && (strlen(c->country) != 2 || !cluster_all(c->country, 2, "")))
		return bad(w, "country", "must be two letters", c->country);
	return RC_OK;
}

static enum rc check_sizes(const struct cluster *c, const struct where *w)
{
	if (!bits_ok(c->key_bits, true, false))
		return bad(w, "key-bits", why_bits, NULL);
	if (!bits_ok(c->capf_bits, false, true))
		return bad(w, "capf-bits", why_more_bits, NULL);
	if (!bits_ok(c->recovery_bits, true, true))
		return bad(w, "recovery-bits", why_bits, NULL);
	if (c->recovery_years % 5)
		return bad(w, "recovery-years", "must be 5, 10, 15 or 20", NULL);
	return RC_OK;
}

static enum rc check_folders_and_users(const struct cluster *c,
				       const struct where *w)
{
	const struct {
		const char *key, *value;
	} users[] = {
		{"keyd-user", c->keyd_user},
		{"front-user", c->front_user},
		{"tvs-user", c->tvs_user},
		{"group", c->group},
	};

	if (strlen(c->run) > MAX_FOLDER)
		return bad(w, "run", "is too long for the name of a socket",
			   c->run);
	if (strlen(c->state_dir) > MAX_FOLDER)
		return bad(w, "state-dir", "is too long", c->state_dir);
	for (size_t i = 0; i < COUNT_OF(users); i++)
		if (!users[i].value[0] || strlen(users[i].value) > MAX_USER ||
		    !cluster_all(users[i].value, strlen(users[i].value), "-_.$"))
			return bad(w, users[i].key,
				   "is no name of a user or group",
				   users[i].value);
	return RC_OK;
}

/* Whoever logs in. */
static bool same_folder(const struct cluster_node *a, const struct cluster_node *b)
{
	if (!a->folder || !b->folder || a->remote != b->remote)
		return false;
	return a->remote ? a->ssh.port == b->ssh.port &&
				   !strcasecmp(a->ssh.host, b->ssh.host) &&
				   !strcmp(a->ssh.path, b->ssh.path)
			 : !strcmp(a->folder, b->folder);
}

static enum rc check_node_names(const struct cluster *c,
				const struct cluster_node *n,
				const struct where *w)
{
	char cn[CLUSTER_CN_MAX + 1];
	struct err ignored;

	if (!host_ok(n->host))
		return bad(w, "host", "is no host name", n->host);
	if (!address_ok(n->address))
		return bad(w, "address", "is no address", n->address);
	if (cluster_common_name(c, UNIT_CALLMANAGER, n, NULL, cn, &ignored) !=
	    RC_OK)
		return bad(w, "host",
			   "is, with the domain, too long for a common name (64)",
			   n->host);
	for (const struct cluster_node *o = c->nodes; o < n; o++) {
		if (!strcasecmp(o->id, n->id))
			return bad(w, "identifier",
				   "another node's differs in case alone",
				   n->id);
		/* People name a node by either; it must be one node. */
		if (!strcasecmp(o->host, n->host) ||
		    !strcasecmp(o->id, n->host) || !strcasecmp(o->host, n->id))
			return bad(w, "host", "another node has this name",
				   n->host);
		if (same_folder(o, n))
			return bad(w, "folder", "another node has this folder",
				   n->folder);
	}
	return RC_OK;
}

static enum rc set_known_hosts(struct cluster_node *n, const char *path,
			       struct err *e)
{
	char CLEANUP_FREE *real = realpath(path, NULL);
	const char *of = real ? real : path;
	const char *slash = strrchr(of, '/');

	if (asprintf(&n->known_hosts, "%.*sknown_hosts",
		     slash ? num_int(num_size(slash - of)) + 1 : 0, of) < 0) {
		n->known_hosts = NULL;
		return err_errno(e, RC_ERROR, "asprintf", NULL, "known-hosts");
	}
	return RC_OK;
}

/* What is said of a login goes with a folder on an SSH server, and with none else. */
static enum rc check_folder(struct cluster_node *n, const struct where *w)
{
	const struct {
		const char *key, *value;
	} login[] = {
		{"identity", n->identity},
		{"known-hosts", n->known_hosts},
		{"agent", n->agent},
	};
	const char *why =
		n->folder ? cluster_folder_read(n->folder, &n->ssh, &n->remote) : NULL;

	if (why)
		return bad(w, "folder", why,
			   strchr(n->folder, '@') ? NULL : n->folder);
	for (size_t i = 0; i < COUNT_OF(login); i++)
		if (login[i].value && !n->remote)
			return bad(w, login[i].key,
				   "is for folders with sftp:// alone", NULL);
	if (!n->remote)
		return RC_OK;
	if (!n->identity && !n->agent)
		return bad(w, "folder", "a login needs identity, or agent", NULL);
	if (n->agent && strlen(n->agent) >= CLUSTER_PATH_MAX)
		return bad(w, "agent", "is too long for the name of a socket",
			   n->agent);
	return n->known_hosts ? RC_OK : set_known_hosts(n, w->path, w->e);
}

static enum rc check_node(const struct cluster *c, const struct cluster_node *n,
			  const struct where *w)
{
	if (check_node_names(c, n, w) != RC_OK)
		return w->e->rc;
	if (n->tftp && !n->folder)
		return bad(w, "folder", "a node that serves lists needs it",
			   NULL);
	if (n->tftp && !n->restart && !n->remote)
		return bad(w, "restart", "a node that serves lists needs it",
			   NULL);
	if (!bits_ok(n->callmanager_bits, true, true))
		return bad(w, "callmanager-bits", why_bits, NULL);
	if (!bits_ok(n->tvs_bits, false, true))
		return bad(w, "tvs-bits", why_more_bits, NULL);
	return RC_OK;
}

static enum rc fill_defaults(struct cluster *c, struct err *e)
{
	const struct cluster_node *p = cluster_publisher(c);

	if (!c->domain && !(c->domain = strdup("")))
		return err_errno(e, RC_ERROR, "strdup", NULL, "domain");
	if (!c->recovery_host && p &&
	    asprintf(&c->recovery_host, "%s%s%s", p->host,
		     c->domain[0] ? "." : "", c->domain) < 0) {
		c->recovery_host = NULL;
		return err_errno(e, RC_ERROR, "asprintf", NULL, "recovery-host");
	}
	return RC_OK;
}

enum rc cluster_check(struct cluster *c, const char *path, struct err *e)
{
	struct where w = {.path = path, .section = "cluster", .e = e};
	char cn[CLUSTER_CN_MAX + 1];
	struct err ignored;

	if (!c->name)
		return err_set(e, RC_USAGE, "configuration", "the section is missing",
			       NULL, "%s: [cluster]", path);
	if (!cluster_id_ok(c->name, strlen(c->name)))
		return bad(&w, "name",
			   "must be 1 to 32 letters, digits, '-', '_'", c->name);
	if (!cluster_publisher(c))
		return bad(&w, "publisher", "no [node] has this identifier",
			   c->publisher);
	if (!cluster_publisher(c)->tftp)
		return bad(&w, "publisher", "the publisher must serve lists (tftp = yes)",
			   c->publisher);
	if (fill_defaults(c, e) != RC_OK)
		return e->rc;
	if (c->domain[0] && !host_ok(c->domain))
		return bad(&w, "domain", "is no domain", c->domain);
	if (!host_ok(c->recovery_host) ||
	    cluster_common_name(c, UNIT_ITLRECOVERY, NULL, NULL, cn, &ignored) !=
		    RC_OK)
		return bad(&w, "recovery-host",
			   "must be a host name of at most 52 characters",
			   c->recovery_host);
	if (check_subject(c, &w) != RC_OK || check_sizes(c, &w) != RC_OK ||
	    check_folders_and_users(c, &w) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < c->nnodes; i++) {
		(void)snprintf(w.section, sizeof w.section, "node %s",
			       c->nodes[i].id);
		if (check_folder(&c->nodes[i], &w) != RC_OK ||
		    check_node(c, &c->nodes[i], &w) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}
