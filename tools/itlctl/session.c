#include "itlctl/command.h"
#include "itlctl/commands.h"

enum rc session_node(struct ctl *c, struct err *e)
{
	const struct cluster_node *n;

	if (cluster_find_node(c->cluster, c->args[0], &n, e) != RC_OK)
		return e->rc;
	(void)snprintf(c->session->node, sizeof c->session->node, "%s", n->id);
	(void)snprintf(c->session->host, sizeof c->session->host, "%s", n->host);
	return RC_OK;
}

enum rc session_help(struct ctl *c, struct err *e)
{
	const struct command *row = commands;
	size_t n = c->nargs;

	while (row->words && !command_begins(row, c->args, n))
		row++;
	/* Not the beginning of a command; perhaps one with its arguments. */
	if (!row->words && command_find(c->args, c->nargs, &row, &n, e) != RC_OK)
		return e->rc;
	command_help(c->out, c->args, n);
	return RC_OK;
}

enum rc session_exit(struct ctl *c, struct err *e)
{
	(void)e;
	c->session->leave = true;
	return RC_OK;
}
