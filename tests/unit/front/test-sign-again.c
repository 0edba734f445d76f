/* Signed files follow the node's CallManager certificate. */
#include "asking.h"
#include "base/file.h"
#include "base/num.h"
#include "fake-keyd.h"
#include "itl/itl.h"
#include "keyd/sgn.h"
#include "support/phone.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bytes text_of(const char *text)
{
	return bytes_of(text, strlen(text));
}

/* n2's certificate: the one of so many generations ago. */
static X509 *cert_before(unsigned ago)
{
	static struct keyd_key *keys;
	static size_t n;
	unsigned newest = 0;
	struct keyd *k = NULL;
	struct err e;

	keyd_keys_free(keys, n);
	keys = NULL;
	n = 0;
	assert_ok(keyd_open("", &k, &e), &e);
	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	keyd_free(k);
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == UNIT_CALLMANAGER &&
		    !strcmp(keys[i].label.node, "n2") && keys[i].current)
			newest = keys[i].label.generation;
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == UNIT_CALLMANAGER &&
		    !strcmp(keys[i].label.node, "n2") &&
		    keys[i].label.generation + ago == newest)
			return keys[i].cert;
	fail_msg("n2 has no such certificate");
	return NULL;
}

/* ---- files of n2 ---- */

static const struct keyd_sgn_file *now;
static struct fixture *to;

static enum rc file(void *arg, size_t i, struct keyd_sgn_file *out, struct err *e)
{
	(void)arg;
	(void)i;
	(void)e;
	*out = *now;
	return RC_OK;
}

static void answered(void *arg, size_t i, struct bytes header, const struct err *e)
{
	uint8_t *sgn = malloc(header.n + now->content.n + 1);
	char name[64];

	(void)arg;
	(void)i;
	(void)e;
	memcpy(sgn, header.p, header.n);
	memcpy(sgn + header.n, now->content.p, now->content.n);
	snprintf(name, sizeof name, "%s.sgn", now->name);
	fixture_write(to, 1, name, bytes_of(sgn, header.n + now->content.n));
	free(sgn);
}

/* NAME.sgn in n2's folder, by the key that it has now. */
static void put_signed(struct fixture *f, const char *name, const char *content)
{
	const struct keyd_sgn_file one = {name, text_of(content)};
	const struct keyd_sgn job = {.node = "n2", .digest = ITL_SHA1, .timestamp = 7, .n = 1,
				     .file = file, .answered = answered};
	struct err e;

	now = &one;
	to = f;
	assert_ok(keyd_sgn(NULL, &job, &e), &e);
	now = NULL;
}

static void assert_signed(struct fixture *f, const char *name, const char *content,
			  X509 *cert)
{
	char path[64];
	struct bytes sgn;
	const char *why;

	snprintf(path, sizeof path, "%s.sgn", name);
	sgn = fixture_read(f, 1, path);
	why = phone_file_fault(sgn, name, text_of(content), cert);
	if (why)
		fail_msg("%s %s", path, why);
	free((void *)(uintptr_t)sgn.p);
}

static json_t *restart(struct fixture *f, json_t **events)
{
	struct err e = {0};
	json_t *r = fixture_ask_events(
		f,
		json_pack("{s:s, s:s, s:b, s:s}", "do", "tftp-restart", "node", "n2", "force",
			  1, "ticket", fake_ticket),
		events, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	return r;
}

static json_int_t number(json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

/* The place of an event among them; -1: there is none. */
static int place_of(json_t *events, const char *name)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
		if (!strcmp(text(event, "event"), name))
			return num_int(i);
	return -1;
}

/* ---- tests ---- */

static void files_follow_the_certificate(void **state)
{
	struct fixture *f = *state;
	json_t *events, *r, *files;
	char sub[300];

	NEEDS_ROOT(state);
	put_signed(f, "SEP1.cnf.xml", "<one/>");
	put_signed(f, "SEP2.cnf.xml", "");
	fixture_path(f, 1, "locale", sub);
	assert_int_equal(mkdir(sub, 0755), 0);
	put_signed(f, "locale/x.jar", "jar");
	fixture_write(f, 1, "SEP1.cnf.xml", text_of("<newer/>"));
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	r = restart(f, &events);
	files = json_object_get(r, "files");
	assert_int_equal(number(files, "signed"), 3);
	assert_int_equal(number(files, "refused"), 0);
	/* The same content as before, whatever the file has now. */
	assert_signed(f, "SEP1.cnf.xml", "<one/>", cert_before(0));
	assert_signed(f, "SEP2.cnf.xml", "", cert_before(0));
	assert_signed(f, "locale/x.jar", "jar", cert_before(0));
	/* Behind the list, before the bounce. */
	assert_true(place_of(events, "transferred") >= 0);
	assert_true(place_of(events, "transferred") < place_of(events, "files"));
	assert_true(place_of(events, "files") < place_of(events, "restarting"));
	json_decref(events);
	json_decref(r);
	/* Once. */
	r = restart(f, &events);
	assert_true(json_is_null(json_object_get(r, "files")));
	assert_int_equal(place_of(events, "files"), -1);
	json_decref(events);
	json_decref(r);
}

/* A folder without any costs nothing, and says nothing. */
static void a_node_without_files(void **state)
{
	struct fixture *f = *state;
	json_t *events, *r;
	unsigned sgns;

	NEEDS_ROOT(state);
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	sgns = fake_keyd.sgns;
	r = restart(f, &events);
	assert_int_equal(number(json_object_get(r, "files"), "signed"), 0);
	assert_int_equal(place_of(events, "files"), -1);
	assert_int_equal(fake_keyd.sgns, sgns);
	json_decref(events);
	json_decref(r);
}

static void what_was_edited_is_named(void **state)
{
	struct fixture *f = *state;
	json_t *events, *r, *files, *node;
	struct bytes sgn;

	NEEDS_ROOT(state);
	put_signed(f, "a.xml", "aaaa");
	put_signed(f, "b.xml", "bbbb");
	sgn = fixture_read(f, 1, "b.xml.sgn");
	((uint8_t *)(uintptr_t)sgn.p)[sgn.n - 1] = 'X';
	fixture_write(f, 1, "b.xml.sgn", sgn);
	free((void *)(uintptr_t)sgn.p);
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	r = restart(f, &events);
	files = json_object_get(r, "files");
	assert_int_equal(number(files, "signed"), 1);
	assert_int_equal(number(files, "refused"), 1);
	assert_non_null(strstr(text(json_object_get(files, "error"), "what"), "b.xml.sgn"));
	assert_non_null(strstr(text(json_object_get(files, "error"), "what"), "test10sub"));
	json_decref(events);
	json_decref(r);
	/* It stays in the state. */
	fixture_front(f, false);
	fixture_front(f, true);
	node = fixture_node(f, 1);
	files = json_object_get(node, "files");
	assert_int_equal(number(files, "refused"), 1);
	assert_string_equal(text(json_object_get(files, "error"), "rc"), "verify");
	json_decref(node);
	assert_signed(f, "a.xml", "aaaa", cert_before(0));
}

/* While phones hold the old certificate, and a list that names it is put back. */
static void not_before_phones_can_know_it(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	char path[300];

	NEEDS_ROOT(state);
	put_signed(f, "a.xml", "aaaa");
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	json_decref(fixture_ask(f, json_pack("{s:s}", "do", "certs"), &e));
	fixture_path(f, 1, "ITLFile.tlv", path);
	assert_int_equal(unlink(path), 0);
	fixture_front(f, false);
	fixture_front(f, true);
	fixture_wait_settled(f, 1, true);
	assert_int_equal(access(path, F_OK), 0);
	assert_signed(f, "a.xml", "aaaa", cert_before(1));
	force_restart(f, "n2");
	assert_signed(f, "a.xml", "aaaa", cert_before(0));
}

/* A front that ended in the middle: the next one goes on, before the bounce. */
static void a_failure_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	unsigned bounces;
	json_t *r;

	NEEDS_ROOT(state);
	put_signed(f, "a.xml", "aaaa");
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	fake_keyd.sgn_away = true;
	bounces = f->bounces[1];
	r = tftp_restart(f, "n2", true, &e);
	assert_null(r);
	assert_int_equal(e.rc, RC_TOKEN);
	assert_non_null(strstr(e.what, "test10sub"));
	assert_int_equal(f->bounces[1], bounces);
	assert_signed(f, "a.xml", "aaaa", cert_before(1));
	fixture_front(f, false);
	fake_keyd.sgn_away = false;
	fixture_front(f, true);
	fixture_wait_settled(f, 1, true);
	for (int i = 0; i < 400 && f->bounces[1] == bounces; i++)
		usleep(20000);
	assert_int_equal(f->bounces[1], bounces + 1);
	assert_signed(f, "a.xml", "aaaa", cert_before(0));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, asking_start_served, fixture_stop)
	const struct CMUnitTest tests[] = {
		T(files_follow_the_certificate), T(a_node_without_files),
		T(what_was_edited_is_named),	 T(not_before_phones_can_know_it),
		T(a_failure_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
