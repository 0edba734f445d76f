#include "itlctl/prompt.h"
#include "itlctl/command.h"
#include "base/num.h"
#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <wchar.h>

#define HISTORY_LINES 500
#define HISTORY_FILE  ".itlctl_history"
#define COMPLETIONS   32

int prompt_line(struct session *s, const char *line)
{
	Tokenizer *words = tok_init(NULL);
	const char **argv = NULL;
	int argc = 0, code;
	struct err e;

	if (!words || tok_str(words, line, &argc, &argv) != 0) {
		err_set(&e, RC_USAGE, NULL, "a quote is not closed", NULL,
			"%.100s", line);
		code = ctl_error(s, s->opt.value[OPT_JSON] != NULL, &e);
	} else {
		code = argc ? ctl_run(s, argc, argv) : 0;
	}
	if (words)
		tok_end(words);
	return code;
}

int prompt_script(struct session *s, FILE *in)
{
	char CLEANUP_FREE *line = NULL;
	size_t cap = 0;
	int code = 0;

	s->lines = true;
	while (code == 0 && !s->leave && getline(&line, &cap, in) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[strspn(line, " \t")] != '#')
			code = prompt_line(s, line);
	}
	return code;
}

static char *prompt_text(EditLine *el)
{
	static char text[CLUSTER_CN_MAX + 16];
	struct session *s = NULL;

	(void)el_get(el, EL_CLIENTDATA, &s);
	(void)snprintf(text, sizeof text, s && s->host[0] ? "admin(%s):" : "admin:",
		       s ? s->host : "");
	return text;
}

/* How many letters all completions begin with. */
static size_t common(const struct completion *list, size_t n)
{
	size_t same = list[0].n;

	for (size_t i = 1; i < n; i++) {
		size_t k = 0;

		while (k < same && k < list[i].n &&
		       list[i].word[k] == list[0].word[k])
			k++;
		same = k;
	}
	return same;
}

static unsigned char complete(EditLine *el, int key)
{
	const LineInfo *at = el_line(el);
	size_t n = num_size(at->cursor - at->buffer), typed, found, same;
	char text[1024], add[80];
	const char *words[LINE_MAX_WORDS];
	struct completion list[COMPLETIONS];
	size_t nwords = 0;
	char *rest, *prefix = text, *word;

	(void)key;
	if (n >= sizeof text)
		return CC_ERROR;
	memcpy(text, at->buffer, n);
	text[n] = '\0';
	for (char *p = text; *p; p++)
		if (*p == ' ')
			prefix = p + 1;
	if (prefix > text)
		prefix[-1] = '\0';
	if (prefix > text)
		for (word = strtok_r(text, " ", &rest);
		     word && nwords < LINE_MAX_WORDS;
		     word = strtok_r(NULL, " ", &rest))
			words[nwords++] = word;
	found = command_complete(words, nwords, prefix, list, COUNT_OF(list));
	if (!found)
		return CC_ERROR;
	typed = strlen(prefix);
	same = common(list, found);
	(void)snprintf(add, sizeof add, "%.*s%s", num_int(same - typed),
		       list[0].word + typed, found == 1 ? " " : "");
	if (add[0])
		return el_insertstr(el, add) == 0 ? CC_REFRESH : CC_ERROR;
	(void)printf("\n");
	for (size_t i = 0; i < found; i++)
		(void)printf("%.*s  ", num_int(list[i].n), list[i].word);
	(void)printf("\n");
	(void)fflush(stdout);
	return CC_REDISPLAY;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* libedit's next character. SIGINT is blocked but for the wait in here, so that
 * none is lost before it; -1 with EINTR then. */
static int next_char(EditLine *el, wchar_t *c)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	mbstate_t state = {0};
	sigset_t open;
	char byte;

	(void)el;
	(void)sigprocmask(SIG_SETMASK, NULL, &open);
	(void)sigdelset(&open, SIGINT);
	for (;;) {
		ssize_t r = -1;
		size_t n;

		if (ppoll(&in, 1, NULL, &open) > 0)
			r = read(in.fd, &byte, 1);
		if (r < 0 && errno == EINTR && !interrupted)
			continue;
		if (r <= 0)
			return (int)r;
		n = mbrtowc(c, &byte, 1, &state);
		if (n == (size_t)-1)
			state = (mbstate_t){0}; /* no character: left out */
		else if (n != (size_t)-2)
			return 1;
	}
}

/* The history's file below HOME; without HOME it is kept in memory alone. */
static bool history_path(char to[PATH_MAX])
{
	const char *home = getenv("HOME");

	return home && home[0] == '/' &&
	       snprintf(to, PATH_MAX, "%s/%s", home, HISTORY_FILE) < PATH_MAX;
}

static EditLine *open_editor(struct session *s, History *lines)
{
	EditLine *el = el_init("itlctl", stdin, stdout, stderr);

	if (!el)
		return NULL;
	(void)el_set(el, EL_CLIENTDATA, s);
	(void)el_set(el, EL_PROMPT, prompt_text);
	(void)el_set(el, EL_GETCFN, next_char);
	(void)el_set(el, EL_EDITOR, "emacs");
	(void)el_set(el, EL_HIST, history, lines);
	(void)el_set(el, EL_ADDFN, "itlctl-complete", "complete a command", complete);
	(void)el_set(el, EL_BIND, "^I", "itlctl-complete", NULL);
	return el;
}

/* A line, NULL at the end of input. An interrupt begins the line anew. Only
 * here: while a command runs, an interrupt ends the program. */
static const char *read_line(EditLine *el)
{
	struct sigaction cancel = {.sa_handler = on_interrupt}, before;
	sigset_t interrupts, open;
	const char *line;
	int n;

	(void)sigemptyset(&interrupts);
	(void)sigaddset(&interrupts, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &interrupts, &open);
	(void)sigaction(SIGINT, &cancel, &before);
	while (!(line = el_gets(el, &n)) && n < 0 && interrupted) {
		interrupted = 0;
		(void)printf("^C\n");
		(void)fflush(stdout);
		el_reset(el);
	}
	(void)sigaction(SIGINT, &before, NULL);
	(void)sigprocmask(SIG_SETMASK, &open, NULL);
	return line;
}

int prompt_run(struct session *s)
{
	char path[PATH_MAX];
	bool saved = history_path(path);
	History *lines = history_init();
	EditLine *el = lines ? open_editor(s, lines) : NULL;
	const char *line;
	HistEvent ev;
	struct err e;

	if (!el) {
		err_set(&e, RC_ERROR, "el_init", "the terminal cannot be used",
			"give the command on the command line", "prompt");
		return ctl_error(s, false, &e);
	}
	s->lines = true;
	(void)history(lines, &ev, H_SETSIZE, HISTORY_LINES);
	(void)history(lines, &ev, H_SETUNIQUE, 1);
	if (saved)
		(void)history(lines, &ev, H_LOAD, path);
	while (!s->leave && (line = read_line(el))) {
		if (line[strspn(line, " \t\n")])
			(void)history(lines, &ev, H_ENTER, line);
		(void)prompt_line(s, line);
	}
	if (!s->leave)
		(void)fprintf(s->out, "\n");
	if (saved)
		(void)history(lines, &ev, H_SAVE, path);
	el_end(el);
	history_end(lines);
	return 0;
}
