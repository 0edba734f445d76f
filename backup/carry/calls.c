/* Calls that no job needs, so that a server which took carry over has none of them. */
#include "base/num.h"
#include "sandbox.h"
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

CLEANUP_DEFINE(scmp_filter_ctx, seccomp_release);

struct rule {
	int call;
	unsigned n; /* conditions */
	struct scmp_arg_cmp arg[2];
};

/* Younger than some libseccomp; the same number on every machine. */
#define NR_FCHMODAT2 452
#define NR_SETXATTRAT 463
#define NR_REMOVEXATTRAT 466
#define NR_OPEN_TREE_ATTR 467
#define NR_FILE_SETATTR 469

#define NR(number) {.call = (number)}
#define ANY(name) NR(SCMP_SYS(name))
#define WHEN(name, ...) {.call = SCMP_SYS(name), .n = 1, .arg = {__VA_ARGS__}}
/* An int in a register of 64 bits: the upper half is not the kernel's, so what is
 * refused is looked for in the lower one, and what is let through is all of it. */
#define BITS(i, mask, is)                                                      \
	{.arg = (i), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (is)}
#define IS(i, value) BITS(i, UINT32_MAX, (uint32_t)(value))
#define NOT(i, value) {.arg = (i), .op = SCMP_CMP_NE, .datum_a = (value)}

#define TYPE_OF_SOCKET 0xfu

static const struct rule rules[] = {
	/* Another program, or another process: threads alone, for libcurl. */
	ANY(execve), ANY(execveat), ANY(fork), ANY(vfork),
	WHEN(clone, BITS(0, CLONE_THREAD, 0)),
	/* Signals; kill(pid, 0) only asks whether it is there. sandbox_calls() adds
	 * tgkill(): abort() sends that to its own process. */
	WHEN(kill, NOT(1, 0)), ANY(tkill), ANY(rt_sigqueueinfo),
	ANY(rt_tgsigqueueinfo), ANY(pidfd_open), ANY(pidfd_send_signal),
	WHEN(fcntl, IS(1, F_SETOWN)), WHEN(fcntl, IS(1, F_SETOWN_EX)),
	WHEN(ioctl, IS(1, FIOSETOWN)), WHEN(ioctl, IS(1, SIOCSPGRP)),
	/* What other processes have. */
	ANY(ptrace), ANY(process_vm_readv), ANY(process_vm_writev),
	ANY(process_madvise), ANY(process_mrelease), ANY(pidfd_getfd), ANY(kcmp),
	ANY(move_pages), ANY(migrate_pages), ANY(perf_event_open),
	ANY(shmget), ANY(shmat), ANY(shmctl), ANY(semget), ANY(semctl), ANY(semop),
	ANY(semtimedop), ANY(msgget), ANY(msgctl), ANY(msgsnd), ANY(msgrcv),
	ANY(mq_open), ANY(mq_unlink),
	/* How they run; 0 is this one. */
	WHEN(prlimit64, NOT(0, 0)), ANY(setpriority), ANY(ioprio_set),
	WHEN(sched_setscheduler, NOT(0, 0)), WHEN(sched_setparam, NOT(0, 0)),
	WHEN(sched_setattr, NOT(0, 0)), WHEN(sched_setaffinity, NOT(0, 0)),
	/* Services of this machine; a pair of datagram sockets would reach them too. */
	WHEN(socket, IS(0, AF_UNIX)),
	WHEN(socketpair, BITS(1, TYPE_OF_SOCKET, SOCK_DGRAM)),
	WHEN(socketpair, BITS(1, TYPE_OF_SOCKET, SOCK_RAW)),
	/* What is typed at the terminal, which is descriptor 2 of a command's. */
	WHEN(ioctl, IS(1, TIOCSTI)), WHEN(ioctl, IS(1, TIOCLINUX)),
	/* Modes, owners, attributes, times, and the end of a file that is not open:
	 * these are the owner's to change, and Landlock does not know them all. */
	ANY(chmod), ANY(fchmodat), NR(NR_FCHMODAT2), ANY(chown), ANY(lchown),
	ANY(fchown), ANY(fchownat), ANY(setxattr), ANY(lsetxattr), ANY(fsetxattr),
	NR(NR_SETXATTRAT), ANY(removexattr), ANY(lremovexattr), ANY(fremovexattr),
	NR(NR_REMOVEXATTRAT), NR(NR_FILE_SETATTR), WHEN(ioctl, IS(1, FS_IOC_SETFLAGS)),
	WHEN(ioctl, IS(1, FS_IOC_FSSETXATTR)), ANY(utime), ANY(utimes),
	ANY(futimesat), ANY(utimensat), ANY(truncate),
	/* Names. */
	ANY(link), ANY(linkat), ANY(symlink), ANY(symlinkat), ANY(mknod),
	ANY(mknodat), ANY(mkdir), ANY(mkdirat), ANY(rmdir),
	/* Another view of the files, and capabilities by a namespace. */
	ANY(mount), ANY(umount2), ANY(pivot_root), ANY(chroot), ANY(open_tree),
	NR(NR_OPEN_TREE_ATTR), ANY(move_mount), ANY(fsopen), ANY(fsconfig),
	ANY(fsmount), ANY(fspick), ANY(mount_setattr), ANY(open_by_handle_at),
	ANY(unshare), ANY(setns),
	/* Keys that the kernel keeps for the user. */
	ANY(add_key), ANY(request_key), ANY(keyctl),
	/* Wide doors into the kernel; io_uring makes calls that no filter sees. */
	ANY(bpf), ANY(userfaultfd), ANY(io_uring_setup), ANY(io_uring_enter),
	ANY(io_uring_register),
	/* To live on without the parent, and to be looked into. */
	WHEN(prctl, IS(0, PR_SET_PDEATHSIG)), WHEN(prctl, IS(0, PR_SET_DUMPABLE)),
};

/* What file_replace() does in the folder of a put. */
static const struct rule of_put[] = {
	ANY(fchmod), ANY(rename), ANY(renameat), ANY(renameat2), ANY(unlink),
	ANY(unlinkat),
};

/* Each, until one cannot be added: libseccomp gives -errno. */
static int refuse(scmp_filter_ctx c, const struct rule *r, size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n && bad == 0; i++)
		bad = seccomp_rule_add_array(c, SCMP_ACT_ERRNO(EACCES), r[i].call,
					     r[i].n, r[i].arg);
	return bad;
}

enum rc sandbox_calls(bool puts, struct err *e)
{
	const struct rule others = WHEN(tgkill, NOT(0, (scmp_datum_t)getpid()));
	scmp_filter_ctx CLEANUP(seccomp_release) c = seccomp_init(SCMP_ACT_ALLOW);
	int bad = c ? refuse(c, rules, COUNT_OF(rules)) : -ENOMEM;

	if (bad == 0)
		bad = refuse(c, &others, 1);
	if (bad == 0 && !puts)
		bad = refuse(c, of_put, COUNT_OF(of_put));
	/* A filter cannot see its flags: glibc takes clone() instead. */
	if (bad == 0)
		bad = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
				       0);
	if (bad == 0)
		bad = seccomp_load(c);
	if (bad == 0)
		return RC_OK;
	errno = -bad;
	return err_errno(e, RC_ERROR, "seccomp",
			 "the kernel must have seccomp filters", "carry");
}
