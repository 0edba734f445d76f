#include "base/proc.h"
#include "base/num.h"
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum rc proc_harden(struct err *e)
{
	struct rlimit none = {0, 0};

	umask(077);
	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(e, RC_ERROR, "prctl", NULL, "this process");
	return RC_OK;
}

unsigned long proc_room_for_files(unsigned long n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 0;
	if (r.rlim_cur < n) {
		r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	return r.rlim_cur;
}

static const char *const make_users =
	"make the users and the group of the service: packaging/users";

enum rc proc_user(const char *name, uid_t *uid, gid_t *gid, struct err *e)
{
	struct passwd p, *found = NULL;
	char buf[4096];

	if (getpwnam_r(name, &p, buf, sizeof buf, &found) != 0 || !found)
		return err_set(e, RC_NOTFOUND, "getpwnam", "no such user",
			       make_users, "%s", name);
	*uid = p.pw_uid;
	*gid = p.pw_gid;
	return RC_OK;
}

enum rc proc_group(const char *name, gid_t *gid, struct err *e)
{
	struct group g, *found = NULL;
	char buf[65536];

	if (getgrnam_r(name, &g, buf, sizeof buf, &found) != 0 || !found)
		return err_set(e, RC_NOTFOUND, "getgrnam", "no such group",
			       make_users, "%s", name);
	*gid = g.gr_gid;
	return RC_OK;
}

enum rc proc_sibling(const char *name, char *to, size_t cap, struct err *e)
{
	static const char *const places[] = {".", ITLKEEPER_LIBEXEC_FROM_BIN};
	char self[PATH_MAX], path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (n < 0)
		return err_errno(e, RC_ERROR, "readlink", NULL, "/proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		char CLEANUP_FREE *found = NULL;

		if (snprintf(path, sizeof path, "%.3000s/%s/%s", self, places[i],
			     name) >= num_int(sizeof path) ||
		    access(path, X_OK) != 0 || !(found = realpath(path, NULL)))
			continue;
		if (strlen(found) >= cap)
			return err_set(e, RC_ERROR, "find program",
				       "path too long", NULL, "%s", name);
		strcpy(to, found);
		return RC_OK;
	}
	return err_set(e, RC_ERROR, "find program",
		       "is not where this program was installed",
		       "install the whole package", "%s, beside or near %.200s",
		       name, self);
}

double proc_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
