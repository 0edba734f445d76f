/* What itlctl is told by people, vaults and the way of the recovery key: a
 * terminal whose answers are prepared, one vault with one backup, and a step that
 * fails if a test wants it to. */
#ifndef ITLCTL_FAKE_H
#define ITLCTL_FAKE_H

#include "base/err.h"
#include <stdio.h>

#define SECURITY "cluster secret"
#define FAKE_NEWEST "ITLRecovery-4a01-20140226T102400Z.envelope"

extern struct fake {
	/* The terminal, NULL if there is none: prompts and what is typed go to it,
	 * secrets do not. An answer of "!" is an interrupt. */
	FILE *terminal;
	const char *const *answers;

	/* What was done, in order: "open sftp://u@h/dir; get NAME; ...". */
	char calls[2048];
	/* The step of calls ("get", "import", ...) that fails, and how. */
	const char *fail;
	enum rc rc;
	const char *why;
	unsigned fail_times; /* and how often; 0: always */

	const char *content;   /* of a file in the vault; NULL: a p12 */
	const char *p12_password; /* what it opens with; NULL: SECURITY */
	size_t size;           /* of what is exported; 0: 1709 */
	bool unrecorded;       /* front does not take the proof */
	bool trust;            /* what is opened has a trust store */
	bool present;          /* the imported key is there already */
	/* What the vault was opened with; "": without. */
	char sftp_password[64], known_hosts[64], identity[512];
	unsigned seconds;
} fake;

void fake_reset(void);
/* Note a step; RC_OK, or what `fail` says. */
enum rc fake_call(struct err *e, const char *step, const char *what);

#endif
