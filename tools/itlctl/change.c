#include "itlctl/change.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "cluster/change.h"
#include "itlctl/answer.h"
#include "itlctl/page.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define TAKE_UP_SECONDS 90.0 /* keyd finishes what is in flight first */
#define LOOK_AGAIN_NS 250000000

/* ---- the file ---- */

static enum rc lock_folder(struct change *ch, struct err *e)
{
	const char *dir = ctl_config(ch->c);

	ch->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ch->lock < 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", dir);
	if (flock(ch->lock, LOCK_EX | LOCK_NB) == 0)
		return RC_OK;
	return err_set(e, RC_BUSY, ch->command,
		       "another itlctl changes cluster.conf",
		       "wait until it has ended", "%s", dir);
}

enum rc change_open(struct ctl *c, const char *command, struct change *out,
		    struct err *e)
{
	uint8_t CLEANUP_FREE *text = NULL;
	size_t n = 0;

	*out = (struct change){.c = c,
			       .command = command,
			       .lock = -1,
			       .steps = json_array(),
			       .generated = json_array(),
			       .restarted = json_array()};
	if (geteuid() != 0)
		return err_set(e, RC_REFUSED, command,
			       "cluster.conf belongs to root, who alone changes it",
			       "run it as root", "uid %u", geteuid());
	if (file_path(out->path, sizeof out->path, ctl_config(c), CLUSTER_FILE,
		      e) != RC_OK ||
	    lock_folder(out, e) != RC_OK ||
	    cluster_read_file(out->path, &out->now, e) != RC_OK ||
	    file_read(out->path, CLUSTER_FILE_MAX, &text, &n, e) != RC_OK)
		return e->rc;
	return confedit_open(out->path, bytes_of(text, n), &out->edit, e);
}

void change_clear(struct change *ch)
{
	if (ch->candidate[0])
		(void)unlink(ch->candidate);
	fd_close(ch->lock);
	confedit_free(ch->edit);
	cluster_free(ch->now);
	cluster_free(ch->next);
	json_decref(ch->steps);
	json_decref(ch->generated);
	json_decref(ch->restarted);
}

enum rc change_node(struct change *ch, const char *id, const char *key,
		    const char *value, struct err *e)
{
	(void)snprintf(ch->section, sizeof ch->section, "node %s", id);
	return confedit_set(ch->edit, ch->section, key, value[0] ? value : NULL, e);
}

enum rc change_pair(struct change *ch, const char *id, const char *pair,
		    struct err *e)
{
	const char *equals = strchr(pair, '=');
	char key[32];

	if (!equals || equals == pair || num_size(equals - pair) >= sizeof key)
		return err_set(e, RC_USAGE, ch->command, "is no KEY=VALUE",
			       "man itlkeeper-cluster.conf names the keys", "%.80s",
			       pair);
	(void)snprintf(key, sizeof key, "%.*s", num_int(num_size(equals - pair)), pair);
	if (!strcmp(key, "host"))
		return err_set(e, RC_USAGE, ch->command,
			       "a host name stands in certificates, too",
			       "itlctl node rename NODE --host NAME", "%s", key);
	return change_node(ch, id, key, equals + 1, e);
}

/* Beside the file, so that messages can name a line of it, and front can judge it;
 * until change_clear(). */
static enum rc read_candidate(struct change *ch, struct bytes text, struct err *e)
{
	char path[PATH_MAX];

	if (file_path(path, sizeof path, ctl_config(ch->c), CLUSTER_NEXT_FILE, e) !=
		    RC_OK ||
	    file_replace_as(path, ch->path, text, e) != RC_OK)
		return e->rc;
	memcpy(ch->candidate, path, sizeof path);
	if (cluster_read_file(path, &ch->next, e) != RC_OK)
		return e->rc;
	return cluster_can_become(ch->now, ch->next, path, e);
}

enum rc change_check(struct change *ch, struct err *e)
{
	char CLEANUP_FREE *text = NULL;
	size_t n = 0;

	if (confedit_changed(ch->edit) &&
	    !confedit_get(ch->edit, "cluster", "recovery-host") &&
	    confedit_set(ch->edit, "cluster", "recovery-host",
			 ch->now->recovery_host, e) != RC_OK)
		return e->rc;
	if (confedit_text(ch->edit, &text, &n, e) != RC_OK)
		return e->rc;
	return read_candidate(ch, bytes_of(text, n), e);
}

/* ---- taking its place ---- */

static enum rc check_idle(struct change *ch, struct err *e)
{
	json_auto_t *s = NULL;
	json_t *op;
	char since[ANSWER_TIME], why[200];

	if (ctl_call(ch->c, json_pack("{s:s}", "do", "status"), NULL, NULL, &s,
		     e) != RC_OK)
		return e->rc;
	op = json_object_get(s, "op");
	if (!json_is_object(op))
		return RC_OK;
	(void)snprintf(why, sizeof why, "%.24s of %.64s runs since %s",
		       answer_text(op, "kind"), answer_text(op, "who"),
		       answer_time(op, "started", since));
	return err_set(e, RC_BUSY, ch->command, why,
		       "wait until it has ended: see `show status`", "the cluster");
}

/* Which program has not the new one yet; NULL: both have it. */
static const char *who_lags(struct change *ch, struct err *e)
{
	struct ctl *c = ch->c;
	json_auto_t *s = NULL;
	json_t *keyd;

	front_free(c->front); /* it may have ended */
	c->front = NULL;
	if (ctl_open(c, NEED_FRONT, e) != RC_OK ||
	    ctl_call(c, json_pack("{s:s}", "do", "status"), NULL, NULL, &s, e) !=
		    RC_OK ||
	    strcmp(answer_text(s, "config"), ch->next->sha256) != 0)
		return "front";
	keyd = json_object_get(s, "keyd");
	if (strcmp(answer_text(keyd, "config"), ch->next->sha256) != 0)
		return "keyd";
	/* front puts its state in order first. */
	return json_is_object(json_object_get(s, "op")) ? "front" : NULL;
}

static enum rc wait_taken_up(struct change *ch, struct err *e)
{
	const struct timespec nap = {.tv_nsec = LOOK_AGAIN_NS};
	double until = proc_now() + TAKE_UP_SECONDS;
	const char *who;
	struct err last = {0};

	while ((who = who_lags(ch, &last))) {
		if (proc_now() >= until)
			return err_set(e, RC_ERROR, ch->command,
				       "it has not taken the new configuration up",
				       "the file is in place; see its log, and `itlctl show status`; then the same command does the rest",
				       "%s, %s", who, ch->path);
		(void)nanosleep(&nap, NULL);
	}
	return RC_OK;
}

/* From here on everything is about the new cluster. */
static enum rc adopt(struct change *ch, struct err *e)
{
	struct ctl *c = ch->c;

	cluster_free(c->cluster);
	c->cluster = NULL;
	c->node = NULL;
	return ctl_open(c, NEED_CLUSTER, e);
}

static enum rc print_diff(struct change *ch, struct err *e)
{
	char *text = NULL;
	json_t *result;
	size_t n;
	FILE *f;

	if (!ch->c->json) {
		confedit_diff(ch->edit, ch->c->out);
		if (!confedit_changed(ch->edit))
			(void)fprintf(ch->c->out, "Nothing would change.\n");
		change_verdict(ch);
		return RC_OK;
	}
	f = open_memstream(&text, &n);
	if (!f)
		return err_errno(e, RC_ERROR, "open_memstream", NULL, "diff");
	confedit_diff(ch->edit, f);
	(void)fclose(f);
	result = json_pack("{s:b, s:b, s:s, s:o}", "dry_run", true, "changed",
			   confedit_changed(ch->edit), "diff", text, "locks",
			   change_locks_json(ch));
	free(text);
	return ctl_result(ch->c, result, e);
}

enum rc change_apply(struct change *ch, bool *done, struct err *e)
{
	char CLEANUP_FREE *text = NULL;
	size_t n = 0;

	*done = ch->c->opt.value[OPT_DRY_RUN] != NULL;
	if (confedit_changed(ch->edit))
		change_judge(ch);
	if (*done)
		return print_diff(ch, e);
	if (confedit_changed(ch->edit)) {
		if (check_idle(ch, e) != RC_OK || change_may(ch, e) != RC_OK ||
		    confedit_text(ch->edit, &text, &n, e) != RC_OK ||
		    file_replace_as(ch->path, ch->path, bytes_of(text, n), e) !=
			    RC_OK)
			return e->rc;
		(void)fprintf(ctl_words(ch->c),
			      "%s is changed; keyd and front take it up ... ",
			      ch->path);
		(void)fflush(ctl_words(ch->c));
	}
	if (wait_taken_up(ch, e) != RC_OK)
		return e->rc;
	if (confedit_changed(ch->edit))
		(void)fprintf(ctl_words(ch->c), "done\n");
	return adopt(ch, e);
}

/* ---- what comes next ---- */

void change_step(struct change *ch, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)json_array_append_new(ch->steps, json_string(text));
}

void change_step_restarts(struct change *ch, const char *why, const char *but)
{
	const struct cluster_node *n;
	bool any = false;

	for (size_t i = 0; (n = cluster_node_at(ch->next, i)); i++) {
		if (!n->tftp || (but && !strcmp(n->id, but)))
			continue;
		if (!any)
			change_step(ch, "%s", why);
		any = true;
		change_step(ch, "  itlctl --node %s utils service restart Cisco Tftp",
			    n->host);
	}
}

static void print_steps(const struct change *ch)
{
	json_t *step;
	size_t i;

	json_array_foreach(ch->steps, i, step) {
		const char *text = json_string_value(step);

		if (!strncmp(text, "  ", 2)) /* a command, to be copied */
			(void)fprintf(ch->c->out, "    %s\n", text);
		else
			page_wrapped(ch->c->out, "- ", text);
	}
}

enum rc change_done(struct change *ch, struct err *e)
{
	bool changed = confedit_changed(ch->edit);

	if (ch->c->json)
		return ctl_result(ch->c,
				  json_pack("{s:b, s:s, s:o, s:O, s:O, s:O}",
					    "changed", changed, "config",
					    ch->next->sha256, "overrode",
					    change_locks_json(ch), "generated",
					    ch->generated, "restarted", ch->restarted,
					    "next", ch->steps), e);
	if (!changed && json_array_size(ch->generated) == 0 &&
	    json_array_size(ch->restarted) == 0)
		(void)fprintf(ch->c->out, "Nothing to do: cluster.conf says so already.\n");
	print_steps(ch);
	return RC_OK;
}
