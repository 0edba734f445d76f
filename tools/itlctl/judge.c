/* Would a change of cluster.conf lock phones? front knows what they hold. */
#include "itlctl/answer.h"
#include "itlctl/change.h"
#include "itlctl/page.h"
#include "base/errjson.h"
#include <string.h>

static enum rc ask(struct change *ch, struct err *e)
{
	json_auto_t *answer = NULL;
	const char *finding;
	json_t *locks;

	if (ctl_call(ch->c, json_pack("{s:s, s:s}", "do", "conf-check", "sha256",
				      ch->next->sha256), NULL, NULL, &answer, e) !=
		    RC_OK ||
	    answer_unpack(answer, "conf-check", e, "{s:o, s:s}", "locks", &locks,
			  "finding", &finding) != RC_OK)
		return e->rc;
	(void)snprintf(ch->finding, sizeof ch->finding, "%s", finding);
	if (!json_is_null(locks))
		(void)err_from_json(locks, &ch->locks);
	(void)snprintf(ch->locks.op, sizeof ch->locks.op, "%s", ch->command);
	return RC_OK;
}

void change_judge(struct change *ch)
{
	char why[sizeof ch->locks.why];
	struct err e;

	if (ask(ch, &e) == RC_OK)
		return;
	(void)snprintf(why, sizeof why,
		       "whether it would lock phones is not known: %.200s", e.why);
	err_set(&ch->locks, e.rc, ch->command, why,
		"see `itlctl show status`, and try again; or --force, if you know",
		"%s", e.what);
}

json_t *change_locks_json(const struct change *ch)
{
	return ch->locks.rc == RC_OK ? json_null() : err_json(&ch->locks);
}

void change_verdict(struct change *ch)
{
	char text[1200];

	if (!confedit_changed(ch->edit))
		return;
	if (ch->locks.rc == RC_OK)
		(void)fprintf(ch->c->out, "No phones would be locked.\n");
	else
		page_wrapped(ch->c->out, "Refused without --force: ",
			     err_text(&ch->locks, text, sizeof text));
}

/* "node-remove", as one word. */
static void word_of(const char *command, char word[32])
{
	(void)snprintf(word, 32, "%s", command);
	for (char *p = word; *p; p++)
		if (*p == ' ')
			*p = '-';
}

static enum rc override(struct change *ch, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	char said[1200], text[KEYD_OVERRIDE_MAX], word[32];

	page_wrapped(ctl_words(ch->c), "Overridden: ",
		     err_text(&ch->locks, said, sizeof said));
	word_of(ch->command, word);
	(void)snprintf(text, sizeof text, "op=%s config=%s %s", word, ch->next->sha256,
		       ch->finding[0] ? ch->finding : "verdict=unknown");
	if (ctl_password(ch->c, &password, e) != RC_OK)
		return e->rc;
	return keyd_override(ch->c->keyd, password, text, e);
}

enum rc change_may(struct change *ch, struct err *e)
{
	if (ch->locks.rc == RC_OK)
		return RC_OK;
	if (ch->c->opt.value[OPT_FORCE])
		return override(ch, e);
	*e = ch->locks;
	return e->rc;
}
