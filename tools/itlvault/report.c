/* What people and programs read. */
#include "itlvault.h"
#include "base/errjson.h"
#include <string.h>
#include <time.h>

static void print_line(json_t *line)
{
	(void)json_dumpf(line, stdout, JSON_COMPACT);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

enum rc report_json(json_t *result, struct err *e)
{
	json_t *line = result ? json_pack("{s:o}", "result", result) : NULL;

	if (!line)
		return err_set(e, RC_ERROR, "print", "out of memory", NULL,
			       "the result as JSON");
	print_line(line);
	json_decref(line);
	return RC_OK;
}

void report_error(const struct err *e, bool json)
{
	char text[1200];

	(void)fflush(stdout);
	(void)fprintf(stderr, "itlvault: %s\n", err_text(e, text, sizeof text));
	if (json) {
		json_t *line = json_pack("{s:o}", "error", err_json(e));

		if (line)
			print_line(line);
		json_decref(line);
	}
}

void report_step(void *arg, enum recovery_step step, double seconds)
{
	static const char *const texts[RECOVERY_STEPS] = {
		[RECOVERY_DERIVE] = "key of the security password",
		[RECOVERY_WRAP] = "recovery key leaves the token, wrapped",
		[RECOVERY_SEAL] = "file and envelope",
		[RECOVERY_STORE] = "stored in the vault, read back, compared",
		[RECOVERY_FETCH] = "fetched from the vault",
		[RECOVERY_OPEN] = "opened with the password",
		[RECOVERY_PROVE] = "into the token, and a test signature",
		[RECOVERY_IMPORT] = "into the token to stay",
	};
	const struct itlvault *a = arg;
	json_t *line;

	if (seconds < 0)
		return;
	if (!a->o.json) {
		(void)printf("  %-44s %7.2f s\n", texts[step], seconds);
		(void)fflush(stdout);
		return;
	}
	line = json_pack("{s:s, s:s, s:f}", "event", "step", "step",
			 recovery_step_name(step), "seconds", seconds);
	if (line)
		print_line(line);
	json_decref(line);
}

char *report_time(int64_t t, char to[24])
{
	time_t at = (time_t)t;
	struct tm tm;

	if (t <= 0 || !localtime_r(&at, &tm))
		return strcpy(to, "-");
	(void)strftime(to, 24, "%Y-%m-%d %H:%M", &tm);
	return to;
}

void report_proved(const struct recovery_made *m)
{
	char text[1200];

	(void)printf("Proved: %s\n  %s%s%s%zu bytes, in %s\n", m->name,
		     m->key[0] ? "key " : "", m->key, m->key[0] ? ", " : "",
		     m->bytes, m->vault);
	if (!m->recorded)
		(void)printf("  The service does not know it, and its alert goes on: %s\n",
			     err_text(&m->record, text, sizeof text));
}
