#include "sign_again.h"
#include "sign_again_ssh.h"
#include "base/errjson.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "keyd/sgn.h"
#include "keyd/wire.h"
#include "refs.h"
#include "sgn/sgn.h"
#include <string.h>
#include <time.h>

#define WORKERS 2
#define LOGGED_MAX 20       /* files by their names; others are counted */
#define TELL_SECONDS 1.0

/* What sgn finds fit, keyd does not refuse. */
_Static_assert(SGN_NAME_MAX == KEYD_NAME_MAX && SGN_FILE_MAX == KEYD_CONTENT_MAX,
	       "the same limits");

struct again {
	struct service *s;
	const struct cluster_node *node;
	struct keyd_key *keys; /* owned */
	size_t nkeys;
	X509 *signer; /* of them, as the next */
	X509 **before; /* free() it */
	size_t nbefore;
	struct signed_files done;
	struct keyd *keyd[WORKERS];
	void (*tell)(void *arg, json_t *files);
	void *arg;
	double told;
};

static void again_clear_at(struct again *a)
{
	for (size_t i = 0; i < WORKERS; i++)
		keyd_free(a->keyd[i]);
	free(a->before);
	keyd_keys_free(a->keys, a->nkeys);
}

/* ---- is it due? ---- */

/* Phones learn the present certificate by this list; or it is a list that names none of
 * the node's, as a reset list on a subscriber, and TVS vouches for each. Not if it names
 * an older one: then phones would refuse what the present one signed. */
static enum rc list_agrees(struct again *a, const char *sha1, bool *agrees, struct err *e)
{
	struct list CLEANUP(list_clear) list = {0};
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t of_key[SHA1_LEN];

	if (store_list(a->s->store, sha1, &list, e) != RC_OK ||
	    itl_parse(bytes_of(list.bytes, list.n), 0, &l, e) != RC_OK)
		return e->rc;
	*agrees = true;
	for (size_t i = 0; i < a->nkeys; i++) {
		const struct keyd_key *k = &a->keys[i];

		if (k->label.unit != UNIT_CALLMANAGER || strcmp(k->label.node, a->node->id))
			continue;
		ref_of_cert(k->cert, of_key);
		if (list_names(l, of_key)) {
			*agrees = k->cert == a->signer;
			if (*agrees)
				return RC_OK;
		}
	}
	return RC_OK;
}

/* By what the token said last: most attempts shall not need it. */
static enum rc is_due(struct again *a, const struct target *t, bool *due, struct err *e)
{
	const struct keyd_key *current;
	struct signed_files last;

	*due = false;
	if (!t->itl.want[0])
		return RC_OK;
	if (store_keys(a->s->store, &a->keys, &a->nkeys, e) != RC_OK ||
	    store_signed(a->s->store, a->node->id, &last, e) != RC_OK)
		return e->rc;
	current = keyd_key_current(a->keys, a->nkeys, UNIT_CALLMANAGER, a->node->id);
	if (!current)
		return RC_OK;
	a->signer = current->cert;
	if (!strcmp(ref_hex(a->signer, a->done.cert), last.cert))
		return RC_OK;
	return list_agrees(a, t->itl.want, due, e);
}

/* ---- the run ---- */

/* A connection for the worker. The cache may be older than the token. */
static enum rc dial(struct again *a, unsigned worker, struct err *e)
{
	const struct keyd_key *current;
	struct keyd_key *keys = NULL;
	bool same;
	size_t n = 0;

	if (a->keyd[worker])
		return RC_OK;
	if (service_keys(a->s, &keys, &n, e) != RC_OK ||
	    keyd_open(a->s->keyd, &a->keyd[worker], e) != RC_OK) {
		keyd_keys_free(keys, n);
		return e->rc;
	}
	current = keyd_key_current(keys, n, UNIT_CALLMANAGER, a->node->id);
	same = current && X509_cmp(current->cert, a->signer) == 0;
	keyd_keys_free(keys, n);
	if (!same)
		return err_set(e, RC_STALE, "sign files again",
			       "its CallManager certificate changed meanwhile", NULL, "%s",
			       a->node->host);
	return RC_OK;
}

static enum rc file(void *arg, size_t i, struct keyd_sgn_file *out, struct err *e)
{
	const struct sgn_file *files = arg;

	(void)e;
	*out = (struct keyd_sgn_file){files[i].name, files[i].content};
	return RC_OK;
}

static void answered(void *arg, size_t i, struct bytes header, const struct err *why)
{
	struct sgn_file *f = (struct sgn_file *)arg + i;

	if (header.n && (f->header = bytes_copy(header))) {
		f->nheader = header.n;
	} else if (header.n) {
		err_errno(&f->error, RC_ERROR, "malloc", NULL, "a header");
	} else {
		f->error = *why;
	}
}

static enum rc sign(void *arg, unsigned worker, unsigned digest, struct sgn_file *files,
		    size_t n, struct err *e)
{
	struct again *a = arg;
	const struct keyd_sgn job = {.node = a->node->id,
				     .digest = digest,
				     .timestamp = (uint32_t)time(NULL),
				     .n = n,
				     .file = file,
				     .answered = answered,
				     .arg = files};

	if (dial(a, worker, e) != RC_OK)
		return e->rc;
	return keyd_sgn(a->keyd[worker], &job, e);
}

static void told(void *arg, const char *name, enum sgn_fate fate, const struct err *error)
{
	struct again *a = arg;
	struct err why;

	(void)name;
	if (fate == SGN_SIGNED)
		a->done.files++;
	if (fate != SGN_REFUSED)
		return;
	why = *error;
	(void)err_within(&why, a->node->host);
	if (a->done.refused++ == 0)
		a->done.error = why;
	if (a->done.refused <= LOGGED_MAX)
		log_error("files", &why);
}

static void tell(struct again *a, const struct sgn_sum *sum)
{
	size_t done = sum->fate[SGN_UNCHANGED] + sum->fate[SGN_SIGNED] +
		      sum->fate[SGN_REFUSED] + sum->aside;

	a->told = proc_now();
	if (a->tell)
		a->tell(a->arg, json_pack("{s:I, s:I, s:I}", "all", (json_int_t)sum->files,
					  "done", (json_int_t)done, "refused",
					  (json_int_t)sum->fate[SGN_REFUSED]));
}

static void progress(void *arg, const struct sgn_sum *sum)
{
	struct again *a = arg;

	if (sum->fate[SGN_SIGNED] + sum->aside > 0 && proc_now() >= a->told + TELL_SECONDS)
		tell(a, sum);
}

static bool stop(void *arg)
{
	struct again *a = arg;

	return service_stopping(a->s);
}

static enum rc run(struct again *a, struct err *e)
{
	struct sgn_sum sum = {0};
	const struct sgn_job job = {.what = SGN_AGAIN,
				    .dir = a->node->folder, /* not looked at of a remote one */
				    .prefix = "",
				    .signer = a->signer,
				    .signers = a->before,
				    .nsigners = a->nbefore,
				    .max = a->s->cluster->file_bytes,
				    .workers = WORKERS,
				    .sign = sign,
				    .told = told,
				    .progress = progress,
				    .stop = stop,
				    .arg = a};
	enum rc rc;

	if (a->node->remote)
		rc = sign_again_ssh_run(a->s, a->node, &job, &sum, e);
	else if ((rc = sgn_run(&job, &sum, e)) != RC_OK)
		(void)err_within(e, a->node->host);
	if (rc != RC_OK)
		return rc;
	a->done.at = (int64_t)time(NULL);
	if (a->done.files || a->done.refused) {
		tell(a, &sum);
		log_info("event=files node=%s signed=%llu refused=%llu cert=%s",
			 a->node->id, (unsigned long long)a->done.files,
			 (unsigned long long)a->done.refused, a->done.cert);
	}
	return store_signed_put(a->s->store, a->node->id, &a->done, e);
}

/* Whose signatures are taken for what this cluster once signed. */
static enum rc find_before(struct again *a, struct err *e)
{
	a->before = calloc(a->nkeys + 1, sizeof *a->before);
	if (!a->before)
		return err_errno(e, RC_ERROR, "calloc", NULL, "certificates");
	for (size_t i = 0; i < a->nkeys; i++)
		if (a->keys[i].label.unit == UNIT_CALLMANAGER &&
		    a->keys[i].cert != a->signer)
			a->before[a->nbefore++] = a->keys[i].cert;
	return RC_OK;
}

enum rc sign_again(struct service *s, const struct cluster_node *n,
		   const struct target *t, void (*on_files)(void *arg, json_t *files),
		   void *arg, struct signed_files *out, struct err *e)
{
	struct again a CLEANUP(again_clear) = {.s = s, .node = n, .tell = on_files, .arg = arg};
	bool due = false;

	*out = (struct signed_files){.at = 0};
	if (is_due(&a, t, &due, e) != RC_OK)
		return e->rc;
	if (!due)
		return RC_OK;
	if (find_before(&a, e) != RC_OK || run(&a, e) != RC_OK)
		return e->rc;
	*out = a.done;
	return RC_OK;
}

json_t *sign_again_show(const struct signed_files *f)
{
	if (!f->cert[0])
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:I, s:o}", "cert", f->cert, "at",
			 (json_int_t)f->at, "signed", (json_int_t)f->files, "refused",
			 (json_int_t)f->refused, "error",
			 f->refused ? err_json(&f->error) : json_null());
}
