#include "phone_accepts.h"
#include "itl/accept.h"
#include "tvs_answers.h"

/* What the TVSs of the phones' lists would say. */
struct voucher {
	struct call *call;
	struct judge_trust held;
	struct keyd_key *keys;
	size_t nkeys;
	uint8_t *der; /* of the answer */
};

static void voucher_clear_at(struct voucher *v)
{
	keyd_keys_free(v->keys, v->nkeys);
	OPENSSL_free(v->der);
}

static void add_held(struct voucher *v, struct bytes file)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct err ignored;

	if (file.n && itl_parse(file, ITL_LENIENT, &l, &ignored) == RC_OK)
		judge_trust_add(&v->held, l);
}

static bool vouched(struct voucher *v)
{
	struct service *s = v->call->service;
	struct judge_next now;
	struct err ignored;

	if (!v->keys && service_keys(s, &v->keys, &v->nkeys, &ignored) != RC_OK)
		return false;
	judge_next_of(s->cluster, v->keys, v->nkeys, tvs_answers_now(v->call), UNIT_COUNT,
		      NULL, &now);
	return judge_vouched(&v->held, &now);
}

/* TVS vouches for the token's keys, retired ones too. */
static bool ask_tvs(void *arg, const struct itl *l, struct itl_tvs_answer *answer)
{
	struct voucher *v = arg;
	int n = 0;

	if (!vouched(v))
		return false;
	for (size_t i = 0; i < v->nkeys && !v->der; i++) {
		enum unit unit = v->keys[i].label.unit;

		if ((unit == UNIT_CALLMANAGER || unit == UNIT_ITLRECOVERY) &&
		    itl_signed_by(l, v->keys[i].cert))
			n = i2d_X509(v->keys[i].cert, &v->der);
	}
	if (n <= 0)
		return false;
	*answer = (struct itl_tvs_answer){.valid = true,
					  .cert = bytes_of(v->der, (size_t)n),
					  .roles = {ITL_SAST}, .nroles = 1};
	return true;
}

bool phone_accepts(struct call *c, struct bytes ctl, struct bytes itl,
		   struct bytes offered, char why[256])
{
	struct voucher v CLEANUP(voucher_clear) = {.call = c};

	add_held(&v, itl);
	add_held(&v, ctl);
	return itl_accepted(itl_accept(ctl, itl, offered, ask_tvs, &v, why));
}
