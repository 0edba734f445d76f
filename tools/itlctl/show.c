#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/lists.h"
#include <string.h>
#include <unistd.h>

static unsigned flags_of(const struct ctl *c)
{
	return c->opt.value[OPT_LENIENT] ? ITL_LENIENT : 0;
}

/* The two lists that nodes serve: for people, and for the door. */
struct kind {
	const char *name, *file;
};
static const struct kind itl = {"ITL", "itl"}, ctl = {"CTL", "ctl"};

static enum rc show_file(struct ctl *c, const struct kind *k, const char *path,
			 struct err *e)
{
	struct list_file CLEANUP(list_file_clear) f;
	json_t *where = json_pack("{s:s}", "file", path);

	if (list_file_read(path, flags_of(c), &f, e) == RC_OK)
		return list_show(c, &f, where, e);
	if (e->rc == RC_NOTFOUND)
		return list_show_missing(c, k->name, where, e);
	json_decref(where);
	return e->rc;
}

static enum rc show_served(struct ctl *c, const struct kind *k, struct err *e)
{
	struct list_file CLEANUP(list_file_clear) f = {0};
	json_auto_t *answer = NULL;
	const char *text, *kind;
	enum rc rc = ctl_call(c, json_pack("{s:s, s:s, s:s}", "do", "list", "node",
					   c->node->id, "file", k->file),
			      NULL, NULL, &answer, e);

	if (rc == RC_NOTFOUND)
		return list_show_missing(c, k->name,
					 json_pack("{s:s}", "node", c->node->host), e);
	if (rc != RC_OK ||
	    answer_unpack(answer, "list", e, "{s:s, s:s}", "bytes", &text,
			  "kind", &kind) != RC_OK ||
	    answer_base64(text, "list", &f.bytes, &f.n, e) != RC_OK ||
	    list_file_parse(&f, flags_of(c), e) != RC_OK)
		return e->rc;
	f.modified = answer_int(answer, "since");
	return list_show(c, &f, json_pack("{s:s, s:s}", "node", c->node->host,
					  "served", kind), e);
}

static enum rc show_list(struct ctl *c, const struct kind *k, struct err *e)
{
	const char *name = c->nargs ? c->args[0] : NULL;

	if (name && (strchr(name, '/') || access(name, F_OK) == 0))
		return show_file(c, k, name, e);
	/* A node that is named wins over the one where one stands. */
	if (name)
		c->opt.value[OPT_NODE] = name;
	if (ctl_open(c, NEED_FRONT, e) != RC_OK)
		return e->rc;
	return show_served(c, k, e);
}

enum rc show_itl(struct ctl *c, struct err *e)
{
	return show_list(c, &itl, e);
}

enum rc show_ctl(struct ctl *c, struct err *e)
{
	return show_list(c, &ctl, e);
}
