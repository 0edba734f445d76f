/* Loaded into sftp-server, which renames by link(2): some of its renames fail. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* To "lost.p12" none succeeds; to "kept.p12" none from a hidden name; to "ITLFile.tlv"
 * none from a temporary one. */
int link(const char *from, const char *to)
{
	int (*next)(const char *, const char *) =
		(int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");

	if (strstr(to, "/lost.p12") || (strstr(to, "/kept.p12") && strstr(from, "/.")) ||
	    (strstr(to, "/ITLFile.tlv") && strstr(from, ".tmp"))) {
		errno = EACCES; /* EPERM: it would rename(2) instead */
		return -1;
	}
	return next(from, to);
}
