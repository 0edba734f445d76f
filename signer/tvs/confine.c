#include "confine.h"
#include "base/num.h"
#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <unistd.h>

CLEANUP_DEFINE(scmp_filter_ctx, seccomp_release);

static const int never[] = {
	/* another program, another process; threads are made by clone() */
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
	/* what other processes of this user have */
	SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(kcmp), SCMP_SYS(perf_event_open), SCMP_SYS(shmget), SCMP_SYS(shmat),
	/* another view of the files, and capabilities by a namespace */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(unshare), SCMP_SYS(setns),
	/* doors into the kernel; io_uring makes calls that no filter sees */
	SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register), SCMP_SYS(add_key), SCMP_SYS(request_key),
	SCMP_SYS(keyctl), SCMP_SYS(init_module), SCMP_SYS(finit_module),
};

#define REFUSE SCMP_ACT_ERRNO(EACCES)

/* Raw and packet sockets need rights that tvs has not got; netlink is asked by the
 * resolver for addresses of this machine. */
static int refuse_sockets(scmp_filter_ctx c)
{
	static const unsigned families[] = {AF_PACKET, AF_VSOCK, AF_ALG, AF_BLUETOOTH, AF_KEY};
	int bad = 0;

	for (size_t i = 0; i < COUNT_OF(families) && bad == 0; i++)
		bad = seccomp_rule_add(c, REFUSE, SCMP_SYS(socket), 1,
				       SCMP_A0_32(SCMP_CMP_EQ, families[i], 0));
	return bad;
}

enum rc confine(struct err *e)
{
	scmp_filter_ctx CLEANUP(seccomp_release) c = seccomp_init(SCMP_ACT_ALLOW);
	int bad = c ? refuse_sockets(c) : -ENOMEM;

	for (size_t i = 0; i < COUNT_OF(never) && bad == 0; i++)
		bad = seccomp_rule_add(c, REFUSE, never[i], 0);
	if (bad == 0)
		bad = seccomp_rule_add(c, REFUSE, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	/* A filter cannot see its flags: glibc takes clone() instead. */
	if (bad == 0)
		bad = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (bad == 0)
		bad = seccomp_load(c);
	if (bad == 0)
		return RC_OK;
	errno = -bad;
	return err_errno(e, RC_ERROR, "seccomp", "the kernel must have seccomp filters", "tvs");
}
