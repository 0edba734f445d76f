/* Rights, bounds and files; the calls are in calls.c. */
#include "sandbox.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- rights and bounds ---- */

#define MAX_MEMORY (512u << 20) /* bytes of address space, stacks of threads too */
#define MAX_FILES 64u		/* descriptors */

/* The shadow memory of AddressSanitizer takes terabytes of addresses. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAS_SHADOW 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HAS_SHADOW 1
#endif

static enum rc failed(const char *what, struct err *e)
{
	return err_errno(e, RC_ERROR, what, NULL, "this process");
}

/* EPERM: a user who may not drop from the bounding set gains nothing by it either,
 * after no_new_privs. EINVAL: the kernel has no more. */
static bool empty_bounding_set(void)
{
	int cap = 0;

	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	return errno == EPERM || errno == EINVAL;
}

static enum rc bound(int what, rlim_t most, struct err *e)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)what, &l) != 0)
		return failed("getrlimit", e);
	if (l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &l) != 0)
		return failed("setrlimit", e);
	return RC_OK;
}

enum rc sandbox_rights(struct err *e)
{
	struct __user_cap_header_struct self = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	/* glibc has no capset(). */
	if (!empty_bounding_set() ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &self, none) != 0)
		return failed("capabilities", e);
#ifndef HAS_SHADOW
	if (bound(RLIMIT_AS, MAX_MEMORY, e) != RC_OK)
		return e->rc;
#endif
	return bound(RLIMIT_NOFILE, MAX_FILES, e);
}

/* ---- files ---- */

/* Younger than the headers of some systems that this is built on. */
#define FS_REFER (1ULL << 13)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

struct ruleset { /* struct landlock_ruleset_attr, as of ABI 6 */
	uint64_t fs, net, scoped;
};

/* What a kernel can refuse, by its ABI; each has what those before it have. The net
 * is a job's to use. */
static const struct {
	int abi;
	struct ruleset adds;
} abis[] = {
	{1, {.fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		   LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		   LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		   LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		   LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
		   LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		   LANDLOCK_ACCESS_FS_MAKE_SYM}},
	{2, {.fs = FS_REFER}},
	{3, {.fs = FS_TRUNCATE}},
	{5, {.fs = FS_IOCTL_DEV}},
	{6, {.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL}},
};

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ_ALL (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define PUT                                                                    \
	(LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |         \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)

/*
 * What libraries read while a job runs; a link among them stands for what it leads
 * to. No /usr, /etc or /etc/ssl as a whole: beneath them are private keys, and this
 * service's own files where it is installed in /usr/local.
 */
static const struct {
	const char *path;
	uint64_t rights;
} needed[] = {
	/* libraries that are loaded late: name services, character sets, OpenSSL's */
	{"/usr/lib", READ_ALL},
	{"/usr/lib32", READ_ALL},
	{"/usr/lib64", READ_ALL},
	{"/usr/local/lib", READ_ALL},
	{"/lib", READ_ALL},
	{"/lib64", READ_ALL},
	{"/etc/ld.so.cache", READ_FILE},
	/* the names of hosts and services */
	{"/etc/nsswitch.conf", READ_FILE},
	{"/etc/resolv.conf", READ_FILE},
	{"/etc/hosts", READ_FILE},
	{"/etc/host.conf", READ_FILE},
	{"/etc/gai.conf", READ_FILE},
	{"/etc/services", READ_FILE},
	{"/etc/protocols", READ_FILE},
	/* the user's home: libssh asks for it, and needs an answer */
	{"/etc/passwd", READ_FILE},
	/* settings of TLS, and the CAs of the system */
	{"/etc/ssl/openssl.cnf", READ_FILE},
	{"/etc/ssl/certs", READ_ALL},
	{"/etc/pki/tls/openssl.cnf", READ_FILE},
	{"/etc/pki/tls/certs", READ_ALL},
	{"/etc/pki/ca-trust/extracted", READ_ALL},
	{"/etc/crypto-policies", READ_ALL},
	{"/usr/share/crypto-policies", READ_ALL},
	{"/usr/share/ca-certificates", READ_ALL},
	{"/usr/local/share/ca-certificates", READ_ALL},
	{"/proc/sys/crypto/fips_enabled", READ_FILE},
	/* the dates of certificates */
	{"/etc/localtime", READ_FILE},
};

static enum rc allow(int rules, const char *path, uint64_t rights, struct err *e)
{
	int CLEANUP(fd_close) fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = {.parent_fd = fd,
						     .allowed_access = rights};
	struct stat st;

	/* What is not there is nobody's to read, and the job's to tell. So is a
	 * file that should be the folder of a put. */
	if (fd < 0 || fstat(fd, &st) != 0 ||
	    (rights != READ_FILE && !S_ISDIR(st.st_mode)))
		return RC_OK;
	/* A folder, named by mistake, would be all that is in it. */
	if (rights == READ_FILE && !S_ISREG(st.st_mode))
		return err_set(e, RC_ERROR, "open", "is not a regular file",
			       "name a file", "%s", path);
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		    &beneath, 0) != 0)
		return err_errno(e, RC_ERROR, "landlock", NULL, "%s", path);
	return RC_OK;
}

static enum rc allow_all(int rules, const char *folder,
			 const char *const files[], size_t n, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(needed); i++)
		if (allow(rules, needed[i].path, needed[i].rights, e) != RC_OK)
			return e->rc;
	for (size_t i = 0; i < n; i++)
		if (files[i] && allow(rules, files[i], READ_FILE, e) != RC_OK)
			return e->rc;
	return folder ? allow(rules, folder, PUT, e) : RC_OK;
}

/* glibc has no functions for these calls. */
enum rc sandbox_files(const char *folder, const char *const files[], size_t n,
		      struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset all = {0};

	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP
			       ? RC_OK
			       : failed("landlock", e);
	for (size_t i = 0; i < COUNT_OF(abis) && abis[i].abi <= abi; i++) {
		all.fs |= abis[i].adds.fs;
		all.scoped |= abis[i].adds.scoped;
	}
	/* An older kernel takes a longer struct whose rest is zero. */
	int CLEANUP(fd_close) rules = (int)syscall(
		SYS_landlock_create_ruleset, &all, sizeof all, 0);

	if (rules < 0)
		return failed("landlock", e);
	if (allow_all(rules, folder, files, n, e) != RC_OK)
		return e->rc;
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return failed("landlock", e);
	return RC_OK;
}
