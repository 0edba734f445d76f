#include "tvs_ask.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "carry/run.h"
#include "itl/itl.h"
#include "refs.h"
#include <errno.h>
#include <poll.h>

#define GRACE 2    /* seconds that a job takes beside its deadline, at most */
#define LEARNS 2.5 /* seconds until it knows of new keys: itlkeeper-tvs(8) */
#define CERTS_MAX ((CLUSTER_MAX_NODES + 1u) * 8192u) /* bytes */

struct question {
	struct service *service;
	const struct cluster_node *node;
	struct bytes certs;  /* of all who sign lists */
	char sha1[SHA1_HEX]; /* of what it must show */
	struct err error;    /* rc RC_OK: it answers */
	pthread_t thread;
	bool runs;
};

struct round {
	struct writer certs;
	uint8_t *bytes; /* of certs */
	struct keyd_key *keys;
	size_t nkeys;
	struct question of[CLUSTER_MAX_NODES];
};

static void round_free(struct round *r)
{
	if (r) {
		keyd_keys_free(r->keys, r->nkeys);
		free(r->bytes);
	}
	free(r);
}
CLEANUP_DEFINE(struct round *, round_free);

static enum rc ask_once(struct question *q)
{
	const struct service *s = q->service;
	int seconds = (int)s->cluster->fetch_seconds;
	struct carry_job job = CARRY_JOB(.program = s->carry, .content = q->certs,
					 .seconds = seconds + GRACE);

	job.stop_fd = s->stop_fd;
	job.job = json_pack("{s:s, s:s, s:i, s:s, s:i}", "do", "tvs", "address",
			    q->node->address, "port", (int)q->node->tvs_port, "sha1",
			    q->sha1, "seconds", seconds);
	return carry_run(&job, NULL, NULL, &q->error);
}

/* Of a key that has just been made it hears in a moment. */
static void *ask(void *arg)
{
	struct question *q = arg;
	struct pollfd stop = {.fd = q->service->stop_fd, .events = POLLIN};
	const double learnt = proc_now() + LEARNS;
	enum rc rc;

	while ((rc = ask_once(q)) == RC_VERIFY && proc_now() < learnt &&
	       poll(&stop, 1, 300) == 0)
		;
	if (rc == RC_OK)
		q->error = (struct err){0};
	return NULL;
}

static void put_cert(struct round *r, enum unit unit, const char *node)
{
	const struct keyd_key *k = keyd_key_current(r->keys, r->nkeys, unit, node);
	uint8_t *der = NULL;
	int n = k ? i2d_X509(k->cert, &der) : 0;

	if (n > 0)
		write_bytes(&r->certs, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
}

/* Whose lists a phone may meet. */
static enum rc put_certs(const struct cluster *c, struct round *r, struct err *e)
{
	r->bytes = malloc(CERTS_MAX);
	if (!r->bytes)
		return err_errno(e, RC_ERROR, "malloc", NULL, "certificates");
	r->certs = writer_of(r->bytes, CERTS_MAX);
	put_cert(r, UNIT_ITLRECOVERY, NULL);
	for (size_t i = 0; i < c->nnodes; i++)
		if (c->nodes[i].tftp)
			put_cert(r, UNIT_CALLMANAGER, c->nodes[i].id);
	return r->certs.bad ? err_set(e, RC_ERROR, "TVS", "too many certificates", NULL,
				      "%s", c->name)
			    : RC_OK;
}

static void begin(struct service *s, struct round *r, struct question *q)
{
	const struct keyd_key *k =
		keyd_key_current(r->keys, r->nkeys, UNIT_TVS, q->node->id);

	q->service = s;
	q->certs = writer_bytes(&r->certs);
	if (!k) {
		err_set(&q->error, RC_NOTFOUND, "TVS", "it has no certificate yet",
			"`itlctl cluster init` makes what is missing", "TVS");
		return;
	}
	(void)ref_hex(k->cert, q->sha1);
	errno = pthread_create(&q->thread, NULL, ask, q);
	q->runs = errno == 0;
	if (!q->runs)
		err_errno(&q->error, RC_ERROR, "pthread_create", NULL, "TVS");
}

static enum rc ask_all(struct service *s, struct round *r, struct err *e)
{
	const struct cluster *c = s->cluster;

	if (service_keys(s, &r->keys, &r->nkeys, e) != RC_OK || put_certs(c, r, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < c->nnodes; i++) {
		r->of[i].node = &c->nodes[i];
		if (c->nodes[i].tvs)
			begin(s, r, &r->of[i]);
	}
	for (size_t i = 0; i < c->nnodes; i++)
		if (r->of[i].runs)
			(void)pthread_join(r->of[i].thread, NULL);
	return RC_OK;
}

void tvs_ask_all(struct service *s, struct err of[CLUSTER_MAX_NODES])
{
	struct round CLEANUP(round_free) *r = calloc(1, sizeof *r);
	const struct cluster *c = s->cluster;
	struct err e = {0};

	if (!r)
		err_errno(&e, RC_ERROR, "calloc", NULL, "TVS");
	else
		(void)!ask_all(s, r, &e);
	for (size_t i = 0; i < c->nnodes; i++) {
		of[i] = e.rc != RC_OK ? e : r->of[i].error;
		if (of[i].rc != RC_OK)
			(void)err_within(&of[i], c->nodes[i].host);
	}
}
