/* Dialogues and exit codes against a door that answers what was recorded. */
#include "support/support.h"
#include "door.h"
#include "replies.h"
#include "base/num.h"
#include <string.h>

static struct reply replies[8];

/* Let the door answer "reset-plan", and one more request. */
static void open_door(struct world *w, const struct reply *more)
{
	memset(replies, 0, sizeof replies);
	replies[0] = (struct reply){"reset-plan", {plan_answer(NULL)}};
	replies[1] = *more;
	world_open(w, replies);
}

static const struct reply orders[] = {
	/* one node after the other */
	RESET_IN_ORDER,
	/* the last node first */
	{"reset",
	 {SERVERS, NODE("transferred", "n3", "test10sub2"),
	  NODE("restarting", "n3", "test10sub2"), NODE("restarted", "n3", "test10sub2"),
	  NODE("verified", "n3", "test10sub2"), NODE("transferred", "n2", "test10sub"),
	  NODE("restarting", "n2", "test10sub"), NODE("transferred", "n1", "test10pub"),
	  NODE("restarted", "n2", "test10sub"), NODE("restarting", "n1", "test10pub"),
	  NODE("verified", "n2", "test10sub"), NODE("restarted", "n1", "test10pub"),
	  NODE("verified", "n1", "test10pub"), OUTCOME("true", "null")}},
	/* all at once, and without the last word of one */
	{"reset",
	 {SERVERS, NODE("transferred", "n2", "test10sub"),
	  NODE("transferred", "n1", "test10pub"), NODE("transferred", "n3", "test10sub2"),
	  NODE("restarting", "n2", "test10sub"), NODE("restarting", "n3", "test10sub2"),
	  NODE("restarting", "n1", "test10pub"), NODE("restarted", "n3", "test10sub2"),
	  NODE("restarted", "n2", "test10sub"), NODE("restarted", "n1", "test10pub"),
	  NODE("verified", "n2", "test10sub"), NODE("verified", "n3", "test10sub2"),
	  OUTCOME("true", "null")}},
};

static void reset_prints_the_original_dialogue(struct world *w, const struct reply *order)
{
	char expected[2000];
	struct output o;

	open_door(w, order);
	o = world_run(w, "utils itl reset localkey");
	(void)snprintf(expected, sizeof expected,
		       "%s SHA-1 of the list: " SHA_R " Signed by: CN=ITLRECOVERY",
		       reset_dialogue);
	check_squeezed(o.out, expected);
	assert_string_equal(o.err, "itlctl: warning: the key ?has expired\n");
	assert_int_equal(o.code, 0);
	output_clear(&o);
}

static void reset_in_order(void **state)
{
	reset_prints_the_original_dialogue(*state, &orders[0]);
}

static void reset_last_node_first(void **state)
{
	reset_prints_the_original_dialogue(*state, &orders[1]);
}

static void reset_all_at_once(void **state)
{
	reset_prints_the_original_dialogue(*state, &orders[2]);
}

static void reset_has_a_ticket_for_the_plan(void **state)
{
	struct keyd_intent meant;
	struct world *w = *state;
	struct output o;
	json_t *asked;

	open_door(w, &orders[0]);
	o = world_run(w, "utils itl reset localkey");
	meant = keyd_intent_reset(KEYD_LOCALKEY, false, plan_source(),
				  1393439067);
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_RESET);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	asked = world_request(w, 1);
	assert_string_equal(json_string_value(json_object_get(asked, "do")), "reset");
	assert_string_equal(json_string_value(json_object_get(asked, "ticket")),
			    "0101010101010101010101010101010101010101010101010101010101010101");
	assert_int_equal(json_integer_value(json_object_get(asked, "timestamp")), 1393439067);
	/* the password goes to keyd alone */
	for (size_t i = 0; i < json_array_size(w->requests); i++) {
		char *text = json_dumps(world_request(w, i), 0);

		assert_null(strstr(text, PASSWORD));
		free(text);
	}
	output_clear(&o);
}

static const struct reply one_fails = {
	"reset",
	{SERVERS,
	 "{\"event\":\"failed\",\"node\":\"n3\",\"host\":\"test10sub2\",\"error\":" TIMEOUT "}",
	 NODE("restarting", "n1", "test10pub"), NODE("verified", "n1", "test10pub"),
	 NODE("verified", "n2", "test10sub"), OUTCOME("false", TIMEOUT)}};

static void reset_names_the_node_that_failed(void **state)
{
	struct output o;

	open_door(*state, &one_fails);
	o = world_run(*state, "utils itl reset localkey");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "Failed on host test10sub2: restart on test10sub2: no answer; look there"));
	assert_null(strstr(o.out, "Failed on host test10sub:"));
	output_clear(&o);
}

static void reset_in_json_tells_events_as_they_come(void **state)
{
	struct output o;
	char *rest, *line;
	size_t n = 0;

	open_door(*state, &one_fails);
	o = world_run(*state, "utils itl reset localkey --json");
	assert_int_equal(o.code, 1);
	for (line = strtok_r(o.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *message = one_fails.messages[n++];
		json_t *got = json_loads(line, 0, NULL);
		json_t *sent = json_loads(message, 0, NULL);

		assert_non_null(got);
		assert_true(json_equal(got, sent));
		json_decref(got);
		json_decref(sent);
	}
	assert_int_equal(n, 8);
	output_clear(&o);
}

static const struct reply preview = {
	"reset-preview", {"{\"result\":{\"sha1\":\"" SHA_R "\"}}"}};

static void dry_run_shows_now_and_then(void **state)
{
	struct output o;

	open_door(*state, &preview);
	o = world_run(*state, "utils itl reset localkey --dry-run");
	check_squeezed(o.out,
		       "Signer: CN=ITLRECOVERY "
		       "Node SHA-1 now SHA-1 then "
		       "test10pub " SHA_A " " SHA_R " test10sub - " SHA_R
		       " This was a dry run: nothing was changed.");
	assert_int_equal(o.code, 0);
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_PREVIEW);
	output_clear(&o);
}

static void a_source_with_another_hash_is_not_signed(void **state)
{
	struct world *w = *state;
	struct output o;

	memset(replies, 0, sizeof replies);
	replies[0] = (struct reply){"reset-plan", {plan_answer(SHA_A)}};
	world_open(w, replies);
	o = world_run(w, "utils itl reset localkey");
	assert_int_equal(o.code, 5);
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
}

/* ---- refusals ---- */

static const struct {
	const char *line;
	struct reply reply;
	int code;
	const char *err;
	const char *out;
} refusals[] = {
	{"utils itl reset localkey --node test10sub", {0}, 3, "test10sub",
	 "This is not publisher node\n"},
	{"utils itl reset localkey --node TEST10SUB --dry-run", {0}, 3, "test10sub",
	 "This is not publisher node\n"},
	{"utils itl reset localkey --node nowhere", {0}, 1, "nowhere", ""},
	{"utils itl reset localkey",
	 {"reset-plan", {ERROR("busy", "a reset by uid 1000 runs since 10:24")}}, 1,
	 "a reset by uid 1000 runs since 10:24", ""},
	{"utils itl reset localkey", {"reset-plan", {ERROR("token", "no token")}}, 4,
	 "no token", ""},
	{"utils itl reset localkey", {"reset-plan", {ERROR("verify", "bad list")}}, 5,
	 "bad list", ""},
	{"utils itl reset localkey", {"reset-plan", {"{\"result\":{}}"}}, 1, "reset-plan", ""},
	{"utils itl reset localkey --lenient", {0}, 2, "utils itl reset localkey: --lenient", ""},
	{"show status --node n1", {0}, 2, "show status: --node", ""},
	{"set cert regen CallManager", {"generate-plan", {ERROR("refused", "not now")}}, 3,
	 "not now", ""},
	{"set cert regen callmanager", {"generate-plan", {"{\"result\":{}}"}}, 2, "no terminal",
	 "\nWARNING: This operation"},
	{"key remove CallManager/n1", {0}, 2, "no label", ""},
	{"set cert regen Audit --force", {0}, 2, "cannot be regenerated", ""},
	{"set cert regen CAPF --force --node n2", {0}, 3, "test10sub",
	 "This is not publisher node\n"},
	{"set cert regen IPsec --force", {0}, 2, "IPsec", ""},
	{"show status", {"status", {ERROR("refused", "not you")}}, 3, "not you", ""},
	{"show cert own TVS", {"certs", {"{\"result\":{\"certs\":[]}}"}}, 1, "TVS, test10pub", ""},
	{"show itl 'n1", {0}, 2, "quote", ""},
	{"show itl --json --password-file x", {0}, 2, "--password-file",
	 "{\"error\":{\"rc\":\"usage\","},
};

static void refusals_have_their_exit_codes(void **state)
{
	struct world *w;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		struct reply list[2] = {refusals[i].reply};
		struct output o;
		void *own;

		assert_int_equal(world_setup(&own), 0);
		w = own;
		world_open(w, list);
		print_message("  %s\n", refusals[i].line);
		o = world_run(w, refusals[i].line);
		assert_int_equal(o.code, refusals[i].code);
		assert_non_null(strstr(o.err, refusals[i].err));
		assert_true(!strncmp(o.err, "itlctl: ", 8));
		assert_true(!strncmp(o.out, refusals[i].out, strlen(refusals[i].out)));
		if (!refusals[i].out[0])
			assert_string_equal(o.out, "");
		assert_int_equal(keyd_seen.ntickets, 0);
		output_clear(&o);
		world_teardown(&own);
	}
}

static void a_wrong_password_reaches_no_operation(void **state)
{
	struct world *w = *state;
	struct output o;
	char line[600];

	open_door(w, &orders[0]);
	(void)snprintf(line, sizeof line,
		       "utils itl reset localkey --password-file %s/wrong", w->dir);
	o = world_run(w, line);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "wrong password"));
	assert_int_equal(json_array_size(w->requests), 1); /* the plan alone */
	output_clear(&o);
}

static void nobody_listens(void **state)
{
	struct output o = world_run(*state, "show status --json");
	json_t *j = json_loads(o.out, 0, NULL);

	assert_int_equal(o.code, 4);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(j, "error"), "rc")), "stale");
	json_decref(j);
	output_clear(&o);
}

static void the_service_ends_midway(void **state)
{
	static const struct reply cut = {"reset", {SERVERS, NODE("restarting", "n1", "test10pub"),
						   "{\"broken"}};
	struct output o;

	open_door(*state, &cut);
	o = world_run(*state, "utils itl reset localkey");
	assert_int_not_equal(o.code, 0);
	/* what happened is shown */
	assert_non_null(strstr(o.out, "Restarting Cisco Tftp service on host test10pub"));
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(reset_in_order),
		IN_WORLD(reset_last_node_first),
		IN_WORLD(reset_all_at_once),
		IN_WORLD(reset_has_a_ticket_for_the_plan),
		IN_WORLD(reset_names_the_node_that_failed),
		IN_WORLD(reset_in_json_tells_events_as_they_come),
		IN_WORLD(dry_run_shows_now_and_then),
		IN_WORLD(a_source_with_another_hash_is_not_signed),
		cmocka_unit_test(refusals_have_their_exit_codes),
		IN_WORLD(a_wrong_password_reaches_no_operation),
		IN_WORLD(nobody_listens),
		IN_WORLD(the_service_ends_midway),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
