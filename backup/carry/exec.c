/* A command on an SSH server. */
#include "base/num.h"
#include "base/proc.h"
#include "base/text.h"
#include "job.h"
#include "ssh.h"
#include <libssh/callbacks.h>
#include <string.h>

#define LOOK_EVERY_MS 200
#define SETTLE_MS 50 /* for what is on its way behind the exit status */

CLEANUP_DEFINE(ssh_event, ssh_event_free);

/* The server may say as much as it likes: only the last line is kept. */
struct watch {
	struct ssh_ran *ran;
	bool ended; /* with a status or by a signal, or the channel is closed */
	bool fresh; /* the next byte begins a line */
	size_t n;   /* of the line */
};

static void hear(struct watch *w, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' || p[i] == '\r') {
			w->fresh = true;
			continue;
		}
		if (w->fresh)
			w->n = 0;
		w->fresh = false;
		if (w->n < sizeof w->ran->said - 1)
			w->ran->said[w->n++] = p[i] ? p[i] : '?';
		w->ran->said[w->n] = '\0';
	}
}

static int on_data(ssh_session session, ssh_channel channel, void *data,
		   uint32_t n, int is_stderr, void *arg)
{
	(void)session, (void)channel;
	if (is_stderr)
		hear(arg, data, n);
	return (int)n;
}

static void on_status(ssh_session session, ssh_channel channel, int status,
		      void *arg)
{
	struct watch *w = arg;

	(void)session, (void)channel;
	w->ran->status = status;
	w->ended = true;
}

static void on_signal(ssh_session session, ssh_channel channel,
		      const char *signal, int core, const char *why,
		      const char *language, void *arg)
{
	(void)session, (void)channel, (void)signal, (void)core, (void)why;
	(void)language;
	((struct watch *)arg)->ended = true;
}

static void on_close(ssh_session session, ssh_channel channel, void *arg)
{
	(void)session, (void)channel;
	((struct watch *)arg)->ended = true;
}

/* Until it has ended, or the time has. */
static enum rc attend(struct ssh *s, ssh_channel c, struct watch *w, struct err *e)
{
	ssh_event CLEANUP(ssh_event_free) loop = ssh_event_new();

	if (!loop || ssh_event_add_session(loop, s->session) != SSH_OK)
		return ssh_failed(s, "command", e);
	while (!w->ended && !w->ran->late) {
		if (ssh_event_dopoll(loop, LOOK_EVERY_MS) == SSH_ERROR)
			break;
		/* Half a second to say so, before the parent ends this process. */
		w->ran->late = proc_now() >= s->deadline - 0.5;
	}
	if (w->ended)
		(void)ssh_event_dopoll(loop, SETTLE_MS);
	else if (w->ran->late)
		(void)ssh_channel_request_send_signal(c, "KILL");
	(void)ssh_event_remove_session(loop, s->session);
	return w->ended || w->ran->late ? RC_OK : ssh_failed(s, "command", e);
}

static enum rc run(struct ssh *s, ssh_channel c, const char *command,
		   struct ssh_ran *out, struct err *e)
{
	struct watch w = {.ran = out, .fresh = true};
	struct ssh_channel_callbacks_struct on = {
		.userdata = &w,
		.channel_data_function = on_data,
		.channel_exit_status_function = on_status,
		.channel_exit_signal_function = on_signal,
		.channel_close_function = on_close,
	};
	enum rc rc;

	ssh_callbacks_init(&on);
	if (ssh_add_channel_callbacks(c, &on) != SSH_OK)
		return ssh_failed(s, "command", e);
	if (ssh_channel_request_exec(c, command) != SSH_OK ||
	    ssh_channel_send_eof(c) != SSH_OK) {
		out->refused = ssh_is_connected(s->session);
		rc = out->refused ? RC_OK : ssh_failed(s, "command", e);
	} else {
		rc = attend(s, c, &w, e);
	}
	(void)ssh_remove_channel_callbacks(c, &on);
	return rc;
}

enum rc ssh_exec(struct ssh *s, const char *command, struct ssh_ran *out,
		 struct err *e)
{
	ssh_channel c = ssh_channel_new(s->session);
	enum rc rc;

	*out = (struct ssh_ran){.status = -1};
	if (!c)
		return ssh_failed(s, "command", e);
	if (ssh_channel_open_session(c) == SSH_OK) {
		rc = run(s, c, command, out, e);
	} else {
		out->refused = ssh_is_connected(s->session);
		rc = out->refused ? RC_OK : ssh_failed(s, "command", e);
	}
	ssh_channel_free(c);
	return rc;
}

/* ---- the job ---- */

static enum rc outcome(const struct ssh *s, const char *command,
		       const struct ssh_ran *r, struct err *e)
{
	char why[sizeof e->why];

	if (r->refused)
		return err_set(e, RC_REFUSED, "command",
			       "the server runs no commands for this login",
			       "let it log in with a shell", "%.90s: %.90s",
			       s->where, command);
	if (r->status == 0 && !r->late)
		return RC_OK;
	(void)snprintf(why, sizeof why, "the command %s: %s%sstatus %d",
		       r->late ? "did not end in time" : "failed", r->said,
		       r->said[0] ? ", " : "", r->status);
	return err_set(e, RC_ERROR, "command", why,
		       "run it by hand there, as the user of the login",
		       "%.90s: %.90s", s->where, command);
}

enum rc job_exec(json_t *job, struct err *e)
{
	struct ssh CLEANUP(ssh_clear) s = {0};
	struct ssh_ran ran;
	const char *command;

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s}", SSH_MEMBERS_OF(&s),
			"command", &command) != RC_OK)
		return e->rc;
	for (const char *p = command; *p; p++)
		if (text_control(p))
			return err_set(e, RC_USAGE, "command",
				       "has control characters", NULL, "exec");
	if (!command[0])
		return err_set(e, RC_USAGE, "command", "is empty", NULL, "exec");
	if (ssh_open(&s, e) != RC_OK || ssh_login(&s, e) != RC_OK ||
	    ssh_exec(&s, command, &ran, e) != RC_OK)
		return e->rc;
	return outcome(&s, command, &ran, e);
}
