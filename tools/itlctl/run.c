#include "itlctl/command.h"
#include "itlctl/ctl.h"
#include "base/errjson.h"
#include "base/num.h"
#include <string.h>

/* Options that every command takes. */
#define OPT_ALWAYS \
	(OPT_BIT(OPT_CONFIG) | OPT_BIT(OPT_HELP) | OPT_BIT(OPT_VERSION))

int ctl_error(const struct session *s, bool json, const struct err *e)
{
	char text[1200];

	(void)fflush(s->out);
	(void)fprintf(s->err, "itlctl: %s\n", err_text(e, text, sizeof text));
	(void)fflush(s->err);
	if (json) {
		json_auto_t *line = json_pack("{s:o}", "error",
					      err_json(e));

		if (line)
			(void)json_dumpf(line, s->out, JSON_COMPACT);
		(void)fprintf(s->out, "\n");
		(void)fflush(s->out);
	}
	return err_exit_code(e->rc);
}

void ctl_error_among(const struct ctl *c, struct err *first, const struct err *e)
{
	if (first->rc == RC_OK)
		*first = *e;
	else
		(void)ctl_error(c->session, c->json, e);
}

enum rc ctl_error_first(const struct err *first, struct err *e)
{
	if (first->rc != RC_OK)
		*e = *first;
	return first->rc;
}

FILE *ctl_words(const struct ctl *c)
{
	return c->json ? c->session->err : c->out;
}

const char *ctl_config(const struct ctl *c)
{
	const char *dir = c->opt.value[OPT_CONFIG];

	return dir ? dir : CLUSTER_DIR;
}

static enum rc open_cluster(struct ctl *c, struct err *e)
{
	const char *node = c->opt.value[OPT_NODE];

	if (cluster_read(ctl_config(c), &c->cluster, e) != RC_OK)
		return e->rc;
	if (node)
		return cluster_find_node(c->cluster, node, &c->node, e);
	c->node = cluster_publisher(c->cluster);
	return RC_OK;
}

enum rc ctl_open(struct ctl *c, unsigned needs, struct err *e)
{
	char path[CLUSTER_PATH_MAX];

	if (needs & NEED_CLUSTER && !c->cluster && open_cluster(c, e) != RC_OK)
		return e->rc;
	if (needs & NEED_VAULTS && !c->vaults &&
	    vault_conf_read(ctl_config(c), &c->vaults, e) != RC_OK)
		return e->rc;
	if ((needs & NEED_FRONT) == NEED_FRONT && !c->front) {
		cluster_path(c->cluster, PATH_FRONT_SOCKET, path);
		if (front_open(path, &c->front, e) != RC_OK)
			return e->rc;
	}
	if ((needs & NEED_KEYD) == NEED_KEYD && !c->keyd) {
		cluster_path(c->cluster, PATH_KEYD_SOCKET, path);
		if (keyd_open(path, &c->keyd, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static void ctl_close(struct ctl *c)
{
	front_free(c->front);
	keyd_free(c->keyd);
	vault_conf_free(c->vaults);
	cluster_free(c->cluster);
}

bool ctl_on_publisher(const struct ctl *c)
{
	return c->node == cluster_publisher(c->cluster);
}

const char *ctl_host(const struct ctl *c, const char *id)
{
	const struct cluster_node *n;
	struct err none;

	return cluster_find_node(c->cluster, id, &n, &none) == RC_OK ? n->host
								     : id;
}

enum rc ctl_not_publisher(const struct ctl *c, const char *command,
			  struct err *e)
{
	if (!c->json)
		(void)fprintf(c->out, "This is not publisher node\n");
	return err_set(e, RC_REFUSED, command, "This is not publisher node",
		       "leave --node out, or name the publisher", "%s",
		       c->node->host);
}

/* What the line does not give, the session does, where the command takes it. */
static struct option_values with_session(const struct session *s,
					 const struct option_values *line,
					 option_set takes)
{
	struct option_values v = *line;

	for (unsigned i = 0; i < OPT_COUNT; i++)
		if (!v.value[i] && takes & OPT_BIT(i))
			v.value[i] = s->opt.value[i];
	if (!line->value[OPT_NODE] && s->node[0] && takes & OPT_BIT(OPT_NODE))
		v.value[OPT_NODE] = s->node;
	return v;
}

static enum rc check_options(const struct command *row, option_set given,
			     struct err *e)
{
	option_set wrong = given & ~(row->options | OPT_ALWAYS);

	for (unsigned i = 0; i < OPT_COUNT; i++)
		if (wrong & OPT_BIT(i))
			return err_set(e, RC_USAGE, NULL,
				       "the command does not take this option",
				       "itlctl help and its words name those that it takes",
				       "%s: --%s", row->words, options[i].name);
	return RC_OK;
}

static enum rc run_row(struct session *s, const struct command *row,
		       const struct line *line, size_t nwords, int *code,
		       struct err *e)
{
	option_set takes = row->options | OPT_BIT(OPT_CONFIG);
	struct ctl c = {.session = s,
			.opt = with_session(s, &line->opt, takes),
			.nargs = line->nwords - nwords,
			.args = line->words + nwords,
			.out = s->out};
	enum rc rc;

	c.json = c.opt.value[OPT_JSON] != NULL;
	if (row->needs & NEED_LINES && !s->lines)
		return err_set(e, RC_USAGE, NULL,
			       "is a command of the prompt alone",
			       "itlctl without words opens it; else use --node",
			       "%s", row->words);
	rc = ctl_open(&c, row->needs, e);
	if (rc == RC_OK)
		rc = row->run(&c, e);
	*code = c.exit;
	ctl_close(&c);
	return rc;
}

static int usage(struct session *s, const struct line *l)
{
	(void)fprintf(s->out, "usage: itlctl [OPTION]... [COMMAND]\n"
			      "Without a command: the admin: prompt.\n\n");
	command_help(s->out, l->words, l->nwords);
	if (l->nwords)
		return 0;
	(void)fprintf(s->out, "\n");
	for (size_t i = 0; i < OPT_COUNT; i++)
		(void)fprintf(s->out, "  --%s%s%s\n        %s\n",
			      options[i].name, options[i].arg ? " " : "",
			      options[i].arg ? options[i].arg : "",
			      options[i].help);
	return 0;
}

int ctl_run(struct session *s, int argc, const char *const *argv)
{
	bool json = line_wants_json(argc, argv) || s->opt.value[OPT_JSON];
	const struct command *row;
	struct line line;
	size_t nwords;
	struct err e;
	int code = 0;

	if (line_parse(argc, argv, &line, &e) != RC_OK)
		return ctl_error(s, json, &e);
	if (line.opt.value[OPT_VERSION]) {
		(void)fprintf(s->out, "itlctl (itlkeeper) %s\n",
			      ITLKEEPER_VERSION);
		return 0;
	}
	if (line.opt.value[OPT_HELP])
		return usage(s, &line);
	if (command_find(line.words, line.nwords, &row, &nwords, &e) != RC_OK ||
	    check_options(row, options_given(&line.opt), &e) != RC_OK ||
	    run_row(s, row, &line, nwords, &code, &e) != RC_OK)
		code = ctl_error(s, json, &e);
	(void)fflush(s->out);
	return code;
}
