#include "itlctl/halves.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "itlctl/answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "id=HEX" in an entry's detail. */
static bool has_id(const json_t *entry, const struct keyd_half *h)
{
	char word[3 + 2 * sizeof h->id + 1] = "id=";

	hex_of(bytes_of(h->id, sizeof h->id), word + 3, sizeof word - 3);
	return strstr(answer_text(entry, "detail"), word) != NULL;
}

static bool is_one_of(const char *event, const char *a, const char *b)
{
	return !strcmp(event, a) || !strcmp(event, b);
}

/* Of the ids that one label had, the last one before its success is the key's. */
static void take(const json_t *entry, const struct keyd_half *h, bool *last,
		 struct half_past *past)
{
	const char *event = answer_text(entry, "event");

	if (strcmp(answer_text(entry, "key"), h->label) != 0)
		return;
	if (is_one_of(event, "generate-begin", "import-begin")) {
		*last = has_id(entry, h);
		if (*last)
			past->since = answer_int(entry, "t");
	} else if ((is_one_of(event, "generate", "import") ||
		    !strcmp(event, "cert-import")) && *last &&
		   !strcmp(answer_text(entry, "rc"), "ok")) {
		past->was_key = true;
	}
}

static void read_line(const char *line, const struct keyd_half *halves, size_t n,
		      bool *last, struct half_past *out)
{
	json_auto_t *entry = NULL;

	/* A log has millions of lines; few are of keys that are made. */
	if (!strstr(line, "\"event\":\"generate") && !strstr(line, "\"event\":\"import") &&
	    !strstr(line, "\"event\":\"cert-import"))
		return;
	entry = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	for (size_t i = 0; entry && i < n; i++)
		take(entry, &halves[i], &last[i], &out[i]);
}

void halves_past(const char *log, const struct keyd_half *halves, size_t n,
		 struct half_past *out)
{
	FILE CLEANUP(file_close) *f = fopen(log, "re");
	bool CLEANUP_FREE *last = calloc(n + 1, sizeof *last);
	char CLEANUP_FREE *line = NULL;
	size_t cap = 0;

	memset(out, 0, n * sizeof *out);
	while (f && last && getline(&line, &cap, f) > 0)
		read_line(line, halves, n, last, out);
}
