/* How far it is, and what became of it. */
#include "itlctl/answer.h"
#include "itlctl/sign.h"
#include "base/errjson.h"
#include "base/num.h"
#include "base/proc.h"
#include <string.h>
#include <unistd.h>

#define BAR 30          /* characters */
#define EACH_BAR 0.1    /* seconds */
#define EACH_EVENT 0.5

struct sign_show sign_show_begin(struct ctl *c, const struct sgn_job *job)
{
	double now = proc_now();

	return (struct sign_show){.ctl = c,
				  .job = job,
				  .bar = !c->json && isatty(fileno(c->out)),
				  .began = now,
				  .last = now};
}

static void wipe(struct sign_show *s)
{
	if (s->drawn)
		(void)fprintf(s->ctl->out, "\r%*s\r", 78, "");
	(void)fflush(s->ctl->out);
	s->drawn = false;
}

void sign_show_end(struct sign_show *s)
{
	wipe(s);
}

/* The gravest: a signature that does not verify, then the first that came. */
static void note_worst(struct sign_show *s, enum rc rc)
{
	if (s->worst == RC_OK || rc == RC_VERIFY)
		s->worst = rc;
}

void sign_show_told(struct sign_show *s, const char *name, enum sgn_fate fate,
		    const struct err *error)
{
	struct ctl *c = s->ctl;
	char text[1200];
	json_t *event;

	if (fate != SGN_REFUSED && fate != SGN_OUTDATED)
		return;
	if (error)
		note_worst(s, error->rc);
	wipe(s);
	if (c->json) {
		event = json_pack("{s:s, s:o, s:o}", "event", sgn_fate_name(fate), "file",
				  answer_bytes(bytes_of_text(name)), "error",
				  error ? err_json(error) : json_null());
		ctl_event_json(c, event);
		json_decref(event);
		return;
	}
	if (error)
		(void)fprintf(c->session->err, "itlctl: %s\n",
			      err_text(error, text, sizeof text));
	else
		(void)fprintf(c->session->err,
			      "itlctl: warning: %s has changed since it was signed\n", name);
}

static size_t done_of(const struct sgn_sum *sum)
{
	size_t done = sum->aside;

	for (size_t f = 0; f < SGN_FATES; f++)
		done += sum->fate[f];
	return done;
}

static void draw(struct sign_show *s, size_t done, size_t all, double rate, double left)
{
	char bar[BAR + 1];
	size_t full = all ? done * BAR / all : BAR;

	memset(bar, '.', BAR);
	memset(bar, '#', full > BAR ? BAR : full);
	bar[BAR] = '\0';
	(void)fprintf(s->ctl->out, "\r[%s] %zu of %zu, %.0f/s, %u:%02u left   ", bar, done,
		      all, rate, (unsigned)left / 60, (unsigned)left % 60);
	(void)fflush(s->ctl->out);
	s->drawn = true;
}

void sign_show_progress(struct sign_show *s, const struct sgn_sum *sum)
{
	double now = proc_now(), took = now - s->began, rate, left;
	size_t done = done_of(sum);
	json_t *event;

	if ((!s->bar && !s->ctl->json) || now - s->last < (s->bar ? EACH_BAR : EACH_EVENT))
		return;
	s->last = now;
	rate = took > 0 ? (double)done / took : 0;
	left = rate > 0 && sum->files > done ? (double)(sum->files - done) / rate : 0;
	if (s->bar) {
		draw(s, done, sum->files, rate, left);
		return;
	}
	event = json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "event", "progress", "files",
			  (json_int_t)sum->files, "done", (json_int_t)done, "seconds", took,
			  "rate", rate, "left", left);
	ctl_event_json(s->ctl, event);
	json_decref(event);
}

static json_t *sum_json(const struct sign_show *s, const struct sgn_sum *sum, double took)
{
	const struct sgn_job *job = s->job;
	bool verify = job->what == SGN_VERIFY;
	json_t *j = json_pack("{s:I, s:I, s:I, s:f, s:f}", "files", (json_int_t)sum->files,
			      "bytes", (json_int_t)sum->bytes, "refused",
			      (json_int_t)sum->fate[SGN_REFUSED], "seconds", took, "rate",
			      took > 0 ? (double)done_of(sum) / took : 0.0);

	(void)json_object_set_new(j, verify ? "verified" : "unchanged",
				  json_integer((json_int_t)sum->fate[SGN_UNCHANGED]));
	(void)json_object_set_new(
		j, verify ? "outdated" : "signed",
		json_integer((json_int_t)sum->fate[verify ? SGN_OUTDATED : SGN_SIGNED]));
	(void)json_object_set_new(j, "dry_run", json_boolean(job->dry_run));
	return j;
}

/* As where a pattern was mistyped. */
static void warn_of_nothing(const struct sign_show *s)
{
	const struct sgn_job *job = s->job;

	(void)fprintf(s->ctl->session->err, "itlctl: warning: no %s in %s%s%s\n",
		      job->what == SGN_VERIFY ? "signed file" : "file", job->dir,
		      job->pattern ? " matches " : "", job->pattern ? job->pattern : "");
}

enum rc sign_show_sum(struct sign_show *s, const struct sgn_sum *sum, struct err *e)
{
	double took = proc_now() - s->began;
	FILE *out = s->ctl->out;

	if (!sum->files)
		warn_of_nothing(s);
	if (s->ctl->json)
		return ctl_result(s->ctl, sum_json(s, sum, took), e);
	if (s->job->what == SGN_VERIFY)
		(void)fprintf(out, "%zu verified, %zu older than their file, %zu refused",
			      sum->fate[SGN_UNCHANGED] + sum->fate[SGN_OUTDATED],
			      sum->fate[SGN_OUTDATED], sum->fate[SGN_REFUSED]);
	else
		(void)fprintf(out, "%zu %s, %zu unchanged, %zu refused",
			      sum->fate[SGN_SIGNED],
			      s->job->dry_run ? "would be signed" : "signed",
			      sum->fate[SGN_UNCHANGED], sum->fate[SGN_REFUSED]);
	(void)fprintf(out, " in %.1f s (%.0f files/s)\n", took,
		      took > 0 ? (double)done_of(sum) / took : 0.0);
	return RC_OK;
}
