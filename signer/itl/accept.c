/* The phone's decision (spec: phone, Does it accept a new list?). */
#include "itl/accept.h"
#include "base/num.h"
#include "internal.h"
#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name;
	bool accepted;
	const char *text;
} verdicts[] = {
	[ITL_FIRST] = {"first", true, "accepted: no list was installed"},
	[ITL_BY_CTL] = {"by-ctl", true,
		"accepted: a SAST certificate of the installed CTL signed it"},
	[ITL_BY_ITL] = {"by-itl", true,
		"accepted: a SAST certificate of the installed ITL signed it"},
	[ITL_BY_TVS] = {"by-tvs", true, "accepted: TVS vouches for its signer"},
	[ITL_BAD_FORM] = {"bad-form", false,
		"rejected: it is no list that a phone can load"},
	[ITL_BAD_SIGNATURE] = {"bad-signature", false,
		"rejected: its signer is known, but the signature is wrong"},
	[ITL_UNKNOWN_SIGNER] = {"unknown-signer", false,
		"rejected: neither the installed lists nor TVS know its signer"},
};

bool itl_accepted(enum itl_verdict v)
{
	return v < COUNT_OF(verdicts) && verdicts[v].accepted;
}

const char *itl_verdict_text(enum itl_verdict v)
{
	return v < COUNT_OF(verdicts) ? verdicts[v].text : "rejected";
}

const char *itl_verdict_name(enum itl_verdict v)
{
	return v < COUNT_OF(verdicts) ? verdicts[v].name : "unknown";
}

/* What a place that may know the signer says. */
enum word { DOES_NOT_KNOW, VERIFIES, WRONG_SIGNATURE };

struct decision {
	const struct itl *offered;
	char *why; /* WHY_MAX bytes */
	char signer[120];
	bool wrong; /* somebody knew the signer, and the signature was wrong */
};

#define WHY_MAX 256

static void __attribute__((format(printf, 2, 3)))
say(char why[WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, WHY_MAX, fmt, ap);
	va_end(ap);
}

/* `who` speaks: "record 1 of the installed ITL". */
static enum word judge(struct decision *d, X509 *cert, const char *who)
{
	struct err e;

	if (itl_verify(d->offered, cert, &e) == RC_OK) {
		say(d->why, "signed by %s, %s", d->signer, who);
		return VERIFIES;
	}
	d->wrong = true;
	say(d->why, "signed by %s, %s, but %s", d->signer, who, e.why);
	return WRONG_SIGNATURE;
}

static enum word ask_installed(struct decision *d, struct bytes file, const char *kind)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	X509 CLEANUP(X509_free) *cert = NULL;
	const struct itl_record *r;
	struct err e;
	char who[64];

	/* An installed list that cannot be read trusts nobody. */
	if (!file.n || itl_parse(file, ITL_LENIENT, &l, &e))
		return DOES_NOT_KNOW;
	r = itl_find_signer(l, d->offered);
	if (!r || itl_record_x509(r, &cert, &e))
		return DOES_NOT_KNOW;
	(void)snprintf(who, sizeof who, "record %zu of the installed %s",
		       itl_record_number(l, r), kind);
	return judge(d, cert, who);
}

static bool may_sign_lists(const struct itl_tvs_answer *a)
{
	for (size_t i = 0; i < a->nroles && i < COUNT_OF(a->roles); i++)
		if (a->roles[i] == ITL_SAST)
			return true;
	return false;
}

static enum word ask_tvs(struct decision *d, itl_ask_tvs *ask, void *arg)
{
	struct itl_tvs_answer answer = {0};
	X509 CLEANUP(X509_free) *cert = NULL;
	const char *why;

	if (!ask || !ask(arg, d->offered, &answer) || !answer.valid ||
	    !may_sign_lists(&answer))
		return DOES_NOT_KNOW;
	cert = itl_x509(answer.cert, &why);
	if (!cert || !itl_signed_by(d->offered, cert))
		return DOES_NOT_KNOW;
	return judge(d, cert, "for whom TVS vouches");
}

static enum itl_verdict decide(struct decision *d, struct bytes ctl, struct bytes itl,
			       itl_ask_tvs *ask, void *arg)
{
	if (!ctl.n && !itl.n) {
		say(d->why, "signed by %s; the first list is trusted as it is",
			       d->signer);
		return ITL_FIRST;
	}
	if (ask_installed(d, ctl, "CTL") == VERIFIES)
		return ITL_BY_CTL;
	if (ask_installed(d, itl, "ITL") == VERIFIES)
		return ITL_BY_ITL;
	if (ask_tvs(d, ask, arg) == VERIFIES)
		return ITL_BY_TVS;
	if (d->wrong)
		return ITL_BAD_SIGNATURE;
	say(d->why,
		    "signed by %s, which is no SAST record of the installed lists%s",
		       d->signer, ask ? ", nor does TVS vouch for it" : "");
	return ITL_UNKNOWN_SIGNER;
}

enum itl_verdict itl_accept(struct bytes installed_ctl, struct bytes installed_itl,
			    struct bytes offered, itl_ask_tvs *ask, void *arg,
			    char why[256])
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct decision d = {.why = why};
	struct err e;

	why[0] = '\0';
	if (itl_parse(offered, 0, &l, &e)) {
		say(why, "%s: %s", e.what, e.why);
		return ITL_BAD_FORM;
	}
	if (!itl_is_itl(l) && !itl_is_ctl(l)) {
		say(why, "its file name (tag 14) is no list's");
		return ITL_BAD_FORM;
	}
	d.offered = l;
	itl_printable(l->signer_name, d.signer, sizeof d.signer);
	return decide(&d, installed_ctl, installed_itl, ask, arg);
}
