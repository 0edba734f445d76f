#include "itlctl/command.h"
#include "base/num.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 120   /* of words, typed or of a row, that are compared */
#define NEAREST_MAX 4  /* commands that an error proposes */

/* The next word of a row's text; false at its end. */
static bool next_word(const char **text, const char **word, size_t *n)
{
	*text += strspn(*text, " ");
	*word = *text;
	*n = strcspn(*text, " ");
	*text += *n;
	return *n > 0;
}

static bool same_word(const char *typed, const char *word, size_t n)
{
	return strlen(typed) == n && !strncmp(typed, word, n);
}

/* How many of the row's words the typed ones begin with, one by one; *left is
 * whether the row has more. */
static size_t common_words(const struct command *row, const char *const *words,
			   size_t n, bool *left)
{
	const char *text = row->words, *word;
	size_t same = 0, length;

	while ((*left = next_word(&text, &word, &length)) && same < n &&
	       same_word(words[same], word, length))
		same++;
	return same;
}

bool command_begins(const struct command *row, const char *const *words,
		    size_t n)
{
	bool left;

	return common_words(row, words, n, &left) == n;
}

void command_args(const char *args, size_t *min, size_t *max)
{
	const char *word;
	size_t n;

	*min = *max = 0;
	while (next_word(&args, &word, &n)) {
		(*max)++;
		*min += word[0] != '[';
		if (n > 4 && !strncmp(word + n - 4, "...]", 4))
			*max = LINE_MAX_WORDS;
	}
}

static char *join(const char *const *words, size_t n, char to[TEXT_MAX])
{
	size_t at = 0;

	to[0] = '\0';
	for (size_t i = 0; i < n && at < TEXT_MAX - 1; i++)
		at += (size_t)snprintf(to + at, TEXT_MAX - at, "%s%s",
				       i ? " " : "", words[i]);
	return to;
}

/* Letters to insert, delete, replace, or swap with their neighbour. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][TEXT_MAX + 1] = {{0}};
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t n = strnlen(b, TEXT_MAX);

	for (size_t j = 0; j <= n; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *free_row = before;

		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		before = last;
		last = now;
		now = free_row;
	}
	return last[n];
}

/* How far the typed words are from the row's: 0 where they only begin it. */
static size_t distance(const struct command *row, const char *const *words,
		       size_t n)
{
	char typed[TEXT_MAX];
	size_t named, none;

	if (command_begins(row, words, n))
		return 0;
	/* What may be the row's arguments is not compared. */
	command_args(row->words, &named, &none);
	return edit_distance(join(words, n < named ? n : named, typed),
			     row->words);
}

size_t command_nearest(const char *const *words, size_t n,
		       const struct command **out, size_t cap)
{
	size_t far[NEAREST_MAX], found = 0;

	if (cap > NEAREST_MAX)
		cap = NEAREST_MAX;
	for (const struct command *row = commands; row->words; row++) {
		size_t d = distance(row, words, n), at = found;

		if (d > 2 + strlen(row->words) / 4)
			continue;
		while (at > 0 && far[at - 1] > d)
			at--;
		if (at == cap)
			continue;
		if (found < cap)
			found++;
		memmove(far + at + 1, far + at, (found - at - 1) * sizeof *far);
		memmove(out + at + 1, out + at, (found - at - 1) * sizeof *out);
		far[at] = d;
		out[at] = row;
	}
	return found;
}

static enum rc unknown(const char *const *words, size_t n, struct err *e)
{
	const struct command *near[NEAREST_MAX];
	char typed[TEXT_MAX], hint[256] = "itlctl help lists all of them";
	size_t found = command_nearest(words, n, near, COUNT_OF(near));
	int at = 0;

	for (size_t i = 0; i < found && at < num_int(sizeof hint); i++)
		at += snprintf(hint + at, sizeof hint - num_size(at), "%s%s",
			       i ? ", " : "the nearest: ", near[i]->words);
	return err_set(e, RC_USAGE, NULL, "unknown command", hint, "%s",
		       join(words, n, typed));
}

enum rc command_find(const char *const *words, size_t n,
		     const struct command **out, size_t *nwords, struct err *e)
{
	const struct command *found = NULL;
	size_t named = 0, min, max;

	for (const struct command *row = commands; row->words; row++) {
		bool left;
		size_t same = common_words(row, words, n, &left);

		if (!left && same > named) {
			found = row;
			named = same;
		}
	}
	if (!found)
		return unknown(words, n, e);
	command_args(found->args, &min, &max);
	if (n - named < min || n - named > max)
		return err_set(e, RC_USAGE, NULL,
			       n - named < min ? "an argument is missing"
					       : "too many arguments",
			       NULL, "%s %s", found->words, found->args);
	*out = found;
	*nwords = named;
	return RC_OK;
}

static bool among(const struct completion *list, size_t n, const char *word,
		  size_t length)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].n == length && !strncmp(list[i].word, word, length))
			return true;
	return false;
}

size_t command_complete(const char *const *words, size_t n, const char *prefix,
			struct completion *out, size_t cap)
{
	size_t found = 0, typed = strlen(prefix);

	for (const struct command *row = commands; row->words; row++) {
		const char *text = row->words, *word;
		size_t length = 0;

		if (!command_begins(row, words, n))
			continue;
		for (size_t i = 0; i <= n; i++)
			if (!next_word(&text, &word, &length))
				break;
		if (length >= typed && length && found < cap &&
		    !strncmp(word, prefix, typed) &&
		    !among(out, found, word, length))
			out[found++] = (struct completion){word, length};
	}
	return found;
}

void command_help(FILE *out, const char *const *words, size_t n)
{
	for (const struct command *row = commands; row->words; row++) {
		if (!command_begins(row, words, n))
			continue;
		(void)fprintf(out, "  %s%s%s\n        %s\n", row->words,
			      row->args[0] ? " " : "", row->args, row->help);
		for (size_t i = 0; n && i < OPT_COUNT; i++)
			if (row->options & OPT_BIT(i))
				(void)fprintf(out, "        --%s%s%s: %s\n",
					      options[i].name,
					      options[i].arg ? " " : "",
					      options[i].arg ? options[i].arg : "",
					      options[i].help);
	}
}
