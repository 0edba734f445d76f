/*
 * After a kill. An operation's work is what nodes want, set in one transaction with
 * its mark: with the mark it goes on, without it nothing was changed.
 */
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "cluster/label.h"
#include "loop.h"
#include "heads.h"
#include "ops.h"
#include "publish.h"
#include "trust.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define NOTE_MAX 480
#define KEY_SECONDS 3.0 /* that keyd's work is waited for; a slow token takes longer */
#define LOOK_EVERY_MS 200

static void end(struct service *s, const struct op *o, bool well, char *note)
{
	struct err e;

	if (store_op_end(s->store, o->id, well, note, &e) != RC_OK)
		log_error("state", &e);
	heads_record(s);
	log_warn("event=op-end op=%lld kind=%s resumed=yes well=%s msg=\"%s\"",
		 (long long)o->id, o->kind, well ? "yes" : "no",
		 service_quotable(note));
}

/* ---- nothing was wanted ---- */

/* The key that `generate` was about, if keyd made it: a later generation than there
 * was. *known: the token could be asked. */
static bool made_key(struct service *s, const struct op *o, bool *known,
		     char label[LABEL_MAX])
{
	struct keyd_key *keys = NULL;
	char unit[24] = "", node[CLUSTER_ID_MAX + 1] = "";
	unsigned before = 0;
	struct err e;
	bool made = false;
	size_t n = 0;

	*known = sscanf(o->params, "unit=%23s node=%32s generation=%u", unit, node,
			&before) == 3 &&
		 service_keys(s, &keys, &n, &e) == RC_OK;
	for (size_t i = 0; i < n && !made; i++) {
		const struct label *l = &keys[i].label;

		made = keys[i].current && !strcmp(unit_name(l->unit), unit) &&
		       (!unit_is_of_node(l->unit) || !strcmp(l->node, node)) &&
		       l->generation > before;
		if (made)
			label_text(l, label);
	}
	keyd_keys_free(keys, n);
	return made;
}

/* Whether the key that `key-remove` was about is gone. */
static bool removed_key(struct service *s, const struct op *o, bool *known,
			char label[LABEL_MAX])
{
	struct keyd_key *keys = NULL;
	char text[LABEL_MAX];
	struct err e;
	bool there = false;
	size_t n = 0;

	*known = sscanf(o->params, "key=%63s", label) == 1 &&
		 service_keys(s, &keys, &n, &e) == RC_OK;
	for (size_t i = 0; i < n && !there; i++) {
		label_text(&keys[i].label, text);
		there = !strcmp(text, label);
	}
	keyd_keys_free(keys, n);
	return *known && !there;
}

/* A keyd that was not killed goes on with it. */
static bool wait_for(bool (*look)(struct service *, const struct op *, bool *, char *),
		     struct service *s, const struct op *o, bool *known,
		     char label[LABEL_MAX])
{
	double end = proc_now() + KEY_SECONDS;
	bool done;

	while (!(done = look(s, o, known, label)) && *known && proc_now() < end &&
	       !service_stopping(s))
		(void)poll(NULL, 0, LOOK_EVERY_MS);
	return done;
}

static bool tell_generate(struct service *s, const struct op *o, char *note)
{
	char label[LABEL_MAX];
	bool known, made = wait_for(made_key, s, o, &known, label);

	if (made)
		(void)snprintf(note, NOTE_MAX,
			       "the service ended meanwhile; the key was made all the same: %s",
			       label);
	else
		(void)snprintf(note, NOTE_MAX,
			       "the service ended meanwhile; %s: look at `show cert list own` before you give the command again",
			       known ? "the token has no new key yet"
				     : "the token could not be asked whether it has a new key");
	return made;
}

static bool tell_csr(struct service *s, const struct op *o, char *note)
{
	(void)s;
	(void)o;
	(void)snprintf(note, NOTE_MAX,
		       "the service ended meanwhile; `show csr own` prints the request if it was made: else give the command again");
	return false;
}

static bool tell_remove(struct service *s, const struct op *o, char *note)
{
	char label[LABEL_MAX];
	bool known, gone = wait_for(removed_key, s, o, &known, label);

	if (gone)
		(void)snprintf(note, NOTE_MAX,
			       "the service ended meanwhile; the key was removed all the same: %s",
			       label);
	else
		(void)snprintf(note, NOTE_MAX,
			       "the service ended meanwhile; %s: look at `itlctl key list` before you give the command again",
			       known ? "the token has the key still"
				     : "the token could not be asked whether it has the key still");
	return gone;
}

static bool tell_trust(struct service *s, const struct op *o, char *note)
{
	uint32_t timestamp = 0;
	bool done = sscanf(o->params, "timestamp=%u", &timestamp) == 1 &&
		    trust_is_of(s, timestamp);

	(void)snprintf(note, NOTE_MAX, "the service ended meanwhile; %s",
		       done ? "the trust file was made all the same"
			    : "the trust file is as it was: give the command again");
	return done;
}

static bool tell_nothing(struct service *s, const struct op *o, char *note)
{
	(void)s;
	(void)o;
	(void)snprintf(note, NOTE_MAX,
		       "the service ended before anything was changed; give the command again");
	return false;
}

/* Whether it was done, and the words for it, by kind; others: nothing was. */
static const struct {
	const char *kind;
	bool (*tell)(struct service *s, const struct op *o, char *note);
} tellers[] = {
	{"generate", tell_generate},
	{"cert-import", tell_generate},
	{"csr", tell_csr},
	{"key-remove", tell_remove},
	{"trust-set", tell_trust},
};

static void give_up(struct service *s, const struct op *o)
{
	bool (*tell)(struct service *, const struct op *, char *) = tell_nothing;
	char note[NOTE_MAX];
	bool well;

	for (size_t i = 0; i < COUNT_OF(tellers); i++)
		if (!strcmp(tellers[i].kind, o->kind))
			tell = tellers[i].tell;
	well = tell(s, o, note);
	if (!service_stopping(s)) /* else: the next start */
		end(s, o, well, note);
}

/* ---- it goes on ---- */

static void go_on(struct service *s, const struct op *o)
{
	struct loop *loops[CLUSTER_MAX_NODES];
	char note[NOTE_MAX] = "the service ended meanwhile and went on with it: every node serves what it shall";
	char text[NOTE_MAX - 80];
	enum rc rc = RC_OK;
	struct err e = {0};

	for (size_t i = 0; i < s->nloops; i++)
		loops[i] = &s->loops[i];
	if (loops_work(s, loops, s->nloops, NULL, NULL, &e) != RC_OK)
		return; /* stopped again: the next start */
	json_decref(publish_outcomes(s, loops, s->nloops, FILE_ITL, &rc, &e));
	if (rc != RC_OK)
		(void)snprintf(note, sizeof note,
			       "the service ended meanwhile and went on with it: %s",
			       err_text(&e, text, sizeof text));
	end(s, o, rc == RC_OK, note);
}

static void *resume(void *arg)
{
	struct service *s = arg;
	struct op o;
	struct err e;

	if (store_op_running(s->store, &o, &e) != RC_OK)
		log_error("state", &e);
	else if (o.wanted)
		go_on(s, &o);
	else
		give_up(s, &o);
	return NULL;
}

enum rc ops_resume(struct service *s, struct err *e)
{
	struct op o;

	if (store_op_running(s->store, &o, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	if (!strcmp(o.kind, STORE_CONFIG_OP))
		return RC_OK; /* takeup.c ends it */
	log_warn("event=resume op=%lld kind=%s who=\"%s\" wanted=%s",
		 (long long)o.id, o.kind, o.who, o.wanted ? "yes" : "no");
	errno = pthread_create(&s->resume, NULL, resume, s);
	if (errno)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "resume");
	s->resuming = true;
	return RC_OK;
}
