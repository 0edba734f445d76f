/* Which alerts stand, and when they are due: tables, and no clock. */
#include "support/support.h"

#include "alerts.h"
#include "backups.h"
#include "send.h"
#include <string.h>

#define DAY 86400
#define NOW 1700000000

static char host1[] = "test10pub", host2[] = "test10sub", name[] = "test10",
	    publisher[] = "n1";
static const struct cluster cluster = {
	.name = name, .publisher = publisher, .nnodes = 2,
	.nodes = {{.id = "n1", .host = host1, .tftp = true},
		  {.id = "n2", .host = host2, .tftp = true}},
};

static void test_certificates(void **state)
{
	static const struct {
		int64_t left;
		const char *kind; /* NULL: none */
		int severity;
		enum alert_pace pace;
	} rows[] = {
		{1000 * DAY, NULL, 0, 0},
		{90 * DAY + 1, NULL, 0, 0},
		{90 * DAY, "CertExpiryApproaching", 5, ALERT_ONCE},
		{30 * DAY + 1, "CertExpiryApproaching", 5, ALERT_ONCE},
		{30 * DAY, "CertValidLessThanAMonth", 4, ALERT_ONCE},
		{7 * DAY + 1, "CertValidLessThanAMonth", 4, ALERT_ONCE},
		{7 * DAY, "CertValidLessThanAWeek", 3, ALERT_DAILY},
		{DAY + 1, "CertValidLessThanAWeek", 3, ALERT_DAILY},
		{DAY, "CertValidLessThanADay", 1, ALERT_HOURLY},
		{1, "CertValidLessThanADay", 1, ALERT_HOURLY},
		{0, "CertExpired", 0, ALERT_HOURLY},
		{-1000 * DAY, "CertExpired", 0, ALERT_HOURLY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_cert c = {{UNIT_TVS, "n2", 3}, NOW + rows[i].left};
		struct alert_facts f = {.cluster = &cluster, .now = NOW,
					.backup = ALERT_BACKUP_GOOD, .certs = &c,
					.ncerts = 1};
		struct alert a[2 + 1];
		char whole[100];

		assert_int_equal(alerts_max(&f), 3);
		assert_int_equal(alerts_stand(&f, a), rows[i].kind != NULL);
		if (!rows[i].kind)
			continue;
		snprintf(whole, sizeof whole, "%s/TVS/n2/3", rows[i].kind);
		assert_string_equal(a[0].name, whole);
		assert_int_equal(a[0].kind->severity, rows[i].severity);
		assert_int_equal(a[0].kind->pace, rows[i].pace);
		assert_string_equal(a[0].host, "test10sub");
	}
}

/* Not at once, and not while it answers. */
static void test_tvs(void **state)
{
	static const struct {
		int64_t since;
		enum rc rc;
		bool stands;
	} rows[] = {
		{NOW - 300, RC_STALE, true}, {NOW - 299, RC_STALE, false},
		{NOW - 300, RC_OK, false},   {NOW + DAY, RC_STALE, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = {.rc = rows[i].rc, .why = "nobody answers there"};
		struct alert_tvs t = {"n2", "test10sub", rows[i].since, &e};
		struct alert_facts f = {.cluster = &cluster, .now = NOW,
					.backup = ALERT_BACKUP_GOOD, .tvs = &t, .ntvs = 1};
		struct alert a[2 + 1];

		assert_int_equal(alerts_max(&f), 3);
		assert_int_equal(alerts_stand(&f, a), rows[i].stands);
		if (!rows[i].stands)
			continue;
		assert_string_equal(a[0].name, "TVSNotAnswering/n2");
		assert_string_equal(a[0].host, "test10sub");
		assert_int_equal(a[0].kind->severity, 3);
		assert_non_null(strstr(a[0].text, "TVS of test10sub: "));
		assert_non_null(strstr(a[0].text, "nobody answers there"));
	}
}

/* Whose certificate it is: a node's, the cluster's, one of a node that has gone. */
static void test_hosts(void **state)
{
	static const struct {
		enum unit unit;
		const char *node, *host;
	} rows[] = {{UNIT_CALLMANAGER, "n1", "test10pub"},
		    {UNIT_TVS, "n2", "test10sub"},
		    {UNIT_CAPF, "test10", "test10pub"},
		    {UNIT_TVS, "n9", "n9"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_cert c = {.label = {.unit = rows[i].unit, .generation = 1},
				       .not_after = NOW};
		struct alert_facts f = {.cluster = &cluster, .now = NOW,
					.backup = ALERT_BACKUP_GOOD, .certs = &c,
					.ncerts = 1};
		struct alert a[2];

		snprintf(c.label.node, sizeof c.label.node, "%s", rows[i].node);
		assert_int_equal(alerts_stand(&f, a), 1);
		assert_string_equal(a[0].host, rows[i].host);
	}
}

/* As real syslog has it. */
static void test_line(void **state)
{
	struct alert_cert c = {{UNIT_CALLMANAGER, "n1", 1}, NOW};
	struct alert_facts f = {.cluster = &cluster, .now = NOW + 1,
				.backup = ALERT_BACKUP_GOOD, .certs = &c, .ncerts = 1};
	struct alert a[2];
	char line[ALERT_LINE_MAX];

	(void)state;
	assert_int_equal(alerts_stand(&f, a), 1);
	assert_string_equal(alert_line(a, "test10", line),
			    "%UC_CERT-0-CertExpired: %[Message=Certificate expiration Notification. "
			    "Certificate name:CallManager.der Unit:CallManager Type:own-cert "
			    "Expiration:Tue Nov 14 22:13:20 UTC 2023]"
			    "[AppID=Cisco Certificate Monitor][ClusterID=test10][NodeID=test10pub]: "
			    "Certificate has Expired and needs to be changed at the earliest");
}

/* The backup's alert, and the vaults': with words that could break a line. */
static void test_others(void **state)
{
	static const struct {
		enum alert_backup backup;
		const char *why, *stood, *text;
	} rows[] = {
		{ALERT_BACKUP_GOOD, "", NULL, NULL},
		{ALERT_BACKUP_GOOD, "", "stood before", NULL},
		{ALERT_BACKUP_MISSING, "never", NULL, "never"},
		{ALERT_BACKUP_MISSING, "now [so]\n", "before", "now [so]?"},
		{ALERT_BACKUP_UNKNOWN, "keyd is away", NULL, NULL},
		{ALERT_BACKUP_UNKNOWN, "keyd is away", "before", "before"},
	};
	struct err bad, good = {0};
	const struct alert_vault vaults[] = {{"one", &good}, {"two", &bad}};
	char line[ALERT_LINE_MAX];
	struct alert a[3];

	(void)state;
	err_set(&bad, RC_STALE, "connect", "[::1] is\302\233 down", "wait", "sftp");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_facts f = {.cluster = &cluster, .now = NOW,
					.backup = rows[i].backup, .why = rows[i].why,
					.stood = rows[i].stood, .vaults = vaults,
					.nvaults = 2};
		size_t n = alerts_stand(&f, a);

		assert_int_equal(n, rows[i].text ? 2 : 1);
		if (rows[i].text) {
			assert_string_equal(a[0].name, alert_backup_name);
			assert_string_equal(a[0].text, rows[i].text);
			assert_int_equal(a[0].kind->pace, ALERT_DAILY);
		}
		assert_string_equal(a[n - 1].name, "ITLRecoveryVaultCheck/two");
		assert_string_equal(a[n - 1].text,
				    "vault two: connect on sftp: [::1] is?? down; wait");
		/* In the line they must not end the brackets. */
		assert_non_null(strstr(alert_line(&a[n - 1], "c", line), "sftp: (::1) is?? down; wait][AppID="));
	}
}

/* A day or an hour by either clock; once; and never silent. */
static void test_due(void **state)
{
	static const struct {
		enum alert_pace pace;
		int64_t sent, now;
		double sent_mono, now_mono;
		bool due;
	} rows[] = {
		{ALERT_ONCE, 0, NOW, -1, 5, true},
		{ALERT_ONCE, NOW, NOW, 5, 5, false},
		{ALERT_ONCE, NOW, NOW + 1000 * DAY, 5, 1000.0 * DAY, false},
		{ALERT_ONCE, NOW, NOW - 1, 5, 6, true}, /* set back */
		{ALERT_DAILY, 0, NOW, -1, 5, true},
		{ALERT_DAILY, NOW, NOW + DAY - 1, 5, 4.0 + DAY, false},
		{ALERT_DAILY, NOW, NOW + DAY, 5, 6, true},  /* set forward */
		{ALERT_DAILY, NOW, NOW, 5, 5.0 + DAY, true}, /* set back by a day */
		{ALERT_DAILY, NOW, NOW + 1, 5, 5.0 + DAY, true},
		{ALERT_DAILY, NOW, NOW - 1, 5, 6, true},
		{ALERT_DAILY, NOW, NOW - 1, -1, 6, true},     /* and restarted */
		{ALERT_DAILY, NOW, NOW + DAY - 1, -1, 9.0 * DAY, false}, /* restarted */
		{ALERT_DAILY, NOW, NOW + DAY, -1, 6, true},
		{ALERT_HOURLY, NOW, NOW + 3599, 5, 3604, false},
		{ALERT_HOURLY, NOW, NOW + 3600, 5, 6, true},
		{ALERT_HOURLY, NOW, NOW, 5, 3605, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct moment sent = {rows[i].sent, rows[i].sent_mono};
		const struct moment now = {rows[i].now, rows[i].now_mono};

		print_message("row %zu\n", i);
		assert_int_equal(alert_due(rows[i].pace, &sent, &now), rows[i].due);
	}
}

/* ---- backups: which count, and what is said if none does ---- */


static void test_backups(void **state)
{
	static const struct {
		bool known, has_key, sealed;
		uint32_t security;
		size_t n;
		struct {
			uint8_t key;
			uint32_t security;
			enum rc rc;
			bool before; /* proved before the password was set */
		} backups[2];
		size_t count; /* how many count */
		const char *says[2];
	} rows[] = {
		{true, true, false, 2, 1, {{7, 2, 0, false}}, 1, {"", ""}},
		{true, true, true, 2, 1, {{7, 2, 0, false}}, 1, {"", ""}},
		{true, true, false, 2, 2, {{7, 1, 0, false}, {7, 2, 0, false}}, 1, {"", ""}},
		{true, true, false, 2, 0, {{0}}, 0, {"never backed up", "itlvault backup"}},
		{true, true, false, 2, 1, {{6, 2, 0, false}}, 0, {"older recovery key", "itlvault backup"}},
		{true, true, false, 2, 1, {{7, 1, 0, false}}, 0, {"password has changed", "itlvault backup"}},
		/* keyd lost its state, and counts anew */
		{true, true, false, 1, 1, {{7, 1, 0, true}}, 0, {"password has changed", "itlvault backup"}},
		{true, true, false, 2, 1, {{7, 2, RC_NOTFOUND, false}}, 0, {"is gone", "itlvault backup"}},
		{true, true, false, 2, 1, {{7, 2, RC_VERIFY, false}}, 0, {"has changed in the vault", "itlvault backup"}},
		{true, true, false, 0, 0, {{0}}, 0, {"no cluster security password", "set password user security"}},
		{true, true, true, 2, 0, {{0}}, 0, {"never backed up", "sealed"}},
		{true, false, false, 2, 1, {{7, 2, 0, false}}, 0, {"no recovery key yet", "cluster init"}},
		{false, true, false, 2, 1, {{7, 2, 0, false}}, 0, {"keyd cannot be asked", ""}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct backup b[2] = {0};
		struct backup_state st = {.now = 100,
					  .known = rows[i].known,
					  .has_key = rows[i].has_key,
					  .key = {UNIT_ITLRECOVERY, "test10", 1},
					  .key_id = {7},
					  .sealed = rows[i].sealed,
					  .security = rows[i].security,
					  .security_set = 100,
					  .backups = b,
					  .nbackups = rows[i].n};
		size_t count = 0;

		for (size_t k = 0; k < rows[i].n; k++) {
			b[k].key_id[0] = rows[i].backups[k].key;
			b[k].security = rows[i].backups[k].security;
			b[k].proved = rows[i].backups[k].before ? 99 : 100;
			b[k].error.rc = rows[i].backups[k].rc;
			count += backup_counts(&st, &b[k]);
		}
		backup_judge(&st);
		print_message("row %zu: %s\n", i, st.why);
		assert_int_equal(count, rows[i].count);
		assert_int_equal(st.good, rows[i].count > 0);
		assert_int_equal(st.why[0] == '\0', st.good);
		assert_non_null(strstr(st.why, rows[i].says[0]));
		assert_non_null(strstr(st.why, rows[i].says[1]));
	}
}

/* For how long one counts that was proved, or found, so many days ago. */
static void test_forgotten(void **state)
{
	static const struct {
		int64_t proved, checked; /* 0: never checked */
		bool counts;
	} rows[] = {{0, 0, true},   {30, 0, true},  {31, 0, false}, {50, 30, true},
		    {50, 31, false}, {5, 50, true}, {-1, 0, true}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const int64_t proved = NOW - rows[i].proved * DAY,
			      checked = NOW - rows[i].checked * DAY;
		/* Newer, but gone; it needs a new backup, and the other only a look. */
		struct backup b[] = {{.error.rc = RC_NOTFOUND, .proved = NOW},
				     {.proved = proved,
				      .checked = rows[i].checked ? checked : 0}};
		struct backup_state st = {.now = NOW, .known = true, .has_key = true,
					  .sealed = true, .backups = b, .nbackups = 2};

		print_message("row %zu\n", i);
		assert_false(backup_counts(&st, &b[0]));
		assert_int_equal(backup_counts(&st, &b[1]), rows[i].counts);
		backup_judge(&st);
		assert_int_equal(st.good, rows[i].counts);
		if (st.good)
			continue;
		assert_non_null(strstr(st.why, "neither proved nor checked for 30 days"));
		assert_non_null(strstr(st.why, "itlvault verify"));
	}
}

/* The vault's own order: by name, of those that it would list. */
static void test_newest(void **state)
{
	const struct backup b[] = {
		{.vault = "/a", .name = "ITLRecovery.p12"},
		{.vault = "/a", .name = "ITLRecovery-41-20240102T000000Z.envelope"},
		{.vault = "/b", .name = "ITLRecovery-41-20260101T000000Z.envelope"},
		{.vault = "/a", .name = "ITLRecovery-40-20250101T000000Z.p12"},
		{.vault = "/a", .name = "ITLRecovery-42-20240101T000000Z.envelope"},
		{.vault = "/b", .name = "ITLRecovery-42-20260101T000000Z.envelope"},
		{.vault = "/b", .name = "ITLRecovery-40-20260101T000000Z.envelope"},
	};

	(void)state;
	assert_ptr_equal(backup_newest(b, 7, "/a"), &b[3]);
	assert_ptr_equal(backup_newest(b, 5, "/b"), &b[2]);
	assert_ptr_equal(backup_newest(b, 7, "/b"), &b[5]);
	assert_null(backup_newest(b, 1, "/a"));
	assert_null(backup_newest(b, 5, "/c"));
	assert_null(backup_newest(NULL, 0, "/a"));
}

/* Words of servers come into a message: a line stays one, and adds no header. */
static void test_mail_text(void **state)
{
	static const char *const lines[] = {"one\r\nBcc: x@y", ".",
					    "three\302\233\303\244"};
	const struct front_conf conf = {.mail_from = (char *)(uintptr_t)"a@b",
					.mail_to = (char *)(uintptr_t)"c@d"};
	const struct mail m = {&conf, "test10", "test10pub", NOW,
			       "subject\nBcc: x@y", lines, 3};
	char CLEANUP_FREE *text = mail_text(&m);
	const char *body;

	(void)state;
	assert_memory_equal(text, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n", 39);
	assert_non_null(strstr(text, "\r\nSubject: [itlkeeper test10] subject?Bcc: x@y\r\n"));
	assert_null(strstr(text, "\nBcc"));
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	assert_string_equal(body + 4, "one??Bcc: x@y\r\n.\r\nthree?\303\244\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tvs),
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_line),	     cmocka_unit_test(test_others),
		cmocka_unit_test(test_due),	     cmocka_unit_test(test_backups),
		cmocka_unit_test(test_forgotten),    cmocka_unit_test(test_newest),
		cmocka_unit_test(test_mail_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
