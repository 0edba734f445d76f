/* Questions to people, keyd and front, and what they answered. */
#include "itlctl/ctl.h"
#include "base/hex.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

/* Control characters, C1 among them, must not reach a terminal; line breaks
 * only within a certificate. */
static void clean_string(json_t *text, bool lines)
{
	size_t n = json_string_length(text);
	char CLEANUP_FREE *copy = malloc(n + 1);

	if (!copy)
		return;
	memcpy(copy, json_string_value(text), n + 1);
	for (char *p = copy; *p; p++)
		for (unsigned of = lines && *p == '\n' ? 0 : text_control(p); of; of--)
			p[of - 1] = '?';
	(void)json_string_setn(text, copy, n);
}

static void clean(json_t *j, bool lines)
{
	const char *key;
	json_t *at;
	size_t i;

	if (json_is_string(j))
		clean_string(j, lines);
	json_object_foreach(j, key, at)
		clean(at, !strcmp(key, "pem"));
	json_array_foreach(j, i, at)
		clean(at, false);
}

struct listener {
	void (*event)(void *arg, json_t *event);
	void *arg;
	size_t heard;
};

static void hear(void *arg, json_t *event)
{
	struct listener *l = arg;

	l->heard++;
	clean(event, false);
	if (l->event)
		l->event(l->arg, event);
}

enum rc ctl_call(struct ctl *c, json_t *request,
		 void (*event)(void *arg, json_t *event), void *arg,
		 json_t **result, struct err *e)
{
	struct listener l = {event, arg, 0};
	json_t *answer = NULL;
	enum rc rc;

	if (!request)
		return err_set(e, RC_ERROR, "request", "out of memory", NULL,
			       "front");
	rc = front_call(c->front, request, hear, &l, &answer, e);
	json_decref(request);
	if (rc == RC_STALE && l.heard && !strcmp(e->op, "receive"))
		return err_hint(e, "the service goes on with it, or takes it up again when it starts: itlctl show status");
	if (rc != RC_OK)
		return rc;
	clean(answer, false);
	*result = answer;
	return RC_OK;
}

static void print_line(struct ctl *c, json_t *line)
{
	(void)json_dumpf(line, c->out, JSON_COMPACT);
	(void)fprintf(c->out, "\n");
	(void)fflush(c->out);
}

void ctl_event_json(void *arg, json_t *event)
{
	print_line(arg, event);
}

enum rc ctl_result(struct ctl *c, json_t *result, struct err *e)
{
	json_auto_t *line = result ? json_pack("{s:o}", "result", result) : NULL;

	if (!line)
		return err_set(e, RC_ERROR, "print", "out of memory", NULL,
			       "the result as JSON");
	print_line(c, line);
	return RC_OK;
}

enum rc ctl_password(const struct ctl *c, struct secret **out, struct err *e)
{
	return ask_secret(ASK_ADMIN, c->opt.value[OPT_PASSWORD_FILE],
			  "--password-file FILE", out, e);
}

enum rc ctl_security_password(const struct ctl *c, struct secret **out,
			      struct err *e)
{
	return ask_secret(ASK_SECURITY, c->opt.value[OPT_SECURITY_PASSWORD_FILE],
			  "--security-password-file FILE", out, e);
}

enum rc ctl_new_password(const struct ctl *c, const char *file,
			 struct secret **out, struct err *e)
{
	if (c->opt.value[OPT_NEW_PASSWORD_FILE])
		file = c->opt.value[OPT_NEW_PASSWORD_FILE];
	return ask_new_secret("Enter new CCM Administrator password :",
			      "Reenter new password to confirm :", file,
			      "--new-password-file FILE", out, e);
}

struct ask_vault ctl_vault(const struct ctl *c)
{
	return (struct ask_vault){
		.out = ctl_words(c),
		.password_file = c->opt.value[OPT_SFTP_PASSWORD_FILE],
		.identity = c->opt.value[OPT_IDENTITY],
		.known_hosts = c->opt.value[OPT_KNOWN_HOSTS]};
}

enum rc ctl_ticket(struct ctl *c, const struct secret *password,
		   const struct keyd_intent *intent, char ticket[TICKET_HEX],
		   struct err *e)
{
	uint8_t bytes[KEYD_TICKET_LEN];

	if (keyd_ticket(c->keyd, password, intent, bytes, e) != RC_OK)
		return e->rc;
	hex_of(bytes_of(bytes, sizeof bytes), ticket, TICKET_HEX);
	return RC_OK;
}
