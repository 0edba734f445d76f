#include "itlctl/adopt.h"
#include "itlctl/pemfile.h"
#include "base/file.h"
#include "base/num.h"
#include "base/text.h"
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FOUND (2 * CLUSTER_MAX_NODES + 2)

/* The files of one key. */
struct found {
	enum unit unit;
	const struct cluster_node *node; /* NULL for the cluster's units */
	char *p12, *pem, *cert, *key;    /* paths, owned; NULL: there is none */
};

struct search {
	struct ctl *c;
	struct found all[MAX_FOUND];
	size_t n;
	size_t strange; /* files whose names say nothing */
};

static void search_clear_at(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct found *f = &s->all[i];

		free(f->p12);
		free(f->pem);
		free(f->cert);
		free(f->key);
	}
}

/* ---- what is there ---- */

static bool unit_of_file(const char *name, size_t n, enum unit *out)
{
	static const struct {
		const char *name;
		enum unit unit;
	} names[] = {
		{"CallManager", UNIT_CALLMANAGER}, {"TVS", UNIT_TVS},
		{"CAPF", UNIT_CAPF}, {"ITLRecovery", UNIT_ITLRECOVERY},
		{"SAST", UNIT_ITLRECOVERY},
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strlen(names[i].name) == n && !strncasecmp(name, names[i].name, n)) {
			*out = names[i].unit;
			return true;
		}
	return false;
}

/* The place in *f for a file of this ending; NULL: it is none of a key. */
static char **place_of(struct found *f, const char *ending)
{
	static const struct {
		const char *ending;
		size_t at;
	} endings[] = {
		{"p12", offsetof(struct found, p12)}, {"pfx", offsetof(struct found, p12)},
		{"pem", offsetof(struct found, pem)}, {"crt", offsetof(struct found, cert)},
		{"cer", offsetof(struct found, cert)}, {"key", offsetof(struct found, key)},
	};

	for (size_t i = 0; i < COUNT_OF(endings); i++)
		if (!strcasecmp(endings[i].ending, ending))
			return (char **)(void *)((char *)f + endings[i].at);
	return NULL;
}

static struct found *entry_for(struct search *s, enum unit unit,
			       const struct cluster_node *node)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->all[i].unit == unit && s->all[i].node == node)
			return &s->all[i];
	if (s->n == MAX_FOUND)
		return NULL;
	s->all[s->n] = (struct found){.unit = unit, .node = node};
	return &s->all[s->n++];
}

static void say_strange(struct search *s, const char *path)
{
	s->strange++;
	(void)fprintf(ctl_words(s->c), "Not imported, its name is no unit's: %s\n",
		      path);
}

static enum rc take_file(struct search *s, const struct cluster_node *node,
			 const char *name, const char *path, struct err *e)
{
	const char *dot = strrchr(name, '.');
	struct found *f = NULL;
	enum unit unit = UNIT_COUNT;
	char **at;

	if (dot && unit_of_file(name, num_size(dot - name), &unit))
		f = entry_for(s, unit, unit_is_of_node(unit) ? node : NULL);
	at = f ? place_of(f, dot + 1) : NULL;
	if (!at) {
		say_strange(s, path);
		return RC_OK;
	}
	if (*at)
		return err_set(e, RC_USAGE, "cluster init",
			       "two files are for one key",
			       "leave the one that is in use in the folder", "%.120s, %.120s",
			       *at, path);
	*at = strdup(path);
	return *at ? RC_OK : err_errno(e, RC_ERROR, "strdup", NULL, "%s", path);
}

/* Of a slip of the pen new keys would be made for the node that was meant. */
static enum rc find_node(const struct cluster *c, const char *name, const char *path,
			 const struct cluster_node **out, struct err *e)
{
	struct err unknown;
	char hint[sizeof e->hint] = "nodes are";

	if (cluster_find_node(c, name, out, &unknown) == RC_OK)
		return RC_OK;
	for (size_t i = 0; i < c->nnodes; i++) {
		size_t n = strlen(hint);

		(void)snprintf(hint + n, sizeof hint - n, "%s %s (%s)", i ? "," : "",
			       c->nodes[i].id, c->nodes[i].host);
	}
	return err_set(e, RC_USAGE, "cluster init", "is no node", hint, "%s", path);
}

static enum rc search_folder(struct search *s, const char *dir,
			     const struct cluster_node *node, bool top,
			     struct err *e);

static enum rc look_at(struct search *s, const char *dir,
		       const struct cluster_node *node, bool top,
		       const char *name, struct err *e)
{
	const struct cluster_node *other;
	char path[PATH_MAX];
	struct stat st;

	if (name[0] == '.')
		return RC_OK;
	if (file_path(path, sizeof path, dir, name, e) != RC_OK)
		return e->rc;
	if (stat(path, &st) != 0)
		return err_errno(e, RC_ERROR, "stat", NULL, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return take_file(s, node, name, path, e);
	if (!top) {
		say_strange(s, path);
		return RC_OK;
	}
	if (find_node(s->c->cluster, name, path, &other, e) != RC_OK)
		return e->rc;
	return search_folder(s, path, other, false, e);
}

static enum rc search_folder(struct search *s, const char *dir,
			     const struct cluster_node *node, bool top,
			     struct err *e)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, NULL, alphasort);
	enum rc rc = RC_OK;

	if (n < 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", dir);
	for (int i = 0; i < n; i++) {
		if (rc == RC_OK)
			rc = look_at(s, dir, node, top, names[i]->d_name, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* ---- what is missing ---- */

static bool finds_callmanager(const struct search *s, const struct cluster_node *node)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->all[i].unit == UNIT_CALLMANAGER && s->all[i].node == node)
			return true;
	return false;
}

/* Phones of a node whose CallManager were made anew would refuse its list. */
static enum rc check_callmanagers(const struct search *s, const char *dir,
				  struct err *e)
{
	const struct cluster *c = s->c->cluster;
	struct keyd_key *keys = NULL;
	size_t nkeys = 0;
	enum rc rc = RC_OK;

	if (s->c->opt.value[OPT_FORCE])
		return RC_OK;
	if (keyd_keys(s->c->keyd, &keys, &nkeys, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < c->nnodes && rc == RC_OK; i++) {
		const struct cluster_node *n = &c->nodes[i];

		if (n->tftp && !finds_callmanager(s, n) &&
		    !keyd_key_current(keys, nkeys, UNIT_CALLMANAGER, n->id))
			rc = err_set(e, RC_REFUSED, "cluster init",
				     "there is none, nor a .p12 or a .crt with its .key: with a new key the node's phones would refuse its list",
				     "put the node's CallManager there, or use --force if no phone holds a list of this node",
				     "%s: %.160s/%s%sCallManager.pem", n->host, dir,
				     n == cluster_publisher(c) ? "" : n->id,
				     n == cluster_publisher(c) ? "" : "/");
	}
	keyd_keys_free(keys, nkeys);
	return rc;
}

/* ---- into the token ---- */

static enum rc open_found(struct ctl *c, const struct found *f,
			  struct pemfile *out, json_t *files, struct err *e)
{
	const char *cert = f->cert ? f->cert : f->pem;
	const char *key = f->key ? f->key : f->pem;

	if (f->p12) {
		(void)json_array_append_new(files, json_string(f->p12));
		return pemfile_p12(c, f->p12, out, e);
	}
	if (!cert || !key || (!f->key && !pemfile_has_key(key)))
		return err_set(e, RC_NOTFOUND, "cluster init",
			       cert ? "its private key is missing"
				    : "its certificate is missing",
			       "put the UNIT.key or UNIT.crt beside it, or take the file away",
			       "%s", cert ? cert : key);
	(void)json_array_append_new(files, json_string(cert));
	if (strcmp(cert, key) != 0)
		(void)json_array_append_new(files, json_string(key));
	return pemfile_pair(c, cert, key, out, e);
}

static enum rc adopt(struct ctl *c, const struct found *f,
		     const struct passwords *pw, json_t *adopted, struct err *e)
{
	const struct keyd_passwords consent = {.admin = pw->admin};
	struct pemfile CLEANUP(pemfile_clear) file = {0};
	json_auto_t *files = json_array();
	char label[LABEL_MAX], route[KEYD_ROUTE_MAX];
	struct keyd_key key = {0};
	bool present = false;

	if (open_found(c, f, &file, files, e) != RC_OK)
		return e->rc;
	if (keyd_import(c->keyd, &consent, f->unit, f->node ? f->node->id : NULL,
			&file.key, file.cert, false, &key, &present, route, e) != RC_OK) {
		if (e->rc == RC_REFUSED && !strcmp(e->op, "import"))
			(void)err_hint(e, "import into a token that has no key of this unit yet");
		return err_within(e, json_string_value(json_array_get(files, 0)));
	}
	label_text(&key.label, label);
	X509_free(key.cert);
	(void)json_array_append_new(
		adopted, json_pack("{s:s, s:s?, s:s, s:b, s:O}", "unit",
				   unit_name(f->unit), "node",
				   f->node ? f->node->id : NULL, "label", label,
				   "present", present, "files", files));
	if (!c->json)
		(void)fprintf(c->out, "%s %s: %s\n",
			      json_string_value(json_array_get(files, 0)),
			      present ? "was in the token already" : "is in the token, proved by a test signature",
			      label);
	return RC_OK;
}

enum rc adopt_keys(struct ctl *c, const char *dir, const struct passwords *pw,
		   json_t *adopted, struct err *e)
{
	struct search CLEANUP(search_clear) s = {.c = c};

	if (search_folder(&s, dir, cluster_publisher(c->cluster), true, e) != RC_OK)
		return e->rc;
	if (s.n == 0)
		return err_set(e, RC_NOTFOUND, "cluster init",
			       "holds no key of a unit",
			       "name the files CallManager.pem, TVS.p12, CAPF.crt and CAPF.key, SAST.pem; see itlctl(1)",
			       "%s", dir);
	if (check_callmanagers(&s, dir, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < s.n; i++)
		if (adopt(c, &s.all[i], pw, adopted, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

/* For a shell, whatever is in the name; a control character is no name to print. */
static void print_quoted(FILE *out, const char *path)
{
	char CLEANUP_FREE *copy = strdup(path);

	(void)fputc('\'', out);
	for (const char *p = copy ? text_flatten(copy) : ""; *p; p++)
		(void)fputs(*p == '\'' ? "'\\''" : (char[]){*p, '\0'}, out);
	(void)fputc('\'', out);
}

void adopt_tell_end(const struct ctl *c, const json_t *adopted)
{
	const json_t *key, *file;
	size_t i, k;

	(void)fprintf(c->out,
		      "The files are where they were. The token has these keys now, so once a backup of\n"
		      "the recovery key is proved and phones hold the new list, remove them:\n");
	json_array_foreach(adopted, i, key)
		json_array_foreach(json_object_get(key, "files"), k, file) {
			(void)fprintf(c->out, "  shred -u ");
			print_quoted(c->out, json_string_value(file));
			(void)fprintf(c->out, "\n");
		}
}
