/* Which files are to be signed, and by which names phones ask for them. */
#include "itlctl/sign.h"
#include "base/num.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sign_place_clear(struct sign_place *p)
{
	free(p->texts);
	p->texts = NULL;
}

/* The folder of the node, if it is on this machine. */
static bool node_folder(const struct ctl *c, char to[PATH_MAX])
{
	const struct cluster_node *n = c->node;

	return n && n->tftp && !n->remote && n->folder && realpath(n->folder, to);
}

/* What follows `folder` in `path`: "" if they are the same; NULL if it is not within. */
static const char *within(const char *folder, const char *path)
{
	size_t n = strlen(folder);

	if (strncmp(folder, path, n) != 0)
		return NULL;
	if (n && folder[n - 1] == '/')
		return path + n;
	return path[n] == '/' ? path + n + 1 : path[n] ? NULL : path + n;
}

static enum rc of_dir(const struct ctl *c, struct sign_place *p, struct err *e)
{
	const char *dir = c->opt.value[OPT_DIR], *below;
	char folder[PATH_MAX];

	if (!realpath(dir, p->dir))
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_REFUSED,
				 "open folder", NULL, "%.150s", dir);
	below = node_folder(c, folder) ? within(folder, p->dir) : NULL;
	if (!below || !*below)
		return RC_OK;
	if (snprintf(p->prefix, sizeof p->prefix, "%s/", below) >= num_int(sizeof p->prefix))
		return err_set(e, RC_REFUSED, "sign",
			       "names of files there are too long for a header", NULL,
			       "%.150s", dir);
	return RC_OK;
}

/* The folder of a file, as it really is; what it names in there is not followed. */
static enum rc real_place(const char *file, char to[PATH_MAX], struct err *e)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	char dir[PATH_MAX], real[PATH_MAX];

	if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
		return err_set(e, RC_USAGE, "sign", "is no file", "name a folder with --dir",
			       "%.150s", file);
	if (snprintf(dir, sizeof dir, "%.*s", slash ? num_int(num_size(slash - file)) + 1 : 1,
		     slash ? file : ".") >= num_int(sizeof dir) ||
	    !realpath(dir, real))
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_REFUSED,
				 "open folder", NULL, "%.150s", file);
	if (snprintf(to, PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", base) >= PATH_MAX)
		return err_set(e, RC_REFUSED, "sign", "its path is too long", NULL, "%.150s",
			       file);
	return RC_OK;
}

/* The tree: the node's folder if the first file lies in it, else that file's own. */
static void choose_tree(const struct ctl *c, const char *first, struct sign_place *p)
{
	if (node_folder(c, p->dir) && within(p->dir, first))
		return;
	(void)snprintf(p->dir, sizeof p->dir, "%.*s",
		       num_int(num_size(strrchr(first, '/') - first)), first);
	if (!p->dir[0])
		strcpy(p->dir, "/");
}

static enum rc of_files(const struct ctl *c, struct sign_place *p, struct err *e)
{
	char real[PATH_MAX];
	size_t used = 0;

	p->texts = malloc(c->nargs * PATH_MAX);
	if (!p->texts)
		return err_errno(e, RC_ERROR, "malloc", NULL, "names");
	for (size_t i = 0; i < c->nargs; i++) {
		const char *name;

		if (real_place(c->args[i], real, e) != RC_OK)
			return e->rc;
		if (i == 0)
			choose_tree(c, real, p);
		name = within(p->dir, real);
		if (!name)
			return err_set(e, RC_USAGE, "sign",
				       "the files are not of one tree: what names would phones ask for?",
				       "name files of the node's folder, or of one folder; or --dir",
				       "%.150s", c->args[i]);
		if (!*name)
			return err_set(e, RC_USAGE, "sign", "is the node's folder itself",
				       "name it with --dir", "%.150s", c->args[i]);
		strcpy(p->texts + used, name);
		p->names[p->nnames++] = p->texts + used;
		used += strlen(name) + 1;
	}
	return RC_OK;
}

enum rc sign_place(const struct ctl *c, struct sign_place *out, struct err *e)
{
	const char *dir = c->opt.value[OPT_DIR];

	*out = (struct sign_place){.nnames = 0};
	if (!dir == !c->nargs)
		return err_set(e, RC_USAGE, "sign",
			       dir ? "--dir takes all files of a folder"
				   : "nothing is named to be signed",
			       "name FILEs, or --dir DIR; --pattern chooses among its files",
			       "%s", dir ? dir : "the command line");
	if (!dir && c->opt.value[OPT_PATTERN])
		return err_set(e, RC_USAGE, "sign", "--pattern needs --dir", NULL,
			       "the command line");
	return dir ? of_dir(c, out, e) : of_files(c, out, e);
}
