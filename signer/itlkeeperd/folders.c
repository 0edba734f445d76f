#include "folders.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

static enum rc take_lock(const char *run, int *lock, struct err *e)
{
	int CLEANUP(fd_close) fd = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", run);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return err_set(e, RC_BUSY, "lock",
			       "another itlkeeperd serves this run folder",
			       "stop it first, or give this one a run folder of its own",
			       "%s", run);
	*lock = fd;
	fd = -1;
	return RC_OK;
}

enum rc folders_make(const struct cluster *c, int *lock, struct err *e)
{
	int CLEANUP(fd_close) fd = -1;
	uid_t keyd, front, tvs;
	gid_t keyd_own, front_own, tvs_own, group;

	if (proc_user(c->keyd_user, &keyd, &keyd_own, e) != RC_OK ||
	    proc_user(c->front_user, &front, &front_own, e) != RC_OK ||
	    proc_user(c->tvs_user, &tvs, &tvs_own, e) != RC_OK ||
	    proc_group(c->group, &group, e) != RC_OK)
		return e->rc;
	const struct {
		const char *base, *name;
		uid_t uid;
		gid_t gid;
		mode_t mode;
	} rows[] = {
		{c->run, "keyd", keyd, keyd_own, 0755},
		{c->run, "front", front, front_own, 0755},
		{c->run, "restart", front, front_own, 0755},
		{c->run, "restarted", 0, 0, 0755},
		{c->run, "tvs", tvs, tvs_own, 0755},
		/* Set-group-ID: the administrators read the audit log there. */
		{c->state_dir, "keyd", keyd, group, 02750},
		{c->state_dir, "front", front, group, 0750},
		/* tvs reads the trust file there. */
		{c->state_dir, "trust", front, front_own, 0755},
	};

	if (file_make_dir(c->run, 0755, 0, 0, e) != RC_OK ||
	    take_lock(c->run, &fd, e) != RC_OK ||
	    file_make_dir(c->state_dir, 0755, 0, 0, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char path[2 * CLUSTER_PATH_MAX];

		if (file_path(path, sizeof path, rows[i].base, rows[i].name,
			      e) != RC_OK ||
		    file_make_dir(path, rows[i].mode, rows[i].uid, rows[i].gid,
				  e) != RC_OK)
			return e->rc;
	}
	*lock = fd;
	fd = -1;
	return RC_OK;
}
