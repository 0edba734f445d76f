/* What carry may still do once it listens to strangers, as root and as front. */
#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH 512

/* AddressSanitizer's builds have no bound of memory. */
#define HAS_SHADOW 0
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#undef HAS_SHADOW
#define HAS_SHADOW 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#undef HAS_SHADOW
#define HAS_SHADOW 1
#endif

/* Files and a process of the same user, which a server would like to have. */
struct scene {
	uid_t uid;
	gid_t gid;
	char *dir;
	char secret[PATH], own[PATH], sub[PATH], new[PATH], inner[PATH];
	pid_t victim;
};

static bool become(const struct scene *s)
{
	return geteuid() != 0 ||
	       (setgroups(0, NULL) == 0 && setresgid(s->gid, s->gid, s->gid) == 0 &&
		setresuid(s->uid, s->uid, s->uid) == 0);
}

static void make_file(const struct scene *s, const char *name, char path[PATH])
{
	FILE *f;

	assert_true(snprintf(path, PATH, "%s/%s", s->dir, name) < PATH);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("1234\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chown(path, s->uid, s->gid), 0);
}

/* Back once the victim is the user's: before, only root may look at it. */
static void victim_start(struct scene *s)
{
	int ready[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	s->victim = fork();
	assert_true(s->victim >= 0);
	if (s->victim == 0) {
		if (become(s) && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		    write(ready[1], &byte, 1) == 1)
			(void)pause();
		_exit(99);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static void scene_set(struct scene *s)
{
	s->dir = support_tmpdir();
	assert_int_equal(chown(s->dir, s->uid, s->gid), 0);
	make_file(s, "secret", s->secret);
	make_file(s, "own", s->own);
	assert_true(snprintf(s->new, PATH, "%s/new", s->dir) < PATH);
	assert_true(snprintf(s->sub, PATH, "%s/sub", s->dir) < PATH);
	assert_true(snprintf(s->inner, PATH, "%s/sub/there", s->dir) < PATH);
	assert_int_equal(mkdir(s->sub, 0700), 0);
	assert_int_equal(chown(s->sub, s->uid, s->gid), 0);
	make_file(s, "sub/there", s->inner);
	victim_start(s);
}

static void scene_clear(struct scene *s)
{
	int status;

	/* It was neither ended nor stopped. */
	assert_int_equal(waitpid(s->victim, &status, WNOHANG | WUNTRACED), 0);
	assert_int_equal(kill(s->victim, SIGKILL), 0);
	assert_int_equal(waitpid(s->victim, NULL, 0), s->victim);
	support_tmpdir_remove(s->dir);
}

/* In a child, for a sandbox is for good: as each user that carry runs as. */
static void as_each(bool (*work)(const struct scene *s))
{
	struct scene users[] = {{0}, {0}};
	size_t n = geteuid() == 0 ? 2 : 1;
	struct err e;
	int status;

	if (proc_user("itlkeeper-front", &users[1].uid, &users[1].gid, &e) != RC_OK)
		users[1].uid = users[1].gid = 65534;
	for (size_t i = 0; i < n; i++) {
		struct scene *s = &users[i];
		pid_t pid;

		if (n == 1) {
			s->uid = geteuid();
			s->gid = getegid();
		}
		print_message("as user %u\n", s->uid);
		scene_set(s);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(!become(s) || proc_harden(&e) != RC_OK ||
			      sandbox_rights(&e) != RC_OK || !work(s));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		scene_clear(s);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static bool sandboxed(enum rc rc, const struct err *e)
{
	char text[1200];

	if (rc != RC_OK)
		print_message("%s\n", err_text(e, text, sizeof text));
	return rc == RC_OK;
}

static bool says(bool ok, const char *what)
{
	if (!ok)
		print_message("%s: %s\n", what, strerror(errno));
	return ok;
}

#define SAYS(x) says((x), #x)

static bool has_landlock(long abi)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) >= abi;
}

static bool need_landlock(void)
{
	if (!has_landlock(1))
		print_message("this kernel has no Landlock\n");
	return has_landlock(1);
}

/* ---- calls ---- */

struct call {
	const char *name;
	long number, arg[5];
	int code; /* 0: EACCES */
};

#define CALL(name, ...) {#name, SYS_##name, {__VA_ARGS__}, 0}
#define NUMBER(number, ...) {#number, number, {__VA_ARGS__}, 0}
#define P(p) ((long)(intptr_t)(p))

static bool refused(const struct call *c, size_t n)
{
	const pid_t self = getpid();
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		const long *a = c[i].arg;
		long r;

		errno = 0;
		r = syscall((int)c[i].number, a[0], a[1], a[2], a[3], a[4]);
		if (getpid() != self)
			_exit(1); /* made by a call that was not refused */
		if (r == -1 && errno == (c[i].code ? c[i].code : EACCES))
			continue;
		print_message("call %zu, %s: %ld, %s\n", i, c[i].name, r,
			      strerror(errno));
		all = false;
	}
	return all;
}

/* Each would succeed otherwise, or fail with another code. */
static bool processes(const struct scene *s)
{
	const pid_t v = s->victim;
	const struct rlimit none = {0, 0};
	const struct sched_param p = {0};
	const struct f_owner_ex owner = {F_OWNER_PID, v};
	const cpu_set_t cpus = {{1}};
	const struct call rows[] = {
		CALL(execve, P("/nonexistent")), CALL(execveat, AT_FDCWD, P("/nonexistent")),
		CALL(clone, SIGCHLD), {"clone3", SYS_clone3, {0}, ENOSYS},
		CALL(clone, CLONE_NEWUSER | SIGCHLD), CALL(unshare, CLONE_NEWUSER),
		CALL(kill, v, SIGSTOP), CALL(kill, -1, SIGURG), CALL(kill, getpid(), SIGURG),
		CALL(tkill, v, SIGSTOP), CALL(tgkill, v, v, SIGSTOP),
		CALL(tgkill, -1, v, SIGSTOP), CALL(rt_sigqueueinfo, v, SIGURG),
		CALL(rt_tgsigqueueinfo, v, v, SIGURG), CALL(pidfd_open, v),
		CALL(pidfd_send_signal, -1), CALL(fcntl, 0, F_SETOWN, v),
		CALL(fcntl, 0, F_SETOWN_EX, P(&owner)), CALL(ioctl, 0, FIOSETOWN, P(&v)),
		CALL(ioctl, 0, SIOCSPGRP, P(&v)),
		CALL(ptrace, 16, v), CALL(process_vm_readv, v), CALL(process_vm_writev, v),
		CALL(pidfd_getfd, -1), CALL(process_madvise, -1), NUMBER(448, -1),
		CALL(move_pages, v), CALL(migrate_pages, v), CALL(kcmp, v, v), CALL(perf_event_open, 0, v),
		CALL(shmget, 1, 4096, IPC_CREAT | 0600), CALL(semget, 1, 1, IPC_CREAT | 0600),
		CALL(msgget, 1, IPC_CREAT | 0600), CALL(mq_open, P("x"), O_RDONLY),
		CALL(shmat, -1), CALL(shmctl, -1), CALL(semctl, -1), CALL(semop, -1),
		CALL(semtimedop, -1), CALL(msgctl, -1), CALL(msgsnd, -1), CALL(msgrcv, -1),
		CALL(mq_unlink, P("x")),
		CALL(prlimit64, v, RLIMIT_CORE, P(&none)),
		CALL(prlimit64, v, RLIMIT_CORE, 0, P(&none)),
		CALL(setpriority, PRIO_PROCESS, v, 1), CALL(ioprio_set, 1, v, 0),
		CALL(sched_setscheduler, v, SCHED_IDLE, P(&p)),
		CALL(sched_setparam, v, P(&p)), CALL(sched_setattr, v),
		CALL(sched_setaffinity, v, sizeof cpus, P(&cpus)),
		CALL(prctl, PR_SET_PDEATHSIG, 0), CALL(prctl, PR_SET_DUMPABLE, 1),
#ifdef SYS_fork
		CALL(fork), CALL(vfork),
#endif
	};
	struct err e;

	return sandboxed(sandbox_calls(true, &e), &e) &&
	       refused(rows, COUNT_OF(rows)) && SAYS(kill(v, 0) == 0);
}

/* The same for a put; the last ones are its own. */
static bool files_by_call(const struct scene *s, bool puts)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};
	const int fd = open(s->secret, O_RDWR | O_CLOEXEC), flags = 0;
	const long old = P(s->secret), new = P(s->new), at = AT_FDCWD;
	const struct call rows[] = {
		CALL(fchmodat, at, old, 0644), NUMBER(452, at, old, 0644, 0),
		CALL(fchownat, at, old, s->uid, s->gid), CALL(fchown, fd, s->uid, s->gid),
		CALL(setxattr, old, P("user.x"), P(""), 0, 0),
		CALL(lsetxattr, old, P("user.x"), P(""), 0, 0),
		CALL(fsetxattr, fd, P("user.x"), P(""), 0, 0),
		CALL(removexattr, old, P("user.x")), CALL(lremovexattr, old, P("user.x")),
		CALL(fremovexattr, fd, P("user.x")), NUMBER(463, at), NUMBER(466, at),
		NUMBER(469, at), CALL(ioctl, fd, FS_IOC_SETFLAGS, P(&flags)),
		CALL(ioctl, fd, FS_IOC_FSSETXATTR, P(&flags)),
		CALL(utimensat, at, old, P(times)), CALL(truncate, old, 0),
		CALL(linkat, at, old, at, new), CALL(symlinkat, old, at, new),
		CALL(mknodat, at, new, S_IFIFO | 0600), CALL(mkdirat, at, new, 0700),
#ifdef SYS_chmod
		CALL(chmod, old, 0644), CALL(chown, old, s->uid, s->gid),
		CALL(lchown, old, s->uid, s->gid), CALL(utime, old), CALL(utimes, old),
		CALL(futimesat, at, old), CALL(link, old, new), CALL(symlink, old, new),
		CALL(mknod, new, S_IFIFO | 0600), CALL(mkdir, new, 0700),
		CALL(rmdir, P(s->sub)),
#endif
		CALL(mount), CALL(umount2, P("/"), 0), CALL(pivot_root), CALL(chroot, P("/")),
		CALL(open_tree, at, P("/"), 0), NUMBER(467, at), CALL(move_mount),
		CALL(fsopen, P("tmpfs")), CALL(fsconfig), CALL(fsmount), CALL(fspick),
		CALL(mount_setattr), CALL(open_by_handle_at), CALL(setns, -1),
		CALL(add_key), CALL(request_key), CALL(keyctl, 0, -3), CALL(bpf),
		CALL(userfaultfd), CALL(io_uring_setup), CALL(io_uring_enter),
		CALL(io_uring_register),
		CALL(socket, AF_UNIX, SOCK_SEQPACKET),
		CALL(socket, (long)(0x100000000 + AF_UNIX), SOCK_STREAM),
		CALL(socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC),
		CALL(socketpair, AF_UNIX, SOCK_RAW),
		CALL(ioctl, 0, TIOCSTI, P("x")), CALL(ioctl, 0, TIOCLINUX, P("x")),
	};
	const struct call of_put[] = {
		CALL(fchmod, fd, 0600), CALL(renameat2, at, old, at, new, 0),
		CALL(renameat, at, old, at, new), CALL(unlinkat, at, new),
#ifdef SYS_chmod
		CALL(rename, old, new), CALL(unlink, new),
#endif
	};
	struct err e;

	return SAYS(fd >= 0) && sandboxed(sandbox_calls(puts, &e), &e) &&
	       refused(rows, COUNT_OF(rows)) &&
	       (puts || refused(of_put, COUNT_OF(of_put)));
}

static bool calls(const struct scene *s)
{
	return files_by_call(s, false);
}

static bool calls_of_put(const struct scene *s)
{
	return files_by_call(s, true);
}

/* ---- files ---- */

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool all_closed(const struct scene *s)
{
	char environ_of[64];
	const struct {
		const char *path;
		int flags;
	} rows[] = {
		{s->secret, O_RDONLY}, {s->secret, O_WRONLY}, {s->secret, O_RDWR},
		{s->secret, O_RDONLY | O_TRUNC}, {s->own, O_WRONLY}, {s->own, O_RDWR},
		{s->new, O_WRONLY | O_CREAT}, {s->dir, O_RDONLY | O_DIRECTORY},
		{s->dir, O_TMPFILE | O_WRONLY}, {environ_of, O_RDONLY},
		{"/", O_RDONLY | O_DIRECTORY}, {"/etc", O_RDONLY | O_DIRECTORY},
		{"/etc/shadow", O_RDONLY}, {"/etc/group", O_RDONLY},
		{"/usr", O_RDONLY | O_DIRECTORY}, {"/usr/local", O_RDONLY | O_DIRECTORY},
		{"/etc/ssl", O_RDONLY | O_DIRECTORY},
		{"/etc/ssl/private", O_RDONLY | O_DIRECTORY},
		{"/proc/self/mem", O_RDWR}, {"/dev/null", O_RDWR}, {"/dev/tty", O_RDWR},
	};
	bool all = true;

	(void)snprintf(environ_of, sizeof environ_of, "/proc/%d/environ", s->victim);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool yes = opens(rows[i].path, rows[i].flags);

		/* Some machines have no /etc/ssl. */
		if (yes || (errno != EACCES && errno != ENOENT)) {
			says(false, rows[i].path);
			all = false;
		}
	}
	return all;
}

static bool files(const struct scene *s)
{
	const char *own[] = {NULL, s->own, "/nonexistent/file"};
	const char *const folder[] = {s->dir};
	struct err e;

	return sandboxed(sandbox_calls(false, &e), &e) &&
	       SAYS(sandbox_files(NULL, folder, 1, &e) == RC_ERROR) &&
	       sandboxed(sandbox_files(NULL, own, COUNT_OF(own), &e), &e) &&
	       all_closed(s) && SAYS(opens(s->own, O_RDONLY));
}

/* By themselves: what the calls' filter does not hide. */
static bool files_alone(const struct scene *s)
{
	struct err e;

	if (!sandboxed(sandbox_files(NULL, NULL, 0, &e), &e) || !all_closed(s) ||
	    !SAYS(!opens(s->own, O_RDONLY)) || !SAYS(unlink(s->secret) < 0) ||
	    !SAYS(rename(s->secret, s->new) < 0))
		return false;
	return (!has_landlock(3) || SAYS(truncate(s->secret, 0) < 0)) &&
	       (!has_landlock(6) || SAYS(kill(s->victim, SIGSTOP) < 0));
}

static bool put(const struct scene *s)
{
	char path[PATH];
	struct err e;

	return SAYS(snprintf(path, PATH, "%s/file", s->sub) < PATH) &&
	       sandboxed(sandbox_calls(true, &e), &e) &&
	       sandboxed(sandbox_files(s->sub, NULL, 0, &e), &e) &&
	       sandboxed(file_replace(path, bytes_of_text("one"), 0644, &e), &e) &&
	       sandboxed(file_replace(path, bytes_of_text("two"), 0644, &e), &e) &&
	       all_closed(s) && SAYS(!opens(s->inner, O_RDONLY)) &&
	       SAYS(unlink(s->secret) < 0) && SAYS(rename(s->inner, s->new) < 0) &&
	       SAYS(rename(s->secret, path) < 0) && SAYS(unlink(s->inner) == 0);
}

/* ---- rights and bounds ---- */

static bool rights(const struct scene *s)
{
	struct __user_cap_header_struct self = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];
	struct rlimit files_open, memory, core;
	int fd, n = 0;

	if (!SAYS(syscall(SYS_capget, &self, has) == 0))
		return false;
	for (size_t i = 0; i < COUNT_OF(has); i++)
		if (!SAYS(!(has[i].effective | has[i].permitted | has[i].inheritable)))
			return false;
	for (int c = 0; s->uid == 0 && c <= CAP_LAST_CAP; c++)
		if (!SAYS(prctl(PR_CAPBSET_READ, c) <= 0) ||
		    !SAYS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) <= 0))
			return false;
	while ((fd = dup(0)) >= 0)
		n = fd;
	return SAYS(errno == EMFILE && n < 64) &&
	       SAYS(getrlimit(RLIMIT_NOFILE, &files_open) == 0 &&
		    files_open.rlim_max <= 64) &&
	       SAYS(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0) &&
	       SAYS(getrlimit(RLIMIT_AS, &memory) == 0 &&
		    (HAS_SHADOW || memory.rlim_max <= (512u << 20))) &&
	       SAYS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) &&
	       SAYS(prctl(PR_GET_DUMPABLE) == 0) && SAYS(prctl(PR_GET_KEEPCAPS) == 0);
}

/* ---- what jobs need ---- */

static void *thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static bool resolves(const char *name)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *a = NULL;
	int bad = getaddrinfo(name, "25", &want, &a);

	if (bad == 0)
		freeaddrinfo(a);
	return bad == 0;
}

static bool works(const struct scene *s)
{
	const char *own[] = {s->own};
	struct rlimit l;
	struct err e;
	pthread_t t;
	int pair[2], ran = 0;
	bool certs = access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0;

	return sandboxed(sandbox_calls(false, &e), &e) &&
	       sandboxed(sandbox_files(NULL, own, 1, &e), &e) &&
	       SAYS(opens(s->own, O_RDONLY)) && SAYS(resolves("localhost")) &&
	       SAYS(opens("/etc/passwd", O_RDONLY)) &&
	       SAYS(opens("/usr/lib", O_RDONLY | O_DIRECTORY)) &&
	       (!certs || SAYS(opens("/etc/ssl/certs/ca-certificates.crt", O_RDONLY))) &&
	       SAYS(socket(AF_INET, SOCK_STREAM, 0) >= 0) &&
	       SAYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) &&
	       SAYS(pthread_create(&t, NULL, thread, &ran) == 0) &&
	       SAYS(pthread_join(t, NULL) == 0 && ran) &&
	       SAYS(raise(SIGURG) == 0) && SAYS(kill(getpid(), 0) == 0) &&
	       SAYS(getrlimit(RLIMIT_AS, &l) == 0);
}

/* ---- */

static void test_processes(void **state)
{
	(void)state;
	as_each(processes);
}

static void test_calls(void **state)
{
	(void)state;
	as_each(calls);
	as_each(calls_of_put);
}

static void test_rights(void **state)
{
	(void)state;
	as_each(rights);
}

static void test_files(void **state)
{
	(void)state;
	if (!need_landlock())
		skip();
	as_each(files);
	as_each(files_alone);
	as_each(put);
}

static void test_works(void **state)
{
	(void)state;
	as_each(works);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes), cmocka_unit_test(test_calls),
		cmocka_unit_test(test_rights),	  cmocka_unit_test(test_files),
		cmocka_unit_test(test_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
