#include "sandbox.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

CLEANUP_DEFINE(scmp_filter_ctx, seccomp_release);

/* A rule that could not be added or loaded: libseccomp gives -errno. */
static enum rc failed(int rc, struct err *e)
{
	errno = -rc;
	return err_errno(e, RC_ERROR, "seccomp",
			 "the kernel must have seccomp filters", "carry");
}

enum rc sandbox_calls(struct err *e)
{
	static const int calls[] = {
		SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
		SCMP_SYS(pidfd_getfd), SCMP_SYS(io_uring_setup),
	};
	/* An int in a register of 64 bits: the upper half is not the kernel's. */
	const struct scmp_arg_cmp unix_family = {.arg = 0,
						 .op = SCMP_CMP_MASKED_EQ,
						 .datum_a = UINT32_MAX,
						 .datum_b = AF_UNIX};
	/* 0 only asks whether a process is there. */
	const struct scmp_arg_cmp a_signal = {.arg = 1, .op = SCMP_CMP_NE};
	scmp_filter_ctx CLEANUP(seccomp_release) c = seccomp_init(SCMP_ACT_ALLOW);
	const uint32_t no = SCMP_ACT_ERRNO(EACCES);
	int rc = c ? 0 : -ENOMEM;

	for (size_t i = 0; i < COUNT_OF(calls) && rc == 0; i++)
		rc = seccomp_rule_add(c, no, calls[i], 0);
	if (rc == 0)
		rc = seccomp_rule_add(c, no, SCMP_SYS(socket), 1, unix_family);
	if (rc == 0)
		rc = seccomp_rule_add(c, no, SCMP_SYS(kill), 1, a_signal);
	if (rc == 0)
		rc = seccomp_load(c);
	return rc == 0 ? RC_OK : failed(rc, e);
}

enum rc sandbox_writes(const char *folder, struct err *e)
{
	/* The rights of the first Landlock; reading stays free. */
	struct landlock_ruleset_attr all = {
		.handled_access_fs =
			LANDLOCK_ACCESS_FS_WRITE_FILE |
			LANDLOCK_ACCESS_FS_REMOVE_DIR |
			LANDLOCK_ACCESS_FS_REMOVE_FILE |
			LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
			LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
			LANDLOCK_ACCESS_FS_MAKE_FIFO |
			LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE |
				  LANDLOCK_ACCESS_FS_REMOVE_FILE |
				  LANDLOCK_ACCESS_FS_MAKE_REG,
		.parent_fd = -1,
	};
	/* glibc has no functions for these calls. */
	int CLEANUP(fd_close) rules = (int)syscall(
		SYS_landlock_create_ruleset, &all, sizeof all, 0);
	int CLEANUP(fd_close) at = -1;

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP
			       ? RC_OK
			       : err_errno(e, RC_ERROR, "landlock", NULL, "carry");
	if (folder)
		at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	beneath.parent_fd = at;
	/* A folder that is not there is the job's to tell. */
	if (at >= 0 && syscall(SYS_landlock_add_rule, rules,
			       LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
		return err_errno(e, RC_ERROR, "landlock", NULL, "%s", folder);
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return err_errno(e, RC_ERROR, "landlock", NULL, "carry");
	return RC_OK;
}
