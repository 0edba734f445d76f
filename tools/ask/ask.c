#include "ask/ask.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#define TRIES 3      /* of a question that is answered with nonsense */
#define LINE_BYTES 1024

/* ---- secrets ---- */

enum rc ask_secret(const char *prompt, const char *file, const char *option,
		   struct secret **out, struct err *e)
{
	char hint[128];
	enum rc rc;

	if (file)
		return secret_read_file(file, out, e);
	rc = secret_ask(prompt, out, e);
	if (rc != RC_USAGE)
		return rc;
	(void)snprintf(hint, sizeof hint,
		       "name a file that only you can read: %s", option);
	return err_hint(e, hint);
}

enum rc ask_new_secret(const char *prompt, const char *again, const char *file,
		       const char *option, struct secret **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *first = NULL;
	struct secret CLEANUP(secret_free) *second = NULL;

	if (ask_secret(prompt, file, option, &first, e) != RC_OK ||
	    (!file && ask_secret(again, NULL, option, &second, e) != RC_OK))
		return e->rc;
	if (!file && (first->n != second->n ||
		      sodium_memcmp(first->p, second->p, first->n) != 0))
		return err_set(e, RC_USAGE, NULL,
			       "the two passwords are not the same",
			       "nothing was changed: try again", "new password");
	if (first->n < ASK_NEW_MIN)
		return err_set(e, RC_USAGE, NULL, "is too short",
			       "a backup is as safe as its password: choose at least 6 characters, better many more",
			       "new password");
	*out = first;
	first = NULL;
	return RC_OK;
}

/* ---- lines ---- */

static enum rc open_terminal(const char *option, FILE **out, struct err *e)
{
	char hint[128];

	*out = fopen("/dev/tty", "r+e");
	if (*out)
		return RC_OK;
	(void)snprintf(hint, sizeof hint, "answer it on the command line: %s",
		       option);
	return err_set(e, RC_USAGE, "ask", "there is no terminal to ask on", hint,
		       "/dev/tty");
}

/* One line without its end. False at the end of the terminal, or after an
 * interrupt. What of a line does not fit is read, and makes it an empty one. */
static bool read_line(FILE *tty, char *to, size_t cap)
{
	char line[LINE_BYTES];
	size_t n;

	if (!fgets(line, sizeof line, tty))
		return false;
	n = strcspn(line, "\r\n");
	if (!line[n])
		for (int c; (c = fgetc(tty)) != EOF && c != '\n';)
			n = cap;
	if (n >= cap)
		n = 0;
	(void)snprintf(to, cap, "%.*s", num_int(n), line);
	return true;
}

static enum rc no_answer(const char *option, struct err *e)
{
	return err_set(e, RC_USAGE, "ask", "there was no answer",
		       "nothing was changed: give the command again", "%s",
		       option);
}

enum rc ask_line(const char *prompt, const char *preset, char *to, size_t cap,
		 const char *option, struct err *e)
{
	FILE CLEANUP(file_close) *tty = NULL;

	if (open_terminal(option, &tty, e) != RC_OK)
		return e->rc;
	for (int i = 0; i < TRIES; i++) {
		(void)fprintf(tty, "%s ", prompt);
		(void)fflush(tty);
		if (!read_line(tty, to, cap))
			break;
		if (!to[0] && preset)
			(void)snprintf(to, cap, "%s", preset);
		if (to[0])
			return RC_OK;
	}
	return no_answer(option, e);
}

enum rc ask_yes(const char *prompt, bool sure, bool *yes, struct err *e)
{
	FILE CLEANUP(file_close) *tty = NULL;
	char line[16];

	*yes = sure;
	if (sure)
		return RC_OK;
	if (open_terminal("--yes", &tty, e) != RC_OK)
		return e->rc;
	for (int i = 0; i < TRIES; i++) {
		(void)fprintf(tty, "%s ", prompt);
		(void)fflush(tty);
		if (!read_line(tty, line, sizeof line))
			break;
		*yes = !strcasecmp(line, "yes") || !strcasecmp(line, "y");
		if (*yes || !strcasecmp(line, "no") || !strcasecmp(line, "n"))
			return RC_OK;
	}
	return no_answer("yes or no", e);
}
