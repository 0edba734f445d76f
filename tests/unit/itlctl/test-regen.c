/* set cert regen, key list, key remove: what is asked and said, and what the service
 * is asked for. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/num.h"
#include <string.h>

#define SHA "00000000000000000000000000000000000000aa"
#define PLAN(overrides, phones) \
	{"generate-plan", {"{\"result\":{\"present\":true,\"overrides\":" overrides \
			   ",\"phone_reset\":" phones "}}"}}
#define MADE(unit, node, tries) \
	{"generate", {"{\"result\":{\"unit\":\"" unit "\",\"node\":" node \
		      ",\"generation\":2,\"tries\":" tries ",\"overrode\":null}}"}}
#define HELD \
	"{\"error\":{\"rc\":\"refused\",\"op\":\"\",\"what\":\"test10pub\",\"why\":" \
	"\"CallManager certificate was modified in the last 5 minutes. Please re-try " \
	"regnerating TVS certificate at a later time\",\"name\":\"HELD\",\"code\":187," \
	"\"hint\":\"187 seconds left\"}}"

/* spec: commands, set cert regen */
static const char *const dialogue =
	"Enter CCM Administrator password : "
	"WARNING: This operation will overwrite any CA signed certificate "
	"previously imported for CallManager "
	"Proceed with regeneration (yes|no)? yes "
	"Successfully Regenerated Certificate for CallManager. "
	"Please do a backup of the server as soon as possible. Failure to do "
	"so can stale the cluster in case of a crash. "
	"You must restart services related to CallManager for the regenerated "
	"certificates to become active. ";

static const struct reply callmanager[] = {
	PLAN("null", "false"), MADE("CallManager", "\"n2\"", "1"), {0}};

static const char *member(json_t *request, const char *key)
{
	const char *text = json_string_value(json_object_get(request, key));

	return text ? text : "(none)";
}

static void regeneration_has_its_dialogue(void **state)
{
	static const char *const answers[] = {PASSWORD, "yes", NULL};
	struct keyd_intent meant = keyd_intent_generate(UNIT_CALLMANAGER, "n2");
	struct world *w = *state;
	struct output o;
	json_t *asked;
	char *out;

	world_open(w, callmanager);
	o = world_talk(w, "--node test10sub set cert regen CallManager", answers);
	assert_int_equal(o.code, 0);
	out = squeezed(o.out);
	assert_true(!strncmp(out, dialogue, strlen(dialogue)));
	/* and what takes effect when */
	assert_non_null(strstr(out, "itlctl --node test10sub utils service restart Cisco Tftp "
				    "Then reset the phones by hand: cluster.conf has no phone-reset. "
				    "For 5 minutes no other certificate of test10sub is regenerated."));
	assert_string_equal(o.err, "");
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	asked = world_request(w, 1);
	assert_string_equal(member(asked, "do"), "generate");
	assert_string_equal(member(asked, "node"), "n2");
	assert_true(json_is_true(json_object_get(asked, "regenerate")));
	assert_true(json_is_false(json_object_get(asked, "force")));
	free(out);
	output_clear(&o);
}

static void no_is_no(void **state)
{
	static const char *const answers[] = {PASSWORD, "no", NULL};
	struct output o;

	world_open(*state, callmanager);
	o = world_talk(*state, "set cert regen CallManager", answers);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "was not wanted; nothing was changed"));
	assert_int_equal(keyd_seen.ntickets, 0);
	assert_int_equal(json_array_size(((struct world *)*state)->requests), 1);
	output_clear(&o);
}

/* Before a password is asked for; and nothing follows. */
static void a_hold_is_told_in_the_originals_words(void **state)
{
	static const struct reply held[] = {{"generate-plan", {HELD}}, {0}};
	static const struct reply later[] = {PLAN("null", "true"), {"generate", {HELD}}, {0}};
	static const char *const none[] = {NULL};
	static const char said[] =
		"CallManager certificate was modified in the last 5 minutes. Please re-try\n"
		"regnerating TVS certificate at a later time\n"
		"187 seconds left.\n";
	struct output o;
	json_t *j;
	void *own;

	world_open(*state, held);
	o = world_talk(*state, "set cert regen TVS", none);
	assert_int_equal(o.code, 3);
	assert_string_equal(o.out, said);
	assert_non_null(strstr(o.err, "test10pub: CallManager certificate was modified"));
	output_clear(&o);
	o = world_run(*state, "set cert regen TVS --json");
	assert_int_equal(o.code, 3);
	j = json_loads(o.out, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(j, "error"), "code")), 187);
	json_decref(j);
	output_clear(&o);

	/* One that came meanwhile is refused by the door itself. */
	assert_int_equal(world_setup(&own), 0);
	world_open(own, later);
	o = world_run(own, "set cert regen TVS --yes");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, said));
	output_clear(&o);
	world_teardown(&own);
}

static void force_says_what_it_overrides(void **state)
{
	static const struct reply forced[] = {
		PLAN("\"CallManager certificate was modified\"", "true"),
		MADE("TVS", "\"n1\"", "1"), {0}};
	struct world *w = *state;
	struct output o;
	json_t *asked;

	world_open(w, forced);
	o = world_run(w, "set cert regen TVS --force --yes");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.err, "--force overrides: CallManager certificate was modified"));
	assert_non_null(strstr(o.out, "Phones are reset then (phone-reset in cluster.conf)."));
	assert_non_null(strstr(o.out, "itlctl --node NODE utils service restart Cisco Tftp, for each node"));
	for (size_t i = 0; i < 2; i++) {
		asked = world_request(w, i);
		assert_true(json_is_true(json_object_get(asked, "force")));
	}
	output_clear(&o);
}

static void itlrecovery_asks_first(void **state)
{
	static const struct reply recovery[] = {
		PLAN("null", "true"), MADE("ITLRecovery", "null", "4"), {0}};
	static const char *const yes[] = {PASSWORD, "yes", "yes", NULL};
	static const char *const no[] = {PASSWORD, "no", NULL};
	struct world *w = *state;
	struct output o;
	const char *first, *second;

	world_open(w, recovery);
	o = world_talk(w, "set cert regen ITLRecovery", no);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "Do all phones hold the list in force (yes|no)? no"));
	assert_null(strstr(o.out, "Proceed"));
	assert_non_null(strstr(o.err, "nothing was changed: restart the TFTP service of each node"));
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
	o = world_talk(w, "set cert regen ITLRecovery", yes);
	assert_int_equal(o.code, 0);
	first = strstr(o.out, "Do all phones hold the list in force");
	second = strstr(o.out, "Proceed with regeneration (yes|no)? yes");
	assert_true(first && second && first < second);
	assert_non_null(strstr(o.out, "Certificate for ITLRecovery. (key 4 of at most 60: "
				      "its length lets this token wrap it)\n"));
	/* phones are not reset for it, whatever is configured */
	assert_non_null(strstr(o.out, "Then reset all phones"));
	assert_null(strstr(o.out, "phone-reset"));
	output_clear(&o);
}

/* ---- keys ---- */

#define KEY(label, current, lists, removable, why, at) \
	"{\"label\":\"" label "\",\"current\":" current ",\"sha1\":\"" SHA \
	"\",\"not_after\":1551205467,\"lists\":[" lists "],\"removable\":" removable \
	",\"why\":\"" why "\",\"removable_at\":" at "}"

static const struct reply keys[] = {
	{"keys",
	 {"{\"result\":{\"keep_days\":90,\"keys\":["
	  KEY("CallManager/n1/2", "true", "", "false", "it is the current key of its unit", "0") ","
	  KEY("CallManager/n1/1", "false",
	      "{\"node\":\"n1\",\"file\":\"itl\",\"sha1\":\"" SHA "\",\"last\":1393439067,"
	      "\"now\":false,\"signed\":true}", "false", "phones may hold it", "1401215067") ","
	  KEY("TVS/n2/1", "false", "", "true", "", "0") "]}}"}},
	{"key-remove", {"{\"result\":{\"label\":\"TVS/n2/1\",\"overrode\":null}}"}},
	{0}};

static void keys_are_listed(void **state)
{
	struct output o;
	char *out;

	world_open(*state, keys);
	o = world_run(*state, "key list");
	assert_int_equal(o.code, 0);
	out = squeezed(o.out);
	assert_non_null(strstr(out, "CallManager/n1/2 current " SHA " 2019-02-26 "));
	assert_non_null(strstr(out, "CallManager/n1/1 retired " SHA));
	assert_non_null(strstr(out, "signed " SHA ", itl list of test10pub, last seen 2014-02-26"));
	assert_non_null(strstr(out, "not removable: phones may hold it removable from 2014-05-27"));
	assert_null(strstr(out, "it is the current key"));
	assert_non_null(strstr(out, "in the last 90 days"));
	free(out);
	output_clear(&o);
}

static void a_key_is_removed(void **state)
{
	static const char *const yes[] = {PASSWORD, "yes", NULL};
	static const char *const no[] = {PASSWORD, "no", NULL};
	struct keyd_intent meant = keyd_intent_remove("TVS/n2/1");
	struct world *w = *state;
	struct output o;

	world_open(w, keys);
	o = world_talk(w, "key remove TVS/n2/1", no);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "for good. Nothing brings it back."));
	assert_int_equal(json_array_size(w->requests), 1);
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
	o = world_talk(w, "key remove TVS/n2/1", yes);
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "The key TVS/n2/1 was removed from the token."));
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_REMOVE);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	assert_string_equal(member(world_request(w, 2), "label"), "TVS/n2/1");
	assert_true(json_is_false(json_object_get(world_request(w, 2), "force")));
	output_clear(&o);
}

/* What would be refused asks nobody for a password, and warns of nothing. */
static void a_key_that_stays(void **state)
{
	static const struct {
		const char *command, *says;
		int code;
	} rows[] = {
		{"key remove CallManager/n1/2", "it is the current key of its unit", 3},
		{"key remove CallManager/n1/2 --force", "itlctl set cert regen", 3},
		{"key remove CallManager/n1/1", "it can be removed from 2014-05-27", 3},
		{"key remove CallManager/n9/1", "the token has no such key", 1},
	};
	static const char *const forced[] = {PASSWORD, "no", NULL};
	struct world *w = *state;
	struct output o;

	world_open(w, keys);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		o = world_run(w, rows[i].command);
		print_message("%s\n", rows[i].command);
		assert_int_equal(o.code, rows[i].code);
		assert_non_null(strstr(o.err, rows[i].says));
		assert_null(strstr(o.out, "WARNING"));
		output_clear(&o);
	}
	o = world_talk(w, "key remove CallManager/n1/1 --force", forced);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "Forced, although phones may hold it"));
	output_clear(&o);
	assert_int_equal(keyd_seen.ntickets, 0);
}

/* ---- phones ---- */

static void phones_are_told_of(void **state)
{
#define RESTARTED(phones) \
	{{"tftp-restart", {"{\"result\":{\"node\":\"n1\",\"sha1\":\"" SHA "\",\"kind\":\"itl\"," \
			   "\"built\":true,\"phones\":" phones "}}"}}, {0}}
	static const struct {
		struct reply replies[2];
		const char *out, *err;
	} rows[] = {
		{RESTARTED("null"), NULL, NULL},
		{RESTARTED("{\"units\":\"CallManager TVS\",\"reset\":\"done\",\"error\":null}"),
		 "The phones were reset (phone-reset): new certificates of CallManager TVS", NULL},
		{RESTARTED("{\"units\":\"CAPF\",\"reset\":\"by-hand\",\"error\":null}"),
		 "Reset the phones now, by hand: new certificates of CAPF", NULL},
		{RESTARTED("{\"units\":\"CAPF\",\"reset\":\"failed\",\"error\":{\"rc\":\"error\","
			   "\"op\":\"phone-reset\",\"what\":\"reset all\",\"why\":\"the command failed\","
			   "\"name\":\"\",\"code\":0,\"hint\":\"\"}}"),
		 NULL, "warning: the phones were not reset: phone-reset on reset all: the command failed"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct output o;
		void *own;

		assert_int_equal(world_setup(&own), 0);
		world_open(own, rows[i].replies);
		o = world_run(own, "utils service restart Cisco Tftp");
		assert_int_equal(o.code, 0);
		assert_true(rows[i].out ? strstr(o.out, rows[i].out) != NULL
					: !strstr(o.out, "hones"));
		assert_true(rows[i].err ? strstr(o.err, rows[i].err) != NULL : !o.err[0]);
		output_clear(&o);
		world_teardown(&own);
	}
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(regeneration_has_its_dialogue),
		IN_WORLD(no_is_no),
		IN_WORLD(a_hold_is_told_in_the_originals_words),
		IN_WORLD(force_says_what_it_overrides),
		IN_WORLD(itlrecovery_asks_first),
		IN_WORLD(keys_are_listed),
		IN_WORLD(a_key_is_removed),
		IN_WORLD(a_key_that_stays),
		cmocka_unit_test(phones_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
