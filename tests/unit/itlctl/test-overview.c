/* show cluster: all of it on one page. */
#include "support/support.h"
#include "door.h"
#include "base/num.h"
#include <string.h>

#define SHA_A "00000000000000000000000000000000000000aa"
#define SHA_B "00000000000000000000000000000000000000bb"

#define CERT(unit, node, generation, current, until)                           \
	"{\"unit\":\"" unit "\",\"node\":" node ",\"generation\":" generation  \
	",\"current\":" current ",\"not_after\":" until ",\"sha1\":\"" SHA_A "\"}"

#define LIST(sha1, signer) "{\"sha1\":\"" sha1 "\",\"kind\":\"itl\",\"signer\":\"" signer "\",\"made\":1}"

static const struct reply service[] = {
	{"status",
	 {"{\"result\":{\"cluster\":\"test10\",\"policy\":\"callmanager\",\"publisher\":\"n1\","
	  "\"op\":{\"id\":7,\"kind\":\"reset\",\"who\":\"alice (uid 1000)\",\"started\":1393439067},"
	  "\"last\":{\"id\":6,\"kind\":\"generate\",\"who\":\"bob (uid 1001)\",\"started\":1393439000,"
	  "\"ended\":1393439060,\"well\":false,\"note\":\"the token is full: remove retired keys, "
	  "which `key list` names, and give the command again; nothing was changed by this one\"},"
	  "\"keyd\":{\"token\":\"a token whose name has 32 letters\",\"keys\":9,\"audit_entries\":12},"
	  "\"holds\":[{\"node\":\"n2\",\"unit\":\"TVS\",\"seconds\":123}],"
	  "\"nodes\":[{\"id\":\"n1\",\"host\":\"test10pub\",\"tftp\":true,\"tvs\":true,"
	  "\"tvs_answers\":{\"answers\":true,\"seen\":true,\"checked\":1393625467,\"error\":null},"
	  "\"have\":" LIST(SHA_A, "ITLRecovery/test10/1") ",\"have_since\":1393439067,\"error\":null,"
	  "\"ctl\":{\"have\":" LIST(SHA_B, "CallManager/n1/2") ",\"have_since\":1393439067}},"
	  "{\"id\":\"n2\",\"host\":\"test10sub-with-a-name-that-is-long\",\"tftp\":true,\"tvs\":true,"
	  "\"tvs_answers\":{\"answers\":false,\"seen\":false,\"checked\":1393539067,\"error\":{\"rc\":\"stale\",\"op\":\"connect\","
	  "\"what\":\"test10sub: 127.0.0.2:2445\",\"why\":\"nobody listens there\",\"name\":\"\",\"code\":0,\"hint\":\"\"}},"
	  "\"have\":" LIST(SHA_B, "CallManager/a-node-with-a-long-name/1") ",\"have_since\":1393439067,"
	  "\"error\":{\"rc\":\"error\",\"op\":\"fetch\",\"what\":\"tftp://127.0.0.2/ITLFile.tlv\","
	  "\"why\":\"the server does not answer, although it was restarted and all seemed to be well with it\","
	  "\"name\":\"ETIMEDOUT\",\"code\":110,\"hint\":\"start it\"}},"
	  "{\"id\":\"n3\",\"host\":\"test10sub2\",\"tftp\":false,\"tvs\":false,\"tvs_answers\":null,\"have\":null,\"error\":null}]}}"}},
	{"certs",
	 {"{\"result\":{\"certs\":[" CERT("CallManager", "\"n1\"", "1", "false", "1551205467") ","
	  CERT("CallManager", "\"n1\"", "2", "true", "1551205467") ","
	  CERT("CAPF", "null", "1", "true", "4102444800") "],\"error\":null}}"}},
	{"backups", {"{\"result\":{\"good\":false,\"why\":\"nothing was ever proved\",\"backups\":[]}}"}},
	{"alerts", {"{\"result\":{\"alerts\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}"}},
	{0},
};

static void it_fits_the_page(void **state)
{
	static const char *const has[] = {
		"test10, policy callmanager, publisher test10pub",
		"reset by alice (uid 1000) since 2014-02-26",
		"Last       generate by bob (uid 1001), failed 2014-02-26",
		"the token is full: remove retired keys", "none that counts", "nothing was ever proved",
		"2: itlctl show alerts", "TVS        answers phones on 1 of 2 nodes, as of 2014-02-27",
		"    connect on test10sub: 127.0.0.2:2445: nobody listens there\n",
		"test10sub: TVS is new; its other certificates wait 123 s",
		("test10pub       ITL " SHA_A " ITLRecovery/test10/1"),
		("                CTL " SHA_B " CallManager/n1/2"),
		("test10sub-with- ITL " SHA_B " CallManager/a-node-wi"),
		"failing: fetch", "start it", "test10sub2      no TFTP",
		("CallManager test10pub         2  " SHA_A), "CAPF        -     ",
	};
	struct output o;
	char *line, *rest;

	world_open(*state, service);
	o = world_run(*state, "show cluster");
	assert_int_equal(o.code, 0);
	for (size_t i = 0; i < COUNT_OF(has); i++)
		if (!strstr(o.out, has[i]))
			fail_msg("\"%s\" is missing in:\n%s", has[i], o.out);
	assert_null(strstr(o.out, "test10pub         1")); /* a retired one */
	for (line = strtok_r(o.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strlen(line) > 100)
			fail_msg("longer than 100 columns: %s", line);
	output_clear(&o);
}

static void the_same_as_json(void **state)
{
	json_t *j, *all, *certs, *backup;
	struct output o;

	world_open(*state, service);
	o = world_run(*state, "show cluster --json");
	assert_int_equal(o.code, 0);
	j = json_loads(o.out, 0, NULL);
	all = json_object_get(j, "result");
	certs = json_object_get(all, "certs");
	backup = json_object_get(all, "backup");
	assert_int_equal(json_array_size(json_object_get(all, "nodes")), 3);
	assert_int_equal(json_array_size(json_object_get(all, "alerts")), 2);
	assert_int_equal(json_array_size(certs), 2);
	assert_true(json_integer_value(json_object_get(json_array_get(certs, 0), "days_left")) < 0);
	assert_true(json_integer_value(json_object_get(json_array_get(certs, 1), "days_left")) > 20000);
	assert_true(json_is_false(json_object_get(backup, "good")));
	assert_string_equal(json_string_value(json_object_get(backup, "why")),
			    "nothing was ever proved");
	json_decref(j);
	output_clear(&o);
}

/* What is quiet says so. */
static void nothing_to_see(void **state)
{
	static const struct reply quiet[] = {
		{"status",
		 {"{\"result\":{\"cluster\":\"test10\",\"policy\":\"callmanager\",\"publisher\":\"n1\",\"op\":null,"
		  "\"keyd\":{\"error\":{\"rc\":\"stale\",\"op\":\"connect\",\"what\":\"keyd.sock\",\"why\":\"nobody listens\","
		  "\"name\":\"\",\"code\":0,\"hint\":\"\"}},\"holds\":[],\"nodes\":[]}}"}},
		{"certs", {"{\"result\":{\"certs\":[],\"error\":null}}"}},
		{"backups", {"{\"result\":{\"good\":true,\"why\":\"\",\"backups\":[]}}"}},
		{"alerts", {"{\"result\":{\"alerts\":[]}}"}},
		{0},
	};
	static const char *const has[] = {"nobody listens", "none runs",
					  "Backup     good", "Alerts     none",
					  "Holds      none", "TVS        none in cluster.conf"};
	struct output o;

	world_open(*state, quiet);
	o = world_run(*state, "show cluster");
	assert_int_equal(o.code, 0);
	for (size_t i = 0; i < COUNT_OF(has); i++)
		if (!strstr(o.out, has[i]))
			fail_msg("\"%s\" is missing in:\n%s", has[i], o.out);
	assert_null(strstr(o.out, "Last"));
	output_clear(&o);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(it_fits_the_page),
		IN_WORLD(the_same_as_json),
		IN_WORLD(nothing_to_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
