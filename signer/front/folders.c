#include "folders.h"
#include "base/file.h"
#include <string.h>
#include <sys/stat.h>

static enum rc bad(const char *dir, const struct cluster_node *n, const char *key,
		   const char *value, const char *why, const char *hint,
		   struct err *e)
{
	char path[4096], section[CLUSTER_ID_MAX + 8];

	(void)snprintf(section, sizeof section, "node %s", n->id);
	if (file_path(path, sizeof path, dir, "cluster.conf", e) != RC_OK)
		return e->rc;
	return err_set(e, RC_USAGE, "configuration", why, hint, "%s:%d: %s: %s",
		       path, conf_line(path, section, key), key, value);
}

static bool is(const char *path, mode_t type, struct stat *st)
{
	return stat(path, st) == 0 && (st->st_mode & S_IFMT) == type;
}

static enum rc check_login(const char *dir, const struct cluster_node *n,
			   struct err *e)
{
	struct stat st;

	if (n->identity && !is(n->identity, S_IFREG, &st))
		return bad(dir, n, "identity", n->identity, "is no file",
			   "make a key (ssh-keygen -N '' -f FILE) that front's user can read",
			   e);
	if (n->identity && st.st_mode & 0007)
		return bad(dir, n, "identity", n->identity,
			   "a private key that everybody can use",
			   "let front's user alone read it", e);
	if (n->agent && !is(n->agent, S_IFSOCK, &st))
		return bad(dir, n, "agent", n->agent, "is no socket",
			   "start the SSH agent, as front's user", e);
	/* One that is not there yet is made when the first key is accepted. */
	if (stat(n->known_hosts, &st) == 0 && !S_ISREG(st.st_mode))
		return bad(dir, n, "known-hosts", n->known_hosts, "is no file",
			   "name a file", e);
	return RC_OK;
}

enum rc folders_check(const char *dir, const struct cluster *c, struct err *e)
{
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct cluster_node *n = &c->nodes[i];
		struct stat st;

		if (!n->tftp)
			continue;
		if (n->remote && check_login(dir, n, e) != RC_OK)
			return e->rc;
		if (!n->remote && !is(n->folder, S_IFDIR, &st))
			return bad(dir, n, "folder", n->folder, "is no folder",
				   "make it, and let front's user write there",
				   e);
	}
	return RC_OK;
}
