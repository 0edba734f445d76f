/* A reset's reports, for people and as JSON. */
#include "fleet.h"
#include "base/proc.h"
#include <stdio.h>
#include <unistd.h>

#define PROGRESS_SECONDS 0.1

static const char *const outcome_texts[OUTCOMES] = {
	"up to date", "accepted a list", "could not fetch", "rejected a list",
};

static void print_change(const json_t *report, const char *before, const char *now)
{
	const char *sha1[] = {json_string_value(json_object_get(report, before)),
			      json_string_value(json_object_get(report, now))};

	(void)printf("%-12.12s  %-12.12s", sha1[0] ? sha1[0] : "-",
		     sha1[1] ? sha1[1] : "-");
}

/* A phone's row, and one for its CTL, which most have not. */
static void print_row(const json_t *report)
{
	json_t *line;
	size_t i;

	(void)printf("%-15s  ",
		     json_string_value(json_object_get(report, "phone")));
	print_change(report, "before", "after");
	(void)printf("  ");
	json_array_foreach(json_object_get(report, "status"), i, line)
		(void)printf("%s%s", i ? ", " : "", json_string_value(line));
	(void)putchar('\n');
	if (!json_is_string(json_object_get(report, "ctl")))
		return; /* a phone never loses one */
	(void)printf("%15s  ", "CTL");
	print_change(report, "ctl_before", "ctl");
	(void)putchar('\n');
}

static bool draws(void)
{
	return isatty(STDERR_FILENO) == 1;
}

void fleet_print_done(struct fleet *fl)
{
	bool some = fl->printed < fl->started && fl->reports[fl->printed];

	if (some && draws())
		(void)fputs("\r\033[K", stderr);
	while (fl->printed < fl->started && fl->reports[fl->printed]) {
		json_t *r = fl->reports[fl->printed];

		if (fl->s->json) {
			(void)json_dumpf(r, stdout, JSON_COMPACT);
			(void)putchar('\n');
		} else {
			print_row(r);
		}
		json_decref(r);
		fl->reports[fl->printed++] = NULL;
	}
	if (some)
		(void)fflush(stdout);
	if (draws() && (some || proc_now() - fl->drawn > PROGRESS_SECONDS)) {
		(void)fprintf(stderr, "\r\033[K%u of %u phones", fl->done,
			      fl->s->count);
		fl->drawn = proc_now();
	}
}

void fleet_print_summary(const struct fleet *fl)
{
	if (draws())
		(void)fputs("\r\033[K", stderr);
	(void)fprintf(stderr, "%u phone%s:", fl->s->count,
		      fl->s->count == 1 ? "" : "s");
	for (int i = 0, n = 0; i < OUTCOMES; i++)
		if (fl->counts[i])
			(void)fprintf(stderr, "%s %u %s", n++ ? "," : "",
				      fl->counts[i], outcome_texts[i]);
	(void)fprintf(stderr, "\n%s%s", fl->first_why,
		      fl->first_why[0] ? "\n" : "");
}
