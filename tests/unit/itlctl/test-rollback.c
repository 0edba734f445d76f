/* utils itl rollback: what is asked, agreed to, and said. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "replies.h"
#include "base/num.h"
#include <string.h>

#define COMMAND "utils itl rollback"
#define THEN(sha1) \
	"{\"sha1\":\"" sha1 "\",\"kind\":\"reset\",\"signer\":\"ITLRecovery/test10/1\",\"made\":1393439067}"
#define PLAN_NODE(id, host, then, kept) PLAN_LOCKS(id, host, then, kept, "null")
#define PLAN_LOCKS(id, host, then, kept, locks) \
	"{\"id\":\"" id "\",\"host\":\"" host "\",\"sha1\":\"" SHA_R "\",\"then\":" then \
	",\"kept\":" kept ",\"locks\":" locks "}"
#define KEPT \
	"{\"rc\":\"refused\",\"op\":\"rollback\",\"what\":\"test10sub2\",\"why\":\"its reset list was replaced since\"," \
	"\"name\":\"\",\"code\":0,\"hint\":\"\"}"
#define LOCKS \
	"{\"rc\":\"refused\",\"op\":\"rollback\",\"what\":\"test10sub\",\"why\":\"phones hold the reset list\"," \
	"\"name\":\"\",\"code\":0,\"hint\":\"\"}"
#define PLAN \
	{"rollback-plan", \
	 {"{\"result\":{\"nodes\":[" PLAN_NODE("n1", "test10pub", THEN(SHA_A), "null") "," \
	  PLAN_LOCKS("n2", "test10sub", THEN(SHA_A), "null", LOCKS) "," \
	  PLAN_NODE("n3", "test10sub2", "null", KEPT) "]}}"}}
#define DONE(ok2, error2) \
	{"rollback", \
	 {"{\"event\":\"servers\",\"hosts\":[\"test10pub\",\"test10sub\"]}", \
	  "{\"event\":\"restoring\"}", \
	  NODE("transferred", "n1", "test10pub"), NODE("restarting", "n1", "test10pub"), \
	  NODE("restarted", "n1", "test10pub"), NODE("verified", "n1", "test10pub"), \
	  NODE("transferred", "n2", "test10sub"), NODE("restarting", "n2", "test10sub"), \
	  NODE("restarted", "n2", "test10sub"), NODE("verified", "n2", "test10sub"), \
	  "{\"result\":{\"nodes\":[" \
	  "{\"id\":\"n1\",\"host\":\"test10pub\",\"sha1\":\"" SHA_A "\",\"ok\":true,\"error\":null}," \
	  "{\"id\":\"n2\",\"host\":\"test10sub\",\"sha1\":\"" SHA_A "\",\"ok\":" ok2 ",\"error\":" error2 "}]}}"}}

static const struct reply works[] = {PLAN, DONE("true", "null"), {0}};
static const struct reply one_fails[] = {PLAN, DONE("false", TIMEOUT), {0}};
static const struct reply busy[] = {
	PLAN, {"rollback", {ERROR("busy", "reset of root (uid 0) runs since 2026-01-01")}}, {0}};

static const char dialogue[] =
	"test10sub2 keeps its list: rollback on test10sub2: its reset list was replaced since "
	"Locating active Tftp servers in the cluster..... "
	"Following is the list of Active tftp servers in the cluster "
	"['test10pub', 'test10sub'] "
	"Transferring previous ITL files to the TFTP server nodes in the cluster......... "
	"Restarting Cisco Tftp service on host test10pub "
	"Cisco Tftp service restarted on host test10pub "
	"Successfully transferred previous ITL to node test10sub "
	"Restarting Cisco Tftp service on host test10sub "
	"Cisco Tftp service restarted on host test10sub ";

static void asks_and_puts_back(void **state)
{
	static const char *const answers[] = {PASSWORD, NULL};
	struct keyd_place places[2] = {{.node = "n1"}, {.node = "n2"}};
	struct keyd_intent meant;
	struct world *w = *state;
	char expected[2000];
	struct output o;
	json_t *asked;

	places[0].sha1[19] = places[1].sha1[19] = 0xaa;
	world_open(w, works);
	o = world_talk(w, COMMAND, answers);
	(void)snprintf(expected, sizeof expected,
		       "Enter CCM Administrator password : %stest10pub serves " SHA_A
		       " test10sub serves " SHA_A, dialogue);
	check_squeezed(o.out, expected);
	assert_int_equal(o.code, 0);
	meant = keyd_intent_rollback(places, 2);
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_ROLLBACK);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	asked = world_request(w, 1);
	assert_int_equal(json_object_size(json_object_get(asked, "lists")), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(asked, "lists"), "n2")), SHA_A);
	assert_false(json_is_true(json_object_get(asked, "force")));
	output_clear(&o);
}

static void a_dry_run_asks_nobody(void **state)
{
	struct world *w = *state;
	struct output o;

	world_open(w, works);
	o = world_run(w, COMMAND " --dry-run");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, SHA_R " " SHA_A));
	assert_non_null(strstr(o.out, "signed by ITLRecovery/test10/1, made 2014-02-26"));
	assert_non_null(strstr(o.out, "test10sub2 keeps its list"));
	assert_non_null(strstr(o.out, "Refused without --force: rollback on test10sub: phones hold the reset list"));
	assert_non_null(strstr(o.out, "nothing was changed"));
	assert_int_equal(json_array_size(w->requests), 1);
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
	o = world_run(w, COMMAND " --dry-run --json");
	assert_int_equal(o.code, 0);
	json_t *j = json_loads(o.out, 0, NULL);

	assert_true(json_is_true(json_object_get(json_object_get(j, "result"), "dry_run")));
	json_decref(j);
	output_clear(&o);
}

static void says_what_failed(void **state)
{
	struct world *w = *state;
	struct output o;

	world_open(w, one_fails);
	o = world_run(w, COMMAND " --force");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "Failed on host test10sub: restart on test10sub2: no answer"));
	assert_true(json_is_true(json_object_get(world_request(w, 1), "force")));
	output_clear(&o);
	o = world_run(w, COMMAND " --json");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "{\"result\":{\"nodes\":["));
	assert_non_null(strstr(o.err, "test10sub2 keeps its list"));
	output_clear(&o);
	o = world_run(w, COMMAND " --node n2");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "This is not publisher node"));
	output_clear(&o);
}

/* Whose operation runs, and since when; exit code 1. */
static void says_who_is_first(void **state)
{
	struct world *w = *state;
	struct output o;

	world_open(w, busy);
	o = world_run(w, COMMAND);
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "reset of root (uid 0) runs since 2026-01-01"));
	output_clear(&o);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(asks_and_puts_back),
		TEST(a_dry_run_asks_nobody),
		TEST(says_what_failed),
		TEST(says_who_is_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
