#include "asking.h"
#include "fake-keyd.h"
#include "itl/itl.h"

json_t *tftp_restart(struct fixture *f, const char *node, bool force, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:b, s:s*}", "do", "tftp-restart",
					"node", node, "force", force, "ticket",
					force ? fake_ticket : NULL), e);
}

void must_restart(struct fixture *f, const char *node, bool built)
{
	struct err e = {0};
	json_t *r = tftp_restart(f, node, false, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	assert_int_equal(json_is_true(json_object_get(r, "built")), built);
	json_decref(r);
}

void force_restart(struct fixture *f, const char *node)
{
	struct err e = {0};
	json_t *r = tftp_restart(f, node, true, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
}

json_t *plan_by(struct fixture *f, const char *how, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "reset-plan", "how",
					how, "node", "test10pub"), e);
}

json_t *plan(struct fixture *f, struct err *e)
{
	return plan_by(f, "localkey", e);
}

json_t *order_by(const char *what, const char *how, json_t *p,
			const char *ticket)
{
	return json_pack("{s:s, s:s, s:s, s:O, s:O, s:s}", "do", what, "how", how,
			 "node", "n1", "timestamp",
			 json_object_get(p, "timestamp"), "source_sha1",
			 json_object_get(p, "source_sha1"), "ticket", ticket);
}

json_t *order(const char *what, json_t *p, const char *ticket)
{
	return order_by(what, "localkey", p, ticket);
}

const char *text(json_t *j, const char *key)
{
	const char *t = json_string_value(json_object_get(j, key));

	return t ? t : "(none)";
}

void assert_serves(struct fixture *f, int node, const char *sha1)
{
	struct bytes list = fixture_served(f, node);
	char hex[SHA1_HEX];

	assert_string_equal(itl_sha1_hex(list, hex), sha1);
	free((void *)(uintptr_t)list.p);
}

void assert_want(struct fixture *f, int node, const char *which,
			const char *member, const char *value)
{
	json_t *n = fixture_node(f, node);

	assert_string_equal(text(json_object_get(n, which), member), value);
	json_decref(n);
}

static int start_with(void **state, const char *extra)
{
	struct fixture *f;

	if (geteuid() != 0)
		return 0;
	fake_keyd_start();
	f = fixture_new(extra);
	*state = f;
	fixture_front(f, true);
	return 0;
}

int asking_start(void **state)
{
	return start_with(state, "");
}

int asking_start_recovery(void **state)
{
	return start_with(state, "policy = itlrecovery");
}

static int serve(void **state)
{
	if (*state) {
		must_restart(*state, "n1", true);
		must_restart(*state, "n2", true);
	}
	return 0;
}

int asking_start_served(void **state)
{
	(void)asking_start(state);
	return serve(state);
}

int asking_start_phones(void **state)
{
	(void)start_with(state, "phone-reset = reset all");
	return serve(state);
}
