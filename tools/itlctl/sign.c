/* itlctl sign: a signed file beside each configuration file. */
#include "itlctl/sign.h"
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "base/num.h"
#include <string.h>

#define SIGN_WORKERS_MAX 4 /* front's door has room for eight connections of a user */

/* Of the run, for its functions. */
struct signing {
	struct ctl *ctl;
	struct sign_show show;
	struct sign_send send;
	X509 *certs[CLUSTER_MAX_NODES];
	size_t ncerts;
};

static void signing_clear_at(struct signing *s)
{
	for (size_t i = 0; i < s->ncerts; i++)
		X509_free(s->certs[i]);
	sign_send_clear(&s->send);
}

static enum rc sign_batch(void *arg, unsigned worker, unsigned digest,
			  struct sgn_file *files, size_t n, struct err *e)
{
	struct signing *s = arg;

	return sign_send(&s->send, worker, digest, files, n, e);
}

static void told(void *arg, const char *name, enum sgn_fate fate, const struct err *error)
{
	struct signing *s = arg;

	sign_show_told(&s->show, name, fate, error);
}

static void progress(void *arg, const struct sgn_sum *sum)
{
	struct signing *s = arg;

	sign_show_progress(&s->show, sum);
}

/* ---- certificates ---- */

static bool is_wanted(const struct ctl *c, const json_t *cert, bool all)
{
	return !strcmp(answer_text(cert, "unit"), unit_name(UNIT_CALLMANAGER)) &&
	       answer_true(cert, "current") &&
	       (all || !strcmp(answer_text(cert, "node"), c->node->id));
}

/* The CallManager certificates in force: of the node, or of all. */
static enum rc get_certs(struct signing *s, bool all, struct err *e)
{
	struct ctl *c = s->ctl;
	json_auto_t *answer = NULL;
	json_t *list, *cert;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "certs"), NULL, NULL, &answer, e) != RC_OK ||
	    answer_unpack(answer, "certs", e, "{s:o}", "certs", &list) != RC_OK)
		return e->rc;
	json_array_foreach(list, i, cert) {
		X509 *x;

		if (!is_wanted(c, cert, all) || s->ncerts == COUNT_OF(s->certs))
			continue;
		x = certs_read(bytes_of_text(answer_text(cert, "pem")));
		if (!x)
			return err_set(e, RC_ERROR, "sign", "is no certificate", NULL, "%s",
				       answer_text(cert, "label"));
		s->certs[s->ncerts++] = x;
	}
	if (!s->ncerts)
		return err_set(e, RC_NOTFOUND, "sign", "there is no CallManager certificate",
			       "itlctl cluster init makes what is missing", "%s",
			       c->node->host);
	return RC_OK;
}

/* ---- the command ---- */

static enum rc digest_of(const struct ctl *c, unsigned *digest, struct err *e)
{
	const char *text = c->opt.value[OPT_DIGEST];

	if (!text)
		*digest = c->cluster->file_hash == CLUSTER_FILE_SHA512 ? ITL_SHA512 : ITL_SHA1;
	else if (!strcmp(text, "sha1"))
		*digest = ITL_SHA1;
	else if (!strcmp(text, "sha512"))
		*digest = ITL_SHA512;
	else
		return err_set(e, RC_USAGE, "sign", "must be sha1 or sha512", NULL,
			       "--digest %.50s", text);
	return RC_OK;
}

static enum rc check_options(const struct ctl *c, struct err *e)
{
	if (c->opt.value[OPT_VERIFY] && (c->opt.value[OPT_DIGEST] || c->opt.value[OPT_DRY_RUN]))
		return err_set(e, RC_USAGE, "sign",
			       "--verify signs nothing: it takes no --digest and no --dry-run",
			       NULL, "the command line");
	return RC_OK;
}

static enum rc run(struct signing *s, struct sgn_job *job, struct err *e)
{
	struct sgn_sum sum = {0};
	enum rc rc;

	s->send.ctl = s->ctl;
	s->show = sign_show_begin(s->ctl, job);
	rc = sgn_run(job, &sum, e);
	sign_show_end(&s->show);
	s->ctl->exit = s->show.worst == RC_OK ? 0 : err_exit_code(s->show.worst);
	if (rc != RC_OK) {
		if (!e->hint[0])
			(void)err_hint(e, "what was signed is kept: the next run goes on from there");
		return rc;
	}
	return sign_show_sum(&s->show, &sum, e);
}

enum rc sign(struct ctl *c, struct err *e)
{
	struct sign_place place CLEANUP(sign_place_clear) = {.nnames = 0};
	struct signing s CLEANUP(signing_clear) = {.ctl = c};
	bool verify = c->opt.value[OPT_VERIFY] != NULL;
	struct sgn_job job = {
		.what = verify ? SGN_VERIFY : SGN_SIGN,
		.pattern = c->opt.value[OPT_PATTERN],
		.max = c->cluster->file_bytes,
		.workers = SIGN_WORKERS_MAX,
		.dry_run = c->opt.value[OPT_DRY_RUN] != NULL,
		.sign = sign_batch,
		.told = told,
		.progress = progress,
		.arg = &s,
	};

	if (check_options(c, e) != RC_OK || sign_place(c, &place, e) != RC_OK ||
	    digest_of(c, &job.digest, e) != RC_OK ||
	    get_certs(&s, verify && !c->opt.value[OPT_NODE], e) != RC_OK)
		return e->rc;
	job.dir = place.dir;
	job.prefix = place.prefix;
	job.names = place.nnames ? place.names : NULL;
	job.nnames = place.nnames;
	job.signer = verify ? NULL : s.certs[0];
	job.signers = verify ? s.certs : NULL;
	job.nsigners = verify ? s.ncerts : 0;
	return run(&s, &job, e);
}
