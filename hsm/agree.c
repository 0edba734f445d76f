#include "agree.h"
#include "base/cleanup.h"
#include "base/num.h"
#include <openssl/bn.h>

/* The numbers; then p - 1 and q - 1; then room for a product. */
enum { P_LESS = PKCS8_NUMBERS, Q_LESS, PRODUCT, NUMBERS };

struct numbers {
	BIGNUM *all[NUMBERS];
	BN_CTX *ctx;
};

static void numbers_clear(struct numbers *s)
{
	for (size_t i = 0; i < NUMBERS; i++)
		BN_clear_free(s->all[i]);
	BN_CTX_free(s->ctx); /* clears */
}
static inline void numbers_clear_at(struct numbers *s)
{
	numbers_clear(s);
}

static bool take(struct numbers *s, const struct bytes numbers[PKCS8_NUMBERS])
{
	s->ctx = BN_CTX_secure_new();
	for (size_t i = 0; i < NUMBERS; i++)
		if (!(s->all[i] = BN_secure_new()))
			return false;
	for (size_t i = 0; i < PKCS8_NUMBERS; i++)
		if (numbers[i].p[0] & 0x80 || /* below zero */
		    !BN_bin2bn(numbers[i].p, num_int(numbers[i].n), s->all[i]))
			return false;
	return s->ctx && BN_copy(s->all[P_LESS], s->all[PKCS8_P]) &&
	       BN_copy(s->all[Q_LESS], s->all[PKCS8_Q]) &&
	       BN_sub_word(s->all[P_LESS], 1) && BN_sub_word(s->all[Q_LESS], 1);
}

/* a b = 1 modulo m, of which a is a rest. */
static const struct {
	int a, b, m;
	bool rest; /* d is longer */
} inverses[] = {
	{PKCS8_D, PKCS8_E, P_LESS, false},
	{PKCS8_D, PKCS8_E, Q_LESS, false},
	{PKCS8_DP, PKCS8_E, P_LESS, true},
	{PKCS8_DQ, PKCS8_E, Q_LESS, true},
	{PKCS8_QINV, PKCS8_Q, PKCS8_P, true},
};

static bool is_inverse(const struct numbers *s, size_t i)
{
	const BIGNUM *a = s->all[inverses[i].a], *m = s->all[inverses[i].m];

	return (!inverses[i].rest || BN_cmp(a, m) < 0) &&
	       BN_mod_mul(s->all[PRODUCT], a, s->all[inverses[i].b], m, s->ctx) &&
	       BN_is_one(s->all[PRODUCT]);
}

bool numbers_agree(const struct bytes numbers[PKCS8_NUMBERS])
{
	struct numbers CLEANUP(numbers_clear) s = {0};

	if (!take(&s, numbers) ||
	    !BN_mul(s.all[PRODUCT], s.all[PKCS8_P], s.all[PKCS8_Q], s.ctx) ||
	    BN_cmp(s.all[PRODUCT], s.all[PKCS8_N]) != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(inverses); i++)
		if (!is_inverse(&s, i))
			return false;
	return true;
}
