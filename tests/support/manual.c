#include "support/manual.h"
#include "support/run.h"
#include "support/support.h"
#include "base/file.h"
#include <stdio.h>
#include <string.h>

void manual_has_keys(const char *page, const char *from, const char *to,
		     const struct conf_row *rows)
{
	const char *p = strstr(page, from), *end = to ? strstr(page, to) : NULL;
	size_t found = 0, keys = 0;

	assert_non_null(p);
	assert_true(!to || end);
	for (const struct conf_row *r = rows; r->key; r++)
		keys++;
	while ((p = strstr(p, "\n.It Sy ")) && (!end || p < end)) {
		size_t n = strcspn(p += 8, " \n");
		const struct conf_row *r = rows;

		while (r->key && (strlen(r->key) != n || strncmp(r->key, p, n) != 0))
			r++;
		if (!r->key)
			fail_msg("the page has a key that is none: %.*s", (int)n, p);
		found++;
	}
	for (const struct conf_row *r = rows; r->key; r++) {
		char line[64];
		const char *at;

		(void)snprintf(line, sizeof line, "\n.It Sy %s", r->key);
		at = strstr(strstr(page, from), line);
		if (!at || (end && at > end))
			fail_msg("the page lacks the key %s", r->key);
	}
	assert_int_equal(found, keys);
}

void manual_has_options(const char *program, const char *page)
{
	int code, rows = 0;
	char *help = run(&code, "%s --help", program), *save = NULL;
	char word[64], entry[80];
	uint8_t *text = NULL;
	size_t n;
	struct err e;

	assert_int_equal(code, 0);
	assert_ok(file_read(page, 1 << 20, &text, &n, &e), &e);
	for (char *l = strtok_r(help, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		if (sscanf(l, "  %63s", word) != 1 || strncmp(l, "  ", 2) != 0)
			continue;
		(void)snprintf(entry, sizeof entry, "%s%s",
			       word[0] == '-' ? ".It Fl " : ".It Cm ",
			       word[0] == '-' ? word + 1 : word);
		if (!strstr((char *)text, entry))
			fail_msg("%s: no \"%s\"", page, entry);
		rows++;
	}
	assert_true(rows > 5);
	free(text);
	free(help);
}
