/* key incomplete and key tidy, against a log and halves of the test's own. */
#include "support/support.h"
#include "audit/audit.h"
#include "base/file.h"
#include "base/hex.h"
#include "door.h"
#include "fakehalves.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add(const char *label, unsigned have, const char *lack, bool waits)
{
	struct keyd_half *h = &fake_halves.p[fake_halves.n++];

	*h = (struct keyd_half){.have = have, .waits = waits};
	strcpy(h->label, label);
	strcpy(h->lack, lack);
	memset(h->id, (int)(0xa0 + fake_halves.n), sizeof h->id);
}

static int setup(void **state)
{
	fake_halves = (struct fake_halves){.n = 0};
	add("TVS/n1/2", KEYD_PART_PUBLIC, "a private key", false);
	add("CallManager/n2/3", KEYD_PART_PRIVATE | KEYD_PART_PUBLIC, "a certificate",
	    false);
	add("CAPF/lab/2", KEYD_PART_PRIVATE | KEYD_PART_PUBLIC, "a certificate", true);
	return world_setup(state);
}

struct logged {
	const char *event, *key;
	unsigned id; /* as add() made them; 0: none */
	const char *rc;
};

static void put_log(const struct world *w, const char *name, const char *log, size_t n)
{
	char path[512];
	struct err e;

	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd", &e), &e);
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	assert_ok(file_path(path, sizeof path, w->dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of(log, n), 0644, &e), &e);
}

/* An audit log of these lines, a minute apart, in audit.log; the first `older` of
 * them in the file before it. */
static void logs_of(const struct world *w, const struct logged *lines, size_t n,
		    size_t older)
{
	char log[8 * AUDIT_LINE_MAX], name[64], detail[64], hex[33];
	struct audit_chain chain;
	size_t len = 0, begin = 0;

	audit_chain_start(&chain);
	for (size_t i = 0; i < n; i++) {
		uint8_t id[16];
		struct audit_entry entry = {.time = 1393439067 + 60 * (int64_t)i,
					    .who = "front", .event = lines[i].event,
					    .key = lines[i].key, .detail = detail,
					    .rc = lines[i].rc};

		memset(id, (int)(0xa0 + lines[i].id), sizeof id);
		(void)snprintf(detail, sizeof detail, "id=%s",
			       lines[i].id ? hex_of(bytes_of(id, 16), hex, sizeof hex)
					   : "none");
		len += audit_format(&chain, &entry, log + len);
		if (i + 1 == older) {
			(void)snprintf(name, sizeof name, "state/keyd/audit.log.%zu", older);
			put_log(w, name, log, len);
			begin = len;
		}
	}
	put_log(w, "state/keyd/audit.log", log + begin, len - begin);
}

static void log_of(const struct world *w, const struct logged *lines, size_t n)
{
	logs_of(w, lines, n, 0);
}

static void expect(struct world *w, const char *line, int code, const char *text)
{
	struct output o = world_run(w, line);

	if (o.code != code || !strstr(code ? o.err : o.out, text))
		fail_msg("%s: %d\n%s\n%s", line, o.code, o.out, o.err);
	output_clear(&o);
}

static void they_are_named(void **state)
{
	struct world *w = *state;
	static const struct logged lines[] = {{"generate-begin", "TVS/n1/2", 1, "ok"}};
	struct output o = world_run(w, "key incomplete");

	assert_int_equal(o.code, 0); /* without a log */
	assert_non_null(strstr(o.out, "TVS/n1/2\n    id:    a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n"
				      "    has:   public key\n    lacks: a private key\n"
				      "    since: unknown\n"));
	assert_non_null(strstr(o.out, "has:   private key, public key"));
	assert_non_null(strstr(o.out, "It waits for its certificate."));
	assert_non_null(strstr(o.out, "It may have been a complete key once"));
	assert_non_null(strstr(o.out, "state/keyd: No such file"));
	output_clear(&o);
	expect(w, "key incomplete --json", 0, "\"since\":null,\"waits\":false,\"was_key\":null");
	log_of(w, lines, 1);
	expect(w, "key incomplete", 0, "since: 2014-02-26");
	expect(w, "key incomplete --json", 0,
	       "\"has\":[\"public\"],\"lacks\":\"a private key\",\"since\":1393439067,"
	       "\"waits\":false,\"was_key\":false");
	fake_halves.n = 0;
	expect(w, "key incomplete", 0, "Nothing is incomplete.");
	expect(w, "key incomplete --json", 0, "\"incomplete\":[]");
	expect(w, "key tidy", 0, "Nothing is incomplete.");
}

static void they_are_removed(void **state)
{
	static const char *const once[] = {"y", PASSWORD, "n", NULL};
	static const struct logged lines[] = {{"start", "", 0, "ok"}};
	struct world *w = *state;
	struct output o;

	log_of(w, lines, 1);
	expect(w, "key tidy --yes", 0, "Removed: TVS/n1/2 (public key)");
	assert_string_equal(fake_halves.removed, "TVS/n1/2 CallManager/n2/3 ");
	fake_halves.removed[0] = '\0';
	expect(w, "key tidy --yes --json CallManager/n2/3", 0, "\"removed\":[{\"label\":\"CallManager/n2/3\"");
	expect(w, "key tidy --yes a1a1a1a1", 0, "TVS");
	assert_string_equal(fake_halves.removed, "CallManager/n2/3 TVS/n1/2 ");
	expect(w, "key tidy --yes a1a1a1", 1, "nothing incomplete");
	expect(w, "key tidy --yes CallManager/n2/1", 1, "nothing incomplete");
	fake_halves.removed[0] = '\0';
	o = world_talk(w, "key tidy", once);
	assert_int_equal(o.code, 0);
	assert_string_equal(fake_halves.removed, "TVS/n1/2 ");
	assert_non_null(strstr(o.out, "Kept: CAPF/lab/2: waits"));
	output_clear(&o);
}

static void what_waits_or_was_a_key_stays(void **state)
{
	/* Of two tries the second one became the key, and then lost a part. */
	static const struct logged lines[] = {
		{"generate-begin", "CallManager/n2/3", 1, "ok"},
		{"generate-begin", "CallManager/n2/3", 2, "ok"},
		{"generate", "CallManager/n2/3", 0, "ok"},
	};
	/* This one failed, and another generation followed. */
	static const struct logged failed[] = {
		{"generate-begin", "CallManager/n2/3", 2, "ok"},
		{"generate", "CallManager/n2/3", 0, "token"},
		{"generate-begin", "CallManager/n2/3", 1, "ok"},
		{"generate", "CallManager/n2/3", 0, "ok"},
	};
	struct world *w = *state;

	log_of(w, lines, 3);
	expect(w, "key tidy --yes CAPF/lab/2", 3, "waits for its certificate");
	/* all are not meant: by name it is given up */
	expect(w, "key tidy --yes --force", 0, "Kept: CAPF/lab/2: waits");
	fake_halves.removed[0] = '\0';
	expect(w, "key tidy --yes --force CAPF/lab/2", 0, "Removed: CAPF/lab/2");
	assert_string_equal(fake_halves.removed, "CAPF/lab/2 ");
	fake_halves.removed[0] = '\0';
	expect(w, "key incomplete", 0, "It was a complete key once");
	expect(w, "key tidy --yes CallManager/n2/3", 3, "n2/3: was a complete key once");
	expect(w, "key tidy --yes", 0, "Kept: CallManager/n2/3: was a complete key");
	assert_string_equal(fake_halves.removed, "TVS/n1/2 ");
	expect(w, "key tidy --yes --force CallManager/n2/3", 0, "Removed");
	log_of(w, failed, 4);
	fake_halves.removed[0] = '\0';
	expect(w, "key tidy --yes CallManager/n2/3", 0, "Removed");
}

/* Rotated logs count, and what the log cannot tell is not removed. */
static void the_log_must_tell(void **state)
{
	static const struct logged lines[] = {
		{"generate-begin", "CallManager/n2/3", 2, "ok"},
		{"generate", "CallManager/n2/3", 0, "ok"},
		{"generate-begin", "TVS/n1/2", 1, "ok"},
		{"stop", "", 0, "ok"},
	};
	struct world *w = *state;
	char path[512];
	struct err e;

	expect(w, "key tidy --yes TVS/n1/2", 3, "nobody but the audit log can tell");
	expect(w, "key tidy --yes", 3, "state/keyd: ");
	assert_string_equal(fake_halves.removed, "");
	logs_of(w, lines, 4, 2);
	expect(w, "key tidy --yes CallManager/n2/3", 3, "n2/3: was a complete key once");
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd/audit.log.2", &e), &e);
	assert_int_equal(unlink(path), 0);
	/* what began in the older file ended in the next */
	logs_of(w, lines, 4, 1);
	expect(w, "key tidy --yes CallManager/n2/3", 3, "n2/3: was a complete key once");
	/* without the older file */
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd/audit.log.1", &e), &e);
	assert_int_equal(unlink(path), 0);
	expect(w, "key tidy --yes CallManager/n2/3", 3, "give the older files too");
	put_log(w, "state/keyd/audit.log", "{}\n", 3);
	expect(w, "key tidy --yes", 3, "nobody but the audit log can tell");
	expect(w, "key tidy --yes --force CallManager/n2/3", 0, "Removed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_are_named, setup, world_teardown),
		cmocka_unit_test_setup_teardown(they_are_removed, setup, world_teardown),
		cmocka_unit_test_setup_teardown(the_log_must_tell, setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_waits_or_was_a_key_stays, setup,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
