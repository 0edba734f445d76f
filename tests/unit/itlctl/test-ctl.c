/* utils ctl update CTLFile and show ctl: what is asked, and what people see. */
#include "support/support.h"
#include "door.h"
#include "replies.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

#define MADE \
	"{\"event\":\"servers\",\"hosts\":[\"test10sub\",\"test10pub\",\"test10sub2\"]}", \
	"{\"event\":\"generated\",\"sha1\":\"" SHA_R "\",\"signer\":\"x\",\"kind\":\"ctl\"}", \
	"{\"event\":\"transferring\"}"
#define PUT(file, id, host) \
	"{\"event\":\"transferred\",\"node\":\"" id "\",\"host\":\"" host \
	"\",\"file\":\"" file "\"}"
#define RESULT(ok3, error3, warnings) \
	"{\"result\":{\"sha1\":\"" SHA_R "\",\"signer\":\"CallManager/n1/1\",\"nodes\":[" \
	"{\"id\":\"n1\",\"host\":\"test10pub\",\"ok\":true,\"error\":null}," \
	"{\"id\":\"n2\",\"host\":\"test10sub\",\"ok\":true,\"error\":null}," \
	"{\"id\":\"n3\",\"host\":\"test10sub2\",\"ok\":" ok3 ",\"error\":" error3 \
	"}],\"warnings\":[" warnings "]}}"

/* The last node first; and one gets its other list too. */
static const struct reply updated[] = {
	{"ctl-update",
	 {MADE, PUT("ctl", "n3", "test10sub2"), NODE("restarting", "n3", "test10sub2"),
	  NODE("restarted", "n3", "test10sub2"), NODE("verified", "n3", "test10sub2"),
	  PUT("ctl", "n1", "test10pub"), NODE("restarting", "n1", "test10pub"),
	  NODE("restarted", "n1", "test10pub"), NODE("verified", "n1", "test10pub"),
	  PUT("itl", "n2", "test10sub"), PUT("ctl", "n2", "test10sub"),
	  NODE("restarting", "n2", "test10sub"), NODE("restarted", "n2", "test10sub"),
	  NODE("verified", "n2", "test10sub"),
	  RESULT("true", "null", "\"test10sub: only through a TVS\"")}},
	{0}};

static const char dialogue[] =
	"Locating active Tftp servers in the cluster..... "
	"Following is the list of Active tftp servers in the cluster "
	"['test10pub', 'test10sub', 'test10sub2'] "
	"The CTL file was generated successfully "
	"Transferring new CTL file to the TFTP server nodes in the cluster......... "
	"Restarting Cisco Tftp service on host test10pub "
	"Cisco Tftp service restarted on host test10pub "
	"Successfully transferred CTL to node test10sub "
	"Restarting Cisco Tftp service on host test10sub "
	"Cisco Tftp service restarted on host test10sub "
	"Successfully transferred CTL to node test10sub2 "
	"Restarting Cisco Tftp service on host test10sub2 "
	"Cisco Tftp service restarted on host test10sub2 "
	"SHA-1 of the list: " SHA_R " Signed by: CallManager/n1/1";

static void an_update_is_a_dialogue(void **state)
{
	struct output o;

	world_open(*state, updated);
	o = world_run(*state, "utils ctl update CTLFile");
	check_squeezed(o.out, dialogue);
	assert_string_equal(o.err, "itlctl: warning: test10sub: only through a TVS\n");
	assert_int_equal(o.code, 0);
	output_clear(&o);
}

static void the_password_is_asked_for_first(void **state)
{
	static const char *const answers[] = {PASSWORD, NULL};
	char expected[sizeof dialogue + 64];
	struct output o;

	world_open(*state, updated);
	o = world_talk(*state, "utils ctl update CTLFile", answers);
	(void)snprintf(expected, sizeof expected,
		       "Enter CCM Administrator password : %s", dialogue);
	check_squeezed(o.out, expected);
	output_clear(&o);
}

/* keyd gives the ticket for the very time that front is asked with. */
static void the_ticket_is_for_this_update(void **state)
{
	struct world *w = *state;
	struct keyd_intent meant;
	json_int_t at;
	struct output o;
	json_t *asked;

	world_open(w, updated);
	o = world_run(w, "utils ctl update CTLFile --force");
	assert_int_equal(json_array_size(w->requests), 1);
	asked = world_request(w, 0);
	at = json_integer_value(json_object_get(asked, "timestamp"));
	assert_in_range(at, time(NULL) - 60, time(NULL));
	meant = keyd_intent_ctl((uint32_t)at);
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_CTL);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params,
			    sizeof meant.params);
	assert_true(json_is_true(json_object_get(asked, "force")));
	assert_string_equal(json_string_value(json_object_get(asked, "node")), "n1");
	output_clear(&o);
	o = world_run(w, "utils ctl update CTLFile");
	assert_true(json_is_false(json_object_get(world_request(w, 1), "force")));
	output_clear(&o);
}

static const struct reply one_fails[] = {
	{"ctl-update",
	 {MADE, NODE("restarting", "n1", "test10pub"), NODE("verified", "n1", "test10pub"),
	  "{\"event\":\"failed\",\"node\":\"n3\",\"host\":\"test10sub2\",\"error\":" TIMEOUT "}",
	  RESULT("false", TIMEOUT, "")}},
	{0}};

static void a_node_that_failed_is_named(void **state)
{
	struct output o;

	world_open(*state, one_fails);
	o = world_run(*state, "utils ctl update CTLFile");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "Failed on host test10sub2: restart on test10sub2: no answer; look there"));
	assert_non_null(strstr(o.out, "tries again by itself"));
	output_clear(&o);
}

/* Events as they come, then the result, and nothing else. */
static void in_json(void **state)
{
	char *rest, *line;
	struct output o;
	size_t n = 0;

	world_open(*state, one_fails);
	o = world_run(*state, "utils ctl update CTLFile --json");
	assert_int_equal(o.code, 1);
	for (line = strtok_r(o.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		json_t *got = json_loads(line, 0, NULL);
		json_t *sent = json_loads(one_fails[0].messages[n++], 0, NULL);

		assert_true(json_equal(got, sent));
		json_decref(got);
		json_decref(sent);
	}
	assert_int_equal(n, 7);
	assert_string_equal(o.err, "");
	output_clear(&o);
}

/* ---- what is refused ---- */

static const struct {
	const char *line;
	struct reply reply;
	int code;
	const char *err, *out;
	size_t tickets;
} refusals[] = {
	{"utils ctl update CTLFile --node test10sub", {0}, 3, "test10sub",
	 "This is not publisher node\n", 0},
	{"utils ctl update CTLFile --password-file %d/wrong", {0}, 3,
	 "wrong password", "", 0},
	{"utils ctl update CTLFile", {"ctl-update", {ERROR("refused", "would not accept")}},
	 3, "would not accept", "", 1},
	{"utils ctl update CTLFile", {"ctl-update", {ERROR("verify", "bad list")}}, 5,
	 "bad list", "", 1},
	{"utils ctl update CTLFile", {"ctl-update", {ERROR("busy", "a reset runs")}}, 1,
	 "a reset runs", "", 1},
	{"utils ctl update CTLFile now", {0}, 2, "too many arguments", "", 0},
	{"utils ctl update", {0}, 2, "utils ctl update CTLFile", "", 0},
	{"utils ctl update CTLFile --dry-run", {"ctl-plan", {ERROR("token", "no token")}}, 4,
	 "no token", "", 0},
};

static void refusals_have_their_exit_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		struct reply list[2] = {refusals[i].reply};
		struct output o;
		void *own;

		assert_int_equal(world_setup(&own), 0);
		world_open(own, list);
		print_message("  %s\n", refusals[i].line);
		o = world_run(own, refusals[i].line);
		assert_int_equal(o.code, refusals[i].code);
		assert_non_null(strstr(o.err, refusals[i].err));
		assert_string_equal(o.out, refusals[i].out);
		assert_int_equal(keyd_seen.ntickets, refusals[i].tickets);
		output_clear(&o);
		world_teardown(&own);
	}
}

/* Without a password, and without a change. */
static void a_dry_run_says_what_would_change(void **state)
{
	static const struct {
		struct reply plan[2];
		const char *says;
	} rows[] = {
		{{{"ctl-plan", {"{\"result\":{\"sha1\":\"" SHA_R "\",\"adds\":[\"CallManager/n1/2 as SAST\","
				"\"CAPF/t/2 as CAPF\"],\"drops\":[\"CallManager/n1/1 as SAST\"]}}"}}, {0}},
		 "+ CallManager/n1/2 as SAST + CAPF/t/2 as CAPF - CallManager/n1/1 as SAST Nothing was changed. "},
		{{{"ctl-plan", {"{\"result\":{\"sha1\":null,\"adds\":[\"CAPF/t/2 as CAPF\"],\"drops\":[]}}"}}, {0}},
		 "test10pub serves no CTL; a new one would name + CAPF/t/2 as CAPF Nothing was changed. "},
		{{{"ctl-plan", {"{\"result\":{\"sha1\":\"" SHA_R "\",\"adds\":[],\"drops\":[]}}"}}, {0}},
		 "The CTL names the present certificates, and no others. Nothing was changed. "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct output o;
		void *own;

		assert_int_equal(world_setup(&own), 0);
		world_open(own, rows[i].plan);
		o = world_run(own, "utils ctl update CTLFile --dry-run");
		assert_int_equal(o.code, 0);
		check_squeezed(o.out, rows[i].says);
		assert_string_equal(o.err, "");
		assert_int_equal(keyd_seen.ntickets, 0);
		output_clear(&o);
		world_teardown(&own);
	}
}

/* ---- show ---- */

static void show_ctl_shows_what_a_node_serves(void **state)
{
	static char base64[12000], answer[13000];
	static struct reply list[] = {{"list", {answer}}, {0}};
	struct bytes ctl = plan_source();
	json_t *asked;
	struct output o;

	sodium_bin2base64(base64, sizeof base64, ctl.p, ctl.n,
			  sodium_base64_VARIANT_ORIGINAL);
	(void)snprintf(answer, sizeof answer,
		       "{\"result\":{\"node\":\"n2\",\"kind\":\"ctl\",\"since\":1393439067,\"bytes\":\"%s\"}}",
		       base64);
	world_open(*state, list);
	o = world_run(*state, "show ctl test10sub");
	assert_int_equal(o.code, 0);
	asked = world_request(*state, 0);
	assert_string_equal(json_string_value(json_object_get(asked, "node")), "n2");
	assert_string_equal(json_string_value(json_object_get(asked, "file")), "ctl");
	assert_non_null(strstr(o.out, "Length of CTL file: 7166"));
	assert_non_null(strstr(o.out, "Parse CTL File"));
	assert_non_null(strstr(o.out, "This etoken was used to sign the CTL file."));
	assert_non_null(strstr(o.out, "The CTL file was verified successfully."));
	output_clear(&o);
	o = world_run(*state, "show ctl --json");
	assert_non_null(strstr(o.out, "\"served\":\"ctl\""));
	output_clear(&o);
	o = world_run(*state, "show itl");
	asked = world_request(*state, 2);
	assert_string_equal(json_string_value(json_object_get(asked, "file")), "itl");
	output_clear(&o);
}

static void no_ctl_is_no_list(void **state)
{
	static const struct reply none[] = {
		{"list", {"{\"error\":{\"rc\":\"not-found\",\"op\":\"list\",\"what\":\"n1\","
			  "\"why\":\"nothing\",\"name\":\"\",\"code\":0,\"hint\":\"\"}}"}},
		{0}};
	static const char *const lines[] = {"show ctl", "show ctl %d/none.tlv"};
	struct output o;

	world_open(*state, none);
	for (size_t i = 0; i < 2; i++) {
		o = world_run(*state, lines[i]);
		assert_int_equal(o.code, 1);
		check_squeezed(o.out, "Length of CTL file: 0 CTL File not found. "
				      "Error parsing the CTL File.");
		assert_string_equal(o.err, "");
		output_clear(&o);
	}
}

#define STATUS(ctl) \
	{{"status", \
	  {"{\"result\":{\"cluster\":\"t\",\"policy\":\"callmanager\",\"publisher\":\"n1\",\"op\":null," \
	   "\"keyd\":{\"token\":\"t\"},\"nodes\":[{\"id\":\"n1\",\"host\":\"test10pub\",\"tftp\":true," \
	   "\"want\":{\"sha1\":\"" SHA_A "\"},\"have\":{\"sha1\":\"" SHA_A "\",\"kind\":\"itl\"}," \
	   "\"ctl\":" ctl ",\"have_since\":1,\"error\":null,\"next_try\":0}]}}"}}, {0}}
#define OURS(sha1) "{\"sha1\":\"" sha1 "\",\"kind\":\"ctl\",\"signer\":\"CallManager/n1/1\"}"
#define OTHER "{\"sha1\":\"" SHA_R "\",\"kind\":\"other\",\"signer\":\"\"}"

static const struct {
	struct reply status[2];
	const char *has[2], *has_not;
} statuses[] = {
	{STATUS("{\"want\":null,\"have\":null,\"have_since\":0}"), {" up to date"}, "CTL"},
	{STATUS("{\"want\":" OURS(SHA_R) ",\"have\":" OURS(SHA_R) "}"),
	 {" up to date", "CTL: " SHA_R ", signed by CallManager/n1/1\n"}, "shall serve"},
	{STATUS("{\"want\":" OURS(SHA_R) ",\"have\":" OURS(SHA_A) "}"),
	 {" on its way", "shall serve the CTL " SHA_R}, "shall serve " SHA_A},
	{STATUS("{\"want\":" OURS(SHA_R) ",\"have\":" OURS(SHA_R) ",\"old\":{\"adds\":"
		"[\"CAPF/t/2 as CAPF\"],\"drops\":[\"CAPF/t/1 as CAPF\"]}}"),
	 {"the CTL lacks CAPF/t/2 as CAPF\n    the CTL still names CAPF/t/1 as CAPF\n",
	  "itlctl utils ctl update CTLFile"}, "shall serve"},
	{STATUS("{\"want\":null,\"have\":" OTHER "}"),
	 {" up to date", "CTL: " SHA_R ", not this cluster's\n"}, "shall serve"},
};

static void the_status_has_the_ctl(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		struct output o;
		void *own;

		assert_int_equal(world_setup(&own), 0);
		world_open(own, statuses[i].status);
		o = world_run(own, "show status");
		for (size_t k = 0; k < 2 && statuses[i].has[k]; k++)
			if (!strstr(o.out, statuses[i].has[k]))
				fail_msg("%s: %s", statuses[i].has[k], o.out);
		assert_null(strstr(o.out, statuses[i].has_not));
		output_clear(&o);
		world_teardown(&own);
	}
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(an_update_is_a_dialogue),
		IN_WORLD(the_password_is_asked_for_first),
		IN_WORLD(the_ticket_is_for_this_update),
		IN_WORLD(a_node_that_failed_is_named),
		IN_WORLD(in_json),
		cmocka_unit_test(refusals_have_their_exit_codes),
		cmocka_unit_test(a_dry_run_says_what_would_change),
		IN_WORLD(show_ctl_shows_what_a_node_serves),
		IN_WORLD(no_ctl_is_no_list),
		cmocka_unit_test(the_status_has_the_ctl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
