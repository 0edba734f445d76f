/* Running programs as their users do. */
#ifndef SUPPORT_RUN_H
#define SUPPORT_RUN_H

/* Run a shell command; its standard output (standard error too), malloc()ed, and its exit
 * code in *code. Fails the test if it does not exit by itself. */
char *run(int *code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
