/*
 * memscan: looks for secrets in the memory of processes, as root.
 *
 *   memscan PATTERNS PID...             of processes that run
 *   memscan PATTERNS -- PROGRAM ARG...  of a program at its exit, before its memory
 *                                       is gone; its exit status must be 0
 *
 * PATTERNS has lines "NAME HEX". Every readable mapping is searched, and a line
 * "found NAME in PID MAPPING" printed for each pattern of each mapping that has it.
 * A pattern named "control" must be in every process: one that was not really read
 * fails. Exit status: 0 nothing but the control was found, 1 something was, 2 an
 * error.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PATTERNS 64
#define MAX_LENGTH 512
#define PIECE (1u << 20)

static struct pattern {
	char name[64];
	uint8_t bytes[MAX_LENGTH];
	size_t n;
} patterns[MAX_PATTERNS];
static size_t npatterns;

static void die(const char *what)
{
	(void)fprintf(stderr, "memscan: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void read_patterns(const char *path)
{
	char name[64], hex[2 * MAX_LENGTH + 2];
	FILE *f = fopen(path, "re");

	if (!f)
		die(path);
	while (npatterns < MAX_PATTERNS &&
	       fscanf(f, "%63s %1025s", name, hex) == 2) {
		struct pattern *p = &patterns[npatterns++];

		(void)snprintf(p->name, sizeof p->name, "%s", name);
		for (size_t i = 0; hex[i] && hex[i + 1] && p->n < MAX_LENGTH; i += 2) {
			unsigned byte;

			if (sscanf(hex + i, "%2x", &byte) != 1)
				die("a pattern is no hex");
			p->bytes[p->n++] = (uint8_t)byte;
		}
		if (p->n < 4)
			die("a pattern is too short");
	}
	(void)fclose(f);
	if (npatterns == 0)
		die("no patterns");
}

/* One mapping, in pieces that overlap by the longest pattern. */
static void scan(pid_t pid, int mem, unsigned long from, unsigned long to,
		 const char *what, bool found[MAX_PATTERNS])
{
	static uint8_t buf[PIECE + MAX_LENGTH];
	bool here[MAX_PATTERNS] = {false};
	size_t kept = 0;

	while (from < to) {
		size_t want = to - from < PIECE ? to - from : PIECE;
		ssize_t got = pread(mem, buf + kept, want, (off_t)from);

		if (got <= 0) {
			/* A page that cannot be read (a guard) is no place for a
			 * secret: go on behind it. */
			from += 4096;
			kept = 0;
			continue;
		}
		size_t n = kept + (size_t)got;

		for (size_t i = 0; i < npatterns; i++)
			if (!here[i] &&
			    memmem(buf, n, patterns[i].bytes, patterns[i].n))
				here[i] = true;
		kept = n < MAX_LENGTH ? n : MAX_LENGTH;
		memmove(buf, buf + n - kept, kept);
		from += (size_t)got;
	}
	for (size_t i = 0; i < npatterns; i++) {
		if (here[i] && strcmp(patterns[i].name, "control") != 0)
			(void)printf("found %s in %d %s\n", patterns[i].name, pid,
				     what);
		found[i] |= here[i];
	}
}

/* True if a secret was found. */
static bool scan_process(pid_t pid)
{
	bool found[MAX_PATTERNS] = {false}, bad = false, control = true;
	char path[64], line[512];
	FILE *maps;
	int mem;

	(void)snprintf(path, sizeof path, "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	(void)snprintf(path, sizeof path, "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || mem < 0)
		die(path);
	while (fgets(line, sizeof line, maps)) {
		unsigned long from, to;
		char rights[5];

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 &&
		    rights[0] == 'r' && !strstr(line, "[v"))
			scan(pid, mem, from, to, line, found);
	}
	(void)fclose(maps);
	(void)close(mem);
	for (size_t i = 0; i < npatterns; i++) {
		if (!strcmp(patterns[i].name, "control"))
			control = found[i];
		else
			bad |= found[i];
	}
	if (!control) {
		errno = 0;
		die("the control pattern was not found: the process was not really read");
	}
	return bad;
}

static bool scan_at_exit(char **argv)
{
	bool bad = false, seen = false;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(127);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   (void *)(uintptr_t)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) != 0 ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
		die(argv[0]);
	while (waitpid(pid, &status, 0) == pid) {
		int deliver = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
			bad = scan_process(pid);
			seen = true;
		} else if (WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP) {
			deliver = WSTOPSIG(status);
		}
		(void)ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)deliver);
	}
	if (!seen || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		errno = 0;
		die("the program did not end well");
	}
	return bad;
}

int main(int argc, char **argv)
{
	bool bad = false;

	if (argc < 3) {
		(void)fputs("usage: memscan PATTERNS PID... | -- PROGRAM ARG...\n",
			    stderr);
		return 2;
	}
	read_patterns(argv[1]);
	if (!strcmp(argv[2], "--") && argc > 3)
		return scan_at_exit(argv + 3);
	for (int i = 2; i < argc; i++)
		bad |= scan_process((pid_t)atoi(argv[i]));
	return bad;
}
