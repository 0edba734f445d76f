/* show backup, show alerts. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/num.h"
#include <string.h>

#define BACKUP(n, error) \
	"{\"id\":" n ",\"vault\":\"sftp://backup@a-server-with-a-rather-long-name.joemar2.lab/srv/backups/of/the/cluster/test10\"," \
	"\"name\":\"" FAKE_NEWEST "\",\"bytes\":9123,\"plain\":false,\"key\":\"ITLRecovery/test10/1\"," \
	"\"route\":\"token-cbc\",\"made\":1393439067,\"proved\":1393439068,\"checked\":1393525467," \
	"\"error\":" error ",\"counts\":true,\"security\":2}"
#define BACKUPS(key, security, why, list) \
	"{\"result\":{\"key\":" key ",\"security\":" security ",\"good\":true,\"why\":\"" why \
	"\",\"vaults\":[\"office\",\"away\"],\"backups\":[" list "]}}"
#define KEY(sealed) "{\"label\":\"ITLRecovery/test10/1\",\"bits\":2048,\"sealed\":" sealed "}"
#define SET "{\"set\":true,\"set_at\":1393439067}"

/* One page. */
static void check_width(char *text)
{
	char *rest, *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		assert_true(strlen(line) <= 100);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static const struct {
	const char *answer;
	size_t shown; /* backups */
	const char *seen[6];
} backups[] = {
	{BACKUPS(KEY("false"), SET, "", BACKUP("1", "null")), 1,
	 {"ITLRecovery/test10/1, RSA-2048, can be exported", "Security password: set 2014-02-26",
	  "office, away", "Backup:            good", "9123 bytes, envelope, route token-cbc, security password 2",
	  "  yes     ITLRecovery/test10/1"}},
	{BACKUPS(KEY("true"), "{\"set\":true,\"number\":2,\"set_at\":1393439067}", "of an older password",
		 BACKUP("1", "\"gone \\u001b[2J\"")), 1,
	 {"sealed: never leaves its token again", "number 2, set 2014-02-26",
	  "of an older password", "last check: gone ?[2J"}},
	{BACKUPS(KEY("false"), SET, "",
		 BACKUP("7", "null") "," BACKUP("6", "null") "," BACKUP("5", "null") ","
		 BACKUP("4", "null") "," BACKUP("3", "null") "," BACKUP("2", "null") ","
		 BACKUP("1", "null")), 5,
	 {"and 2 older ones: --json shows all"}},
	{BACKUPS("null", "{\"set\":false,\"set_at\":0}", "nothing was made yet", ""), 0,
	 {"none; itlctl cluster init makes it", "not set; itlctl set password user security"}},
	{"{\"result\":{\"key\":null,\"security\":" SET ",\"good\":false,\"why\":\"\","
	 "\"vaults\":[],\"backups\":[],\"error\":\"the token is away\"}}", 0,
	 {"Recovery key:      not known now\n    error: the token is away", "none in vault.conf",
	  "none that counts"}},
};

static void backups_fit_the_page(void **state)
{
	for (size_t i = 0; i < COUNT_OF(backups); i++) {
		const struct reply list[] = {{"backups", {backups[i].answer}}, {0}};
		struct output o;
		void *own;

		(void)state;
		assert_int_equal(world_setup(&own), 0);
		world_open(own, list);
		o = world_run(own, "show backup");
		assert_int_equal(o.code, 0);
		for (size_t k = 0; k < COUNT_OF(backups[i].seen) && backups[i].seen[k]; k++)
			assert_non_null(strstr(o.out, backups[i].seen[k]));
		assert_int_equal(count(o.out, FAKE_NEWEST), backups[i].shown);
		check_width(o.out);
		output_clear(&o);
		o = world_run(own, "show backup --json");
		assert_true(!strncmp(o.out, "{\"result\":{\"key\":", 17));
		output_clear(&o);
		world_teardown(&own);
	}
}

static void alerts_fit_the_page(void **state)
{
	static const struct reply list[] = {
		{"alerts",
		 {"{\"result\":{\"alerts\":[{\"name\":\"RecoveryKeyBackup\",\"severity\":1,"
		  "\"text\":\"The recovery key has no backup that counts, so that phones could never be recovered if its token were lost; make one\","
		  "\"since\":1393439067,\"sent\":1393525467,\"times\":3}],"
		  "\"syslog\":null,\"mail\":{\"rc\":\"refused\",\"op\":\"mail\",\"what\":\"smtp://far\",\"why\":\"no login\",\"name\":\"\",\"code\":0,\"hint\":\"\"}}}"}},
		{0}};
	struct output o;

	world_open(*state, list);
	o = world_run(*state, "show alerts");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "RecoveryKeyBackup                              alert      2014-02-26"));
	assert_non_null(strstr(o.out, "    The recovery key has no backup"));
	assert_non_null(strstr(o.out, "    mail failed: mail on smtp://far: no login"));
	assert_null(strstr(o.out, "syslog failed"));
	check_width(o.out);
	output_clear(&o);
}

static void no_alerts_are_no_alerts(void **state)
{
	static const struct reply none[] = {{"alerts", {"{\"result\":{\"alerts\":[]}}"}}, {0}};
	struct output o;

	world_open(*state, none);
	o = world_run(*state, "show alerts");
	assert_string_equal(o.out, "No alerts.\n");
	output_clear(&o);
	o = world_run(*state, "show alerts --json");
	assert_string_equal(o.out, "{\"result\":{\"alerts\":[]}}\n");
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backups_fit_the_page),
		IN_WORLD(alerts_fit_the_page),
		IN_WORLD(no_alerts_are_no_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
