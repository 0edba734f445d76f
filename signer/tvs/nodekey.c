#include "nodekey.h"
#include "base/num.h"
#include "base/proc.h"

/* A phone waits, and so do all others of the thread. */
#define ANSWER_MS 3000     /* keyd may be starting anew */
#define COME_BACK 0.5      /* seconds */
#define AWAY_SECONDS 1.0   /* after it did not answer: asked, and not waited for */
#define AWAY_ANSWER_MS 100

static _Thread_local struct {
	struct keyd *keyd;
	double away; /* proc_now() until which keyd counts as away */
	bool failed;
	struct err e;
} mine;

void node_key_use(struct keyd *k)
{
	mine.keyd = k;
}

bool node_key_failed(struct err *e)
{
	bool failed = mine.failed;

	mine.failed = false;
	if (failed)
		*e = mine.e;
	return failed;
}

static void be_patient(void)
{
	bool away = proc_now() < mine.away;

	keyd_set_patience(mine.keyd, away ? 0 : COME_BACK, away ? AWAY_ANSWER_MS : ANSWER_MS);
}

static int outcome(enum rc rc)
{
	mine.failed = rc != RC_OK;
	/* What the token itself says has a code; then keyd is there. */
	if (rc == RC_STALE || (rc == RC_TOKEN && !mine.e.code))
		mine.away = proc_now() + AWAY_SECONDS;
	else
		mine.away = 0;
	return rc == RC_OK ? 0 : -1;
}

static int sign(void *arg, const char *md, int pss, const unsigned char *tbs, size_t n,
		unsigned char *sig, size_t *siglen)
{
	const char *label = arg;

	be_patient();
	return outcome(keyd_tls_sign(mine.keyd, label, md, pss == 1, bytes_of(tbs, n), sig,
				     siglen, &mine.e));
}

/* keyd looks at the client's version; which one was negotiated is the client's too. */
static int tls_decrypt(void *arg, unsigned client_version, unsigned negotiated_version,
		       const unsigned char *in, size_t n, unsigned char out[48])
{
	const char *label = arg;

	(void)negotiated_version;
	be_patient();
	return outcome(keyd_tls_decrypt(mine.keyd, label, client_version & 0xffff,
					bytes_of(in, n), out, &mine.e));
}

const struct provider_ops node_key_ops = {sign, tls_decrypt};
