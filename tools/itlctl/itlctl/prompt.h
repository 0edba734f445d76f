/* Where lines are read: the admin: prompt, or a pipe. */
#ifndef ITLCTL_PROMPT_H
#define ITLCTL_PROMPT_H

#include "itlctl/ctl.h"

/*
 * Read lines with libedit until `exit` or the end of input. A command that
 * fails does not leave; an interrupt cancels the line. Returns the exit code of
 * the program: 0, unless the terminal cannot be used.
 */
int prompt_run(struct session *s);

/* Read lines from a file; blank ones and those that begin with # are skipped.
 * Ends at the first command that fails, with its exit code. */
int prompt_script(struct session *s, FILE *in);

/* Split a line into words (quotes and backslashes as in sh) and run it. */
int prompt_line(struct session *s, const char *line);

#endif
