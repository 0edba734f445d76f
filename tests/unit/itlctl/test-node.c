/* Nodes come, go, and change: what itlctl writes, refuses, and waits for. */
#include "support/support.h"
#include "door.h"
#include "base/confedit.h"
#include "base/file.h"
#include "base/num.h"
#include "cluster/cluster.h"
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static char *conf(const struct world *w)
{
	uint8_t *text = NULL;
	char path[512];
	struct err e;
	size_t n;

	assert_ok(file_path(path, sizeof path, w->dir, "cluster.conf", &e), &e);
	assert_ok(file_read(path, 1 << 16, &text, &n, &e), &e);
	return (char *)text;
}

#define SAFE {"conf-check", {"{\"result\":{\"locks\":null,\"finding\":\"\"}}"}}
#define LOCKS                                                                  \
	{"conf-check", {"{\"result\":{\"locks\":{\"rc\":\"refused\",\"op\":\"conf-check\"," \
			"\"what\":\"test10sub2\",\"why\":\"its phones would be locked\"," \
			"\"name\":\"\",\"code\":0," \
			"\"hint\":\"first `utils itl reset localkey`\"}," \
			"\"finding\":\"phones=present node=n3 list=aa verdict=locked\"}}"}}
#define IDLE                                                                   \
	{"status", {"{\"result\":{\"config\":\"none\",\"op\":null,\"keyd\":{},\"nodes\":[]}}"}}

static const struct reply idle[] = {IDLE, SAFE, {0}};
static const struct reply locking[] = {IDLE, LOCKS, {0}};
static const struct reply unable[] = {
	IDLE,
	{"conf-check", {"{\"error\":{\"rc\":\"token\",\"op\":\"keys\",\"what\":\"the token\","
			"\"why\":\"it does not answer\",\"name\":\"\",\"code\":0,\"hint\":\"\"}}"}},
	{0},
};

static const struct reply busy[] = {
	{"status", {"{\"result\":{\"config\":\"none\",\"op\":{\"id\":7,\"kind\":\"reset\","
		    "\"who\":\"alice (uid 1000)\",\"started\":1393439067},\"keyd\":{}}}"}},
	SAFE,
	{0},
};

#define ADD "node add n4 --host test10new --address 127.0.0.4 --no-tftp --no-tvs"

/* Refused, and the file is what it was. */
static const struct {
	const char *line;
	int code;
	const char *said;
} refusals[] = {
	{"node add n4", 2, "--host: a node needs it"},
	{"node add n4 --host x --no-tftp", 2, "--address: a node needs it"},
	{"node add n4 --host test10new --address ::4", 2, "a node that serves lists needs it"},
	{"node add n4 --host TEST10SUB --address ::4 --no-tftp", 2, "another node has this name"},
	{"node add N2 --host x --address ::4 --no-tftp", 2, "differs in case alone"},
	{"node add remove --host x --address ::4 --no-tftp", 2, "is a word of the command `node`"},
	{"node add n4 --host list --address ::4 --no-tftp", 2, "is a word of the command `node`"},
	{"node add bad] --host x --address ::4 --no-tftp", 2, "is no name"},
	{"node add n4 --host x --address ::4 --no-tftp colour=red", 2, "colour: unknown key"},
	{"node add n4 --host x --address ::4 --no-tftp =red", 2, "is no KEY=VALUE"},
	{"node add n4 --host x --address ::4 --no-tftp host=y", 2, "itlctl node rename"},
	{"node add n2 --host other --address ::4", 3, "there is such a node, with other values"},
	{"node remove n1", 3, "it is the publisher"},
	{"node remove n9", 1, "no such node"},
	{"node rename n2", 2, "the new name is missing"},
	{"node rename n2 --host test10pub", 2, "another node has this name"},
	{"node rename n2 --host set", 2, "is a word of the command `node`"},
	{"node set n2 tftp=maybe", 2, "must be yes or no"},
	{"node set n1 tftp=no", 2, "must serve lists"},
	{"cluster publisher n9", 1, "no such node"},
	{"cluster publisher n2", 3, "no CallManager key of this node"},
	{"cluster policy nobody", 2, "none of the values"},
	{"cluster domain .x", 2, "is no domain"},
};

static void refused(void **state)
{
	struct world *w = *state;
	char *before = conf(w);

	world_open(w, idle);
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		struct output o = world_run(w, refusals[i].line);
		char *after = conf(w);

		print_message("  %s: %s", refusals[i].line, o.err);
		assert_non_null(strstr(o.err, refusals[i].said));
		assert_int_equal(o.code, refusals[i].code);
		assert_string_equal(after, before);
		free(after);
		output_clear(&o);
	}
	free(before);
}

static void refused_while_an_operation_runs(void **state)
{
	struct world *w = *state;
	char *before = conf(w), *after;
	struct output o;

	world_open(w, busy);
	o = world_run(w, "node remove n3 --force");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "reset of alice (uid 1000) runs since 2014-02-26"));
	after = conf(w);
	assert_string_equal(after, before);
	free(before);
	free(after);
	output_clear(&o);
}

static void one_at_a_time(void **state)
{
	struct world *w = *state;
	int CLEANUP(fd_close) fd = open(w->dir, O_RDONLY | O_DIRECTORY);
	struct output o;

	world_open(w, idle);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	o = world_run(w, "node remove n3");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "another itlctl changes cluster.conf"));
	output_clear(&o);
}

static void root_alone(void **state)
{
	struct world *w = *state;
	struct output o;

	if (geteuid() != 0)
		skip();
	world_open(w, idle);
	assert_int_equal(chmod(w->dir, 0777), 0);
	char path[512];

	(void)snprintf(path, sizeof path, "%s/cluster.conf", w->dir);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(seteuid(65534), 0);
	o = world_run(w, "cluster policy itlrecovery");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "belongs to root, who alone changes it"));
	output_clear(&o);
}

static void a_link_is_not_replaced(void **state)
{
	struct world *w = *state;
	char path[512], real[512];
	struct output o;
	struct stat st;

	world_open(w, idle);
	(void)snprintf(path, sizeof path, "%s/cluster.conf", w->dir);
	(void)snprintf(real, sizeof real, "%s/real.conf", w->dir);
	assert_int_equal(rename(path, real), 0);
	assert_int_equal(symlink("real.conf", path), 0);
	o = world_run(w, "cluster policy itlrecovery");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "change the file that it names"));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	output_clear(&o);
}

/* A dry run's JSON has the lines; the first change names the recovery certificate. */
static void dry_runs(void **state)
{
	static const struct {
		const char *line, *added, *removed;
	} rows[] = {
		{ADD, "+[node n4]\n+host = test10new\n+address = 127.0.0.4\n+tftp = no\n+tvs = no\n", NULL},
		{"node remove n3", NULL, "-[node n3]\n-host = test10sub2\n"},
		{"node rename n1 --host new", "+host = new\n", "-host = test10pub\n"},
		{"node set test10sub tvs=no", "+tvs = no\n", NULL},
		{"cluster policy itlrecovery", "+policy = itlrecovery\n", NULL},
		{"cluster domain x.lab", "+domain = x.lab\n", "-domain = joemar2.lab\n"},
	};
	struct world *w = *state;
	char *before = conf(w);

	world_open(w, idle);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char line[300];
		struct output o;
		const char *diff;
		json_t *all, *j;
		char *after;

		print_message("  %s\n", rows[i].line);
		(void)snprintf(line, sizeof line, "%s --dry-run --json", rows[i].line);
		o = world_run(w, line);
		assert_int_equal(o.code, 0);
		all = json_loads(o.out, 0, NULL);
		j = json_object_get(all, "result");
		assert_true(json_is_true(json_object_get(j, "changed")));
		assert_true(json_is_null(json_object_get(j, "locks")));
		diff = json_string_value(json_object_get(j, "diff"));
		assert_true(!rows[i].added || strstr(diff, rows[i].added));
		assert_true(!rows[i].removed || strstr(diff, rows[i].removed));
		assert_non_null(strstr(diff, "+recovery-host = test10pub.joemar2.lab\n"));
		after = conf(w);
		assert_string_equal(after, before);
		free(after);
		json_decref(all);
		output_clear(&o);
	}
	free(before);
}

/* ---- what would lock phones ---- */

static void assert_conf(const struct world *w, const char *text)
{
	char *now = conf(w);

	assert_string_equal(now, text);
	free(now);
}

/* The candidate is there while front is asked, and gone afterwards. */
static void assert_no_candidate(const struct world *w)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/" CLUSTER_NEXT_FILE, w->dir);
	assert_int_equal(stat(path, &st), -1);
}

static void what_locks_is_refused(void **state)
{
	static const char *const lines[] = {
		"node remove n3", "node rename n2 --host other", "node set n2 tvs=no",
		"cluster policy itlrecovery", "cluster domain x.lab", ADD,
	};
	struct world *w = *state;
	char *before = conf(w);

	world_open(w, locking);
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct output o = world_run(w, lines[i]);

		print_message("  %s: %s", lines[i], o.err);
		assert_int_equal(o.code, 3);
		assert_non_null(strstr(o.err, "test10sub2: its phones would be locked"));
		assert_non_null(strstr(o.err, "first `utils itl reset localkey`"));
		assert_null(strstr(o.err, "conf-check"));
		assert_conf(w, before);
		output_clear(&o);
	}
	assert_no_candidate(w);
	assert_string_equal(keyd_seen.override, "");
	free(before);
}

static void a_dry_run_says_the_verdict(void **state)
{
	struct world *w = *state;
	char *before = conf(w);
	struct output o;

	world_open(w, locking);
	o = world_run(w, "node remove n3 --dry-run --force");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "-[node n3]"));
	assert_non_null(strstr(o.out, "Refused without --force: node remove"));
	output_clear(&o);
	o = world_run(w, "node remove n3 --dry-run --json");
	assert_non_null(strstr(o.out, "\"why\":\"its phones would be locked\""));
	output_clear(&o);
	assert_conf(w, before);
	assert_string_equal(keyd_seen.override, "");
	free(before);
}

static void front_that_cannot_tell(void **state)
{
	struct world *w = *state;
	char *before = conf(w);
	struct output o;

	world_open(w, unable);
	o = world_run(w, "node remove n3");
	assert_int_equal(o.code, 4);
	assert_non_null(strstr(o.err, "the token: whether it would lock phones is not known: it does not answer"));
	assert_non_null(strstr(o.err, "--force"));
	assert_conf(w, before);
	output_clear(&o);
	free(before);
}

/* A line that changes the one thing, and what the file will hash to: the door says
 * that it is there. */
static struct cluster *expect(struct world *w, const char *section, const char *key,
			      const char *value, char **text)
{
	char *before = conf(w), path[512];
	struct cluster *next = NULL;
	struct confedit *edit;
	struct err e;
	size_t n;

	assert_ok(confedit_open("x", bytes_of_text(before), &edit, &e), &e);
	assert_ok(confedit_set(edit, section, key, value, &e), &e);
	assert_ok(confedit_set(edit, "cluster", "recovery-host",
			       "test10pub.joemar2.lab", &e), &e);
	assert_ok(confedit_text(edit, text, &n, &e), &e);
	(void)snprintf(path, sizeof path, "%s/expected", w->dir);
	assert_ok(file_replace(path, bytes_of(*text, n), 0600, &e), &e);
	assert_ok(cluster_read_file(path, &next, &e), &e);
	confedit_free(edit);
	free(before);
	return next;
}

static void answer_with(char status[400], const struct cluster *next)
{
	(void)snprintf(status, 400,
		       "{\"result\":{\"config\":\"%s\",\"op\":null,\"keyd\":{\"config\":\"%s\"}}}",
		       next->sha256, next->sha256);
}

/* Forced: the password, the log, and then the file. */
static void forced(void **state)
{
	struct world *w = *state;
	char *before = conf(w), *text, status[400], noted[300];
	struct cluster *next = expect(w, "cluster", "policy", "itlrecovery", &text);
	struct reply r[] = {{"status", {status}}, LOCKS, {0}};
	struct output o;
	json_t *asked;

	answer_with(status, next);
	world_open(w, r);
	o = world_run(w, "cluster policy itlrecovery --force --password-file %d/wrong");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "is wrong"));
	assert_conf(w, before);
	assert_string_equal(keyd_seen.override, "");
	output_clear(&o);

	o = world_run(w, "cluster policy itlrecovery --force --json");
	assert_int_equal(o.code, 0);
	(void)snprintf(noted, sizeof noted,
		       "op=cluster-policy config=%s phones=present node=n3 list=aa verdict=locked",
		       next->sha256);
	assert_string_equal(keyd_seen.override, noted);
	assert_non_null(strstr(o.out, "\"overrode\":{\"rc\":\"refused\""));
	assert_non_null(strstr(o.err, "Overridden"));
	assert_conf(w, text);
	assert_no_candidate(w);
	output_clear(&o);
	asked = world_request(w, 0);
	assert_string_equal(json_string_value(json_object_get(asked, "do")), "conf-check");
	assert_string_equal(json_string_value(json_object_get(asked, "sha256")),
			    next->sha256);

	/* Nothing is left to change: nothing is asked, nothing overridden. */
	keyd_seen.override[0] = '\0';
	o = world_run(w, "cluster policy itlrecovery --force");
	assert_int_equal(o.code, 0);
	assert_string_equal(keyd_seen.override, "");
	output_clear(&o);
	cluster_free(next);
	free(before);
	free(text);
}

/* Where nothing is locked --force asks for no password. */
static void a_change_is_waited_for(void **state)
{
	struct world *w = *state;
	char *text, status[400], path[512];
	struct cluster *next = expect(w, "node n2", "host", "newname", &text);
	struct reply r[] = {{"status", {status}}, SAFE, {0}};
	struct output o;
	struct stat st;

	answer_with(status, next);
	(void)snprintf(path, sizeof path, "%s/cluster.conf", w->dir);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(chown(path, geteuid(), 12345), 0);
	world_open(w, r);
	o = world_run(w, "node rename n2 --host newname --force");
	assert_int_equal(o.code, 0);
	assert_string_equal(keyd_seen.override, "");
	assert_non_null(strstr(o.out, "take it up ... done"));
	assert_non_null(strstr(o.out, "ITLRECOVERY_test10pub.joemar2.lab, for ever"));
	/* The order of the certificates. */
	const char *tvs = strstr(o.out, "itlctl --node newname set cert regen TVS"),
		   *cm = strstr(o.out, "itlctl --node newname set cert regen CallManager");

	assert_true(tvs && cm && tvs < cm);
	assert_conf(w, text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_gid, 12345);
	free(text);
	cluster_free(next);
	output_clear(&o);
}

static void lists_of_nodes(void **state)
{
	struct world *w = *state;
	struct output o = world_run(w, "node list");

	assert_int_equal(o.code, 0);
	/* The publisher first, though it is not in the file. */
	assert_true(strstr(o.out, "n1 ") < strstr(o.out, "n2 "));
	assert_non_null(strstr(o.out, "test10pub           * 127.0.0.1"));
	output_clear(&o);
	o = world_run(w, "node list --json");
	assert_non_null(strstr(o.out, "\"id\":\"n3\",\"host\":\"test10sub2\""));
	output_clear(&o);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refused),
		TEST(refused_while_an_operation_runs),
		TEST(one_at_a_time),
		TEST(root_alone),
		TEST(a_link_is_not_replaced),
		TEST(dry_runs),
		TEST(what_locks_is_refused),
		TEST(a_dry_run_says_the_verdict),
		TEST(front_that_cannot_tell),
		TEST(forced),
		TEST(a_change_is_waited_for),
		TEST(lists_of_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
