/* key list, key remove: the token's keys, and the end of retired ones. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/page.h"
#include <string.h>

static void print_key(const struct ctl *c, const json_t *key)
{
	json_t *lists = json_object_get(key, "lists"), *l;
	bool current = answer_true(key, "current");
	char to[ANSWER_TIME], last[ANSWER_TIME];
	size_t i;

	(void)fprintf(c->out, "%-24.64s %-7s %-40s %-16s %s\n", answer_text(key, "label"),
		      current ? "current" : "retired", answer_text(key, "sha1"),
		      answer_time(key, "not_after", to),
		      answer_true(key, "removable") ? "yes" : "no");
	json_array_foreach(lists, i, l)
		(void)fprintf(c->out, "    %s %s, %s list of %s, last seen %s\n",
			      answer_true(l, "signed") ? "signed" : "is in  ",
			      answer_text(l, "sha1"), answer_text(l, "file"),
			      ctl_host(c, answer_text(l, "node")),
			      answer_int(l, "last") ? answer_time(l, "last", last)
						    : "never");
	if (!current && answer_has(key, "why"))
		page_wrapped(c->out, "not removable: ", answer_text(key, "why"));
	if (!current && answer_int(key, "removable_at"))
		page_wrapped(c->out, "removable from ",
			     answer_time(key, "removable_at", to));
}

enum rc key_list(struct ctl *c, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *keys, *key;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "keys"), NULL, NULL, &answer, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(answer), e);
	if (answer_unpack(answer, "keys", e, "{s:o}", "keys", &keys) != RC_OK)
		return e->rc;
	(void)fprintf(c->out, "%-24s %-7s %-40s %-16s %s\n", "Label", "State",
		      "Certificate (SHA-1)", "Not after", "Removable");
	json_array_foreach(keys, i, key)
		print_key(c, key);
	(void)fprintf(c->out, "\nLists are those that a node serves, may serve again, or served in the last %lld days.\n",
		      (long long)answer_int(answer, "keep_days"));
	return RC_OK;
}

/* ---- key remove ---- */

static enum rc find_key(struct ctl *c, const char *label, json_t **out, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *keys, *key;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "keys"), NULL, NULL, &answer, e) != RC_OK ||
	    answer_unpack(answer, "keys", e, "{s:o}", "keys", &keys) != RC_OK)
		return e->rc;
	json_array_foreach(keys, i, key)
		if (!strcmp(answer_text(key, "label"), label)) {
			*out = json_incref(key);
			return RC_OK;
		}
	return err_set(e, RC_NOTFOUND, "key remove",
		       "the token has no such key with a certificate",
		       "itlctl key list names those that it has", "%s", label);
}

/* What the service would refuse: nobody is asked to agree to that. */
static enum rc check_removable(const struct ctl *c, const json_t *key, struct err *e)
{
	char hint[200] = "--force removes it all the same: phones that need it are lost then";
	bool current = answer_true(key, "current");
	char at[ANSWER_TIME];

	if (answer_true(key, "removable") || (!current && c->opt.value[OPT_FORCE]))
		return RC_OK;
	if (current)
		(void)snprintf(hint, sizeof hint,
			       "itlctl set cert regen makes a new one; then this one is retired");
	else if (answer_int(key, "removable_at"))
		(void)snprintf(hint, sizeof hint,
			       "it can be removed from %s on; --force removes it now, and phones that need it are lost then",
			       answer_time(key, "removable_at", at));
	return err_set(e, RC_REFUSED, "key remove", answer_text(key, "why"), hint,
		       "%s", answer_text(key, "label"));
}

static enum rc confirm(struct ctl *c, const json_t *key, const struct label *l,
		       struct err *e)
{
	const char *label = answer_text(key, "label");
	bool yes = false;

	(void)fprintf(ctl_words(c),
		      "\nWARNING: The key %s and its certificate will be removed from the token\n"
		      "for good. %s\n", label,
		      l->unit == UNIT_ITLRECOVERY ? "Only a backup of it could bring it back."
						  : "Nothing brings it back.");
	if (!answer_true(key, "removable"))
		page_wrapped(ctl_words(c), "Forced, although ", answer_text(key, "why"));
	(void)fflush(ctl_words(c));
	if (ask_yes("Proceed with removal (yes|no)?", c->opt.value[OPT_YES] != NULL,
		    &yes, e) != RC_OK)
		return e->rc;
	return yes ? RC_OK
		   : err_set(e, RC_REFUSED, "key remove", "was not wanted",
			     "nothing was changed", "%s", label);
}

enum rc key_remove(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	const char *label = c->args[0];
	struct keyd_intent intent;
	json_auto_t *answer = NULL, *key = NULL;
	char ticket[TICKET_HEX];
	struct label l;

	if (!label_read(label, strlen(label), &l))
		return err_set(e, RC_USAGE, "key remove", "is no label of a key",
			       "itlctl key list names them", "%.60s", label);
	intent = keyd_intent_remove(label);
	if (find_key(c, label, &key, e) != RC_OK ||
	    check_removable(c, key, e) != RC_OK ||
	    ctl_password(c, &password, e) != RC_OK ||
	    confirm(c, key, &l, e) != RC_OK ||
	    ctl_ticket(c, password, &intent, ticket, e) != RC_OK ||
	    ctl_call(c, json_pack("{s:s, s:s, s:s, s:b}", "do", "key-remove", "label",
				  label, "ticket", ticket, "force",
				  c->opt.value[OPT_FORCE] != NULL),
		     NULL, NULL, &answer, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, json_incref(answer), e);
	if (answer_has(answer, "overrode"))
		(void)fprintf(c->out, "Overridden: %s\n", answer_text(answer, "overrode"));
	(void)fprintf(c->out, "\nThe key %s was removed from the token.\n", label);
	return RC_OK;
}
