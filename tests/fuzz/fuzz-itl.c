/* A list from a stranger: whatever a program does with one before it trusts it. */
#include "itl/accept.h"
#include "itl/trust.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A TVS that vouches for the first SAST of the list itself. */
static bool gullible(void *arg, const struct itl *l, struct itl_tvs_answer *answer)
{
	const struct itl_record *r = itl_find_signer(l, l);

	(void)arg;
	if (!r)
		return false;
	answer->valid = true;
	answer->cert = r->cert;
	answer->nroles = 1;
	answer->roles[0] = ITL_SAST;
	return true;
}

static void ignore(void *arg, const char *text)
{
	(void)arg, (void)text;
}

static void use(const struct itl *l)
{
	struct itl_file_facts facts = {"ITL", 0};
	bool same;
	struct err e;
	enum rc rc = itl_verify_self(l, &e);

	free(itl_listing(l, &facts, rc ? &e : NULL));
	free(itl_diff(l, l, &same));
	if (!same)
		abort(); /* a list does not differ from itself */
	(void)itl_warnings(l, ignore, NULL);
}

/* What is taken for a trust file passes all that a new one must. */
static void use_trust(struct bytes file)
{
	struct trust *t = NULL;
	struct err e;

	if (trust_read_unverified(file, &t, &e) == RC_OK &&
	    trust_check(t->entries, t->n, &e) != RC_OK)
		abort();
	trust_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const unsigned flags[] = {0, ITL_LENIENT, ITL_SGN, ITL_STORE};
	struct bytes file = bytes_of(data, n), none = bytes_of(NULL, 0);
	char why[256];
	struct err e;

	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		struct itl *l = NULL;

		if (itl_parse(file, flags[i], &l, &e) == RC_OK)
			use(l);
		itl_free(l);
	}
	(void)itl_accept(none, none, file, NULL, NULL, why);
	(void)itl_accept(file, none, file, NULL, NULL, why);
	use_trust(file);
	(void)itl_accept(none, file, file, gullible, NULL, why);
	return 0;
}
