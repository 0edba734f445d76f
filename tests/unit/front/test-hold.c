/* The pause between certificates: what clocks and starts of the machine do to it. And
 * what the state keeps: holds, history, whose phones are to be reset. */
#include "support/support.h"
#include "base/num.h"
#include "hold.h"
#include "store.h"
#include <math.h>
#include <string.h>

#define WALL 1764000000 /* 2025 */

static struct hold_time at(int64_t wall, double mono, const char *boot)
{
	struct hold_time t = {.at = {wall, mono}};

	(void)snprintf(t.boot, sizeof t.boot, "%s", boot);
	return t;
}

static void what_is_left(void **state)
{
	static const struct {
		const char *name;
		int64_t wall; /* then, at mono 1000 of boot a */
		int64_t now_wall;
		double now_mono;
		const char *now_boot;
		unsigned left;
	} rows[] = {
		{"at once", WALL, WALL, 1000, "a", 300},
		{"a part of a second", WALL, WALL, 1000.5, "a", 300},
		{"a minute", WALL, WALL + 60, 1060, "a", 240},
		{"the last second", WALL, WALL + 300, 1299.5, "a", 1},
		{"over", WALL, WALL + 300, 1300, "a", 0},
		{"long over", WALL, WALL + 9999, 10999, "a", 0},
		/* in one boot the wall's clock says nothing */
		{"set forward", WALL, WALL + 86400, 1060, "a", 240},
		{"set back", WALL, WALL - 86400, 1060, "a", 240},
		{"set back, over", WALL, WALL - 86400, 1300, "a", 0},
		{"was never set", 5, WALL, 1060, "a", 240},
		/* after a reboot it is all that there is */
		{"a reboot", WALL, WALL + 100, 20, "b", 200},
		{"a reboot, over", WALL, WALL + 300, 20, "b", 0},
		{"a reboot, just not over", WALL, WALL + 299, 20, "b", 1},
		{"a reboot that took a day", WALL, WALL + 86400, 20, "b", 0},
		{"another machine", WALL, WALL + 100, 9e6, "b", 200},
		/* and where it says what cannot be, the pause begins anew */
		{"a reboot into the past", WALL, WALL - 86400, 20, "b", 300},
		{"a second into the past", WALL, WALL - 1, 9e6, "b", 300},
		{"a reboot without a clock", WALL, 5, 20, "b", 300},
		{"there was no clock", 5, WALL, 20, "b", 300},
		{"nonsense", -WALL, WALL, 20, "b", 300},
		{"less than nothing", INT64_MIN, WALL, 20, "b", 300},
		{"for ever", INT64_MAX, WALL, 20, "b", 300},
		/* a monotonic clock that went back is none of this boot */
		{"a clock that went back", WALL, WALL + 100, 999, "a", 200},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hold_time set = at(rows[i].wall, 1000, "a");
		struct hold_time now = at(rows[i].now_wall, rows[i].now_mono,
					  rows[i].now_boot);

		print_message("%s\n", rows[i].name);
		assert_int_equal(hold_left(&set, &now), rows[i].left);
	}
	struct hold_time no_number = at(WALL, NAN, "a"), now = at(WALL + 1, 1, "a");

	assert_int_equal(hold_left(&no_number, &now), 299);
}

/* Once it is said in this boot's time, the clock on the wall may be set as it likes:
 * it is never for ever, and never more than was left. */
static void an_earlier_boot(void **state)
{
	static const struct {
		int64_t now_wall, ago;
	} rows[] = {{WALL + 100, 100}, {WALL + 86400, 86400}, {WALL - 5, 0}, {5, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hold_time set = at(WALL, 1000, "a");
		struct hold_time now = at(rows[i].now_wall, 20, "b"), again;
		unsigned left;

		assert_true(hold_rebase(&set, &now));
		assert_false(hold_rebase(&set, &now));
		left = hold_left(&set, &now);
		assert_int_equal(left, rows[i].ago < 300 ? 300 - rows[i].ago : 0);
		for (int64_t jump = -WALL; jump <= WALL; jump += WALL) {
			again = at(rows[i].now_wall + jump, 20 + 50, "b");
			assert_int_equal(hold_left(&set, &again),
					 left > 50 ? left - 50 : 0);
			again = at(rows[i].now_wall + jump, 20 + 300, "b");
			assert_int_equal(hold_left(&set, &again), 0);
		}
	}
}

/* ---- the state ---- */

struct place {
	char *dir;
	char path[256];
	struct store *s;
};

static void open_state(struct place *p)
{
	struct err e;

	assert_ok(store_open(p->path, &p->s, &e), &e);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	p->dir = support_tmpdir();
	snprintf(p->path, sizeof p->path, "%s/state.db", p->dir);
	open_state(p);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	store_free(p->s);
	support_tmpdir_remove(p->dir);
	free(p);
	return 0;
}

static void reopen(struct place *p)
{
	store_free(p->s);
	open_state(p);
}

static void put_hold(struct place *p, enum unit unit, const char *node, int64_t wall)
{
	struct hold h = {.unit = unit, .set = at(wall, 0.25, "a boot")};
	struct err e;

	strcpy(h.node, node);
	assert_ok(store_hold_put(p->s, &h, &e), &e);
}

static void holds_are_kept(void **state)
{
	struct place *p = *state;
	struct hold *h = NULL;
	struct err e;
	size_t n = 9;

	assert_ok(store_holds(p->s, &h, &n, &e), &e);
	assert_int_equal(n, 0);
	free(h);
	put_hold(p, UNIT_TVS, "n1", WALL);
	put_hold(p, UNIT_CALLMANAGER, "n1", WALL + 1);
	put_hold(p, UNIT_TVS, "n2", WALL + 2);
	put_hold(p, UNIT_TVS, "n1", WALL + 3); /* anew */
	assert_ok(store_hold_end(p->s, UNIT_TVS, "n2", &e), &e);
	assert_ok(store_hold_end(p->s, UNIT_CAPF, "n2", &e), &e); /* there is none */
	reopen(p);
	assert_ok(store_holds(p->s, &h, &n, &e), &e);
	assert_int_equal(n, 2);
	assert_int_equal(h[0].unit, UNIT_CALLMANAGER);
	assert_int_equal(h[1].unit, UNIT_TVS);
	assert_string_equal(h[1].node, "n1");
	assert_int_equal(h[1].set.at.wall, WALL + 3);
	assert_true(h[1].set.at.mono == 0.25);
	assert_string_equal(h[1].set.boot, "a boot");
	free(h);
}

/* A list whose "SHA-1" is the digit, 40 times. */
static struct list list_of(char digit, enum list_kind kind)
{
	struct list l = {.kind = kind, .node = "n1", .signer = "CallManager/n1/1",
			 .made = 7, .bytes = (uint8_t *)(uintptr_t)"list", .n = 4};

	memset(l.sha1, digit, sizeof l.sha1 - 1);
	return l;
}

static void want(struct place *p, const char *node, char digit, enum list_kind kind,
		 int64_t op)
{
	struct list l = list_of(digit, kind);
	struct err e;

	assert_ok(store_want(p->s, &l, &node, 1, op, &e), &e);
}

static void have(struct place *p, const char *node, char digit)
{
	struct list l = list_of(digit, LIST_ITL);
	struct err e;

	assert_ok(store_have(p->s, node, FILE_ITL, &l, &e), &e);
}

/* "1!2" of node n1: the digits of what is kept, '!' behind what state needs. */
static const char *kept(struct place *p, int64_t since)
{
	static char text[64];
	struct kept *k = NULL;
	size_t n = 0, at_ = 0;
	struct err e;

	assert_ok(store_kept(p->s, since, &k, &n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(k[i].node, "n1");
		assert_int_equal(k[i].file, FILE_ITL);
		text[at_++] = k[i].sha1[0];
		if (k[i].now)
			text[at_++] = '!';
	}
	text[at_] = '\0';
	free(k);
	/* one order for all */
	for (size_t i = 0; i + 1 < at_; i++)
		assert_true(text[i] != text[i + 1]);
	return text;
}

static bool has_list(struct place *p, char digit)
{
	struct list want_ = list_of(digit, LIST_ITL), l;
	struct err e;

	if (store_list(p->s, want_.sha1, &l, &e) != RC_OK)
		return false;
	list_clear(&l);
	return true;
}

/* The digits of the lists that have a head, oldest first. */
static const char *heads(struct place *p)
{
	static char text[16];
	struct audit_head *all = NULL;
	size_t n = 0;
	struct err e;

	assert_ok(store_heads(p->s, &all, &n, &e), &e);
	assert_true(n < sizeof text);
	for (size_t i = 0; i < n; i++)
		text[i] = all[i].sha1[0];
	text[n] = '\0';
	free(all);
	return text;
}

static void history_is_kept_and_pruned(void **state)
{
	static const uint8_t head[32] = {1};
	struct place *p = *state;
	int64_t ever = INT64_MAX;
	size_t n = 9;
	struct err e;

	/* 1 and 2 were served and replaced; 3 is prev, 4 is want and have. */
	for (char d = '1'; d <= '4'; d++) {
		want(p, "n1", d, LIST_ITL, d);
		have(p, "n1", d);
		assert_ok(store_heads_add(p->s, (uint64_t)d, head, d, &e), &e);
	}
	assert_string_equal(heads(p), "1234");
	assert_int_equal(strlen(kept(p, 0)), 6);
	assert_non_null(strchr(kept(p, 0), '1'));
	assert_int_equal(strlen(kept(p, ever)), 4); /* 3! and 4! */
	assert_null(strchr(kept(p, ever), '2'));
	assert_ok(store_prune(p->s, 0, &n, &e), &e);
	assert_int_equal(n, 0);
	assert_true(has_list(p, '1'));
	assert_ok(store_prune(p->s, ever, &n, &e), &e);
	assert_int_equal(n, 2);
	assert_string_equal(heads(p), "34"); /* goes with its list */
	assert_false(has_list(p, '1'));
	assert_false(has_list(p, '2'));
	assert_true(has_list(p, '3'));
	assert_true(has_list(p, '4'));
	assert_int_equal(strlen(kept(p, 0)), 4);
	/* What stood before a reset is needed until the next one. */
	want(p, "n1", '5', LIST_RESET, 5);
	want(p, "n1", '6', LIST_ITL, 6);
	have(p, "n1", '6');
	assert_ok(store_prune(p->s, ever, &n, &e), &e);
	assert_int_equal(n, 1);     /* 3 */
	assert_true(has_list(p, '4')); /* before */
	assert_true(has_list(p, '5')); /* prev */
	assert_false(has_list(p, '3'));
}

/* ---- phones ---- */

static size_t due(struct place *p)
{
	struct phones_due *d = NULL;
	struct err e;
	size_t n = 9;

	assert_ok(store_phones_due(p->s, &d, &n, &e), &e);
	if (n) {
		assert_string_equal(d[0].node, "n1");
		assert_string_equal(d[0].units, "TVS CAPF");
	}
	free(d);
	return n;
}

static void phones_wait_for_the_list(void **state)
{
	struct place *p = *state;
	struct list l = list_of('2', LIST_ITL);
	struct err e;

	want(p, "n1", '1', LIST_ITL, 1);
	have(p, "n1", '1');
	assert_ok(store_phones_put(p->s, "n1", l.sha1, "TVS CAPF", &e), &e);
	assert_int_equal(due(p), 0); /* another list */
	want(p, "n1", '2', LIST_ITL, 2);
	assert_int_equal(due(p), 0); /* not there yet */
	have(p, "n1", '2');
	assert_int_equal(due(p), 0); /* not restarted */
	assert_ok(store_attempt(p->s, "n1", 2, NULL, 0, &e), &e);
	assert_int_equal(due(p), 1);
	reopen(p);
	assert_int_equal(due(p), 1);
	want(p, "n1", '3', LIST_ITL, 0);
	assert_int_equal(due(p), 0); /* overtaken */
	want(p, "n1", '2', LIST_ITL, 0);
	assert_int_equal(due(p), 1);
	assert_ok(store_phones_end(p->s, "n1", &e), &e);
	assert_int_equal(due(p), 0);
}

int main(void)
{
#define STATE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(an_earlier_boot),
		STATE(holds_are_kept),
		STATE(history_is_kept_and_pruned),
		STATE(phones_wait_for_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
