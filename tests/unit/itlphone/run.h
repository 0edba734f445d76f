/* Running the tools as their users do. */
#ifndef RUN_H
#define RUN_H

/* Run a shell command; its standard output (standard error too), malloc()ed, and its exit
 * code in *code. Fails the test if it does not exit by itself. */
char *run(int *code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Every option and command that `program --help` names stands in its page. */
void check_man_page(const char *program, const char *page);

#endif
