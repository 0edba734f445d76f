/*
 * Certificates of an authority's. The request's pair is the unit's next generation, and
 * waits: the key in force stays what it is until the certificate comes. Cut off
 * anywhere, the token holds at most a half that is listed: before the request's file
 * was written as garbage, afterwards as one that waits.
 */
#include "make.h"
#include "base/log.h"
#include "base/num.h"
#include "hsm/sign.h"
#include <string.h>
#include <time.h>

/* Which units an authority may certify; NULL: it may. */
static const char *const why_not[UNIT_COUNT] = {
	[UNIT_ITLRECOVERY] = "is the cluster's own last resort: no authority signs its certificate",
	[UNIT_AUDIT] = "is keyd's own: no authority signs its certificate",
};

static enum rc read_place(struct request *q, enum unit *unit,
			  const struct cluster_node **node, struct err *e)
{
	if (request_read_place(q, unit, node, e) != RC_OK)
		return e->rc;
	if (why_not[*unit])
		return err_set(e, RC_REFUSED, q->note.event, why_not[*unit],
			       "CallManager, TVS and CAPF may have one", "%s",
			       unit_name(*unit));
	return RC_OK;
}

/* As labels have it. */
static const char *place(const struct request *q, const struct cluster_node *node)
{
	return node ? node->id : q->service->config->cluster->name;
}

static void write_waiting(struct request *q, const struct waiting_pair *p)
{
	char label[LABEL_MAX];

	label_text(&p->label, label);
	write_text(&q->out, label);
	write_bytes(&q->out, bytes_of(p->id, sizeof p->id));
	write_u64(&q->out, (uint64_t)p->made);
	write_bytes32(&q->out, bytes_of(p->der, p->der_len));
}

/* ---- a request ---- */

static enum rc sign_request(struct request *q, enum unit unit,
			    const struct cluster_node *node, struct hsm_key *key,
			    struct waiting_pair *out, struct err *e)
{
	X509_REQ *req = NULL;
	unsigned char *der = NULL;
	struct new_key k;
	int n = 0;

	if (new_key_begin(q, unit, node, key, &k, e) != RC_OK ||
	    new_key_end(&k, x509_request(k.profile, &k.subject, k.signer,
					 key->public_key, q->service->provider, &req, e),
			e) != RC_OK)
		return e->rc;
	n = i2d_X509_REQ(req, &der);
	X509_REQ_free(req);
	if (n > 0 && num_size(n) <= sizeof out->der) {
		memcpy(out->der, der, num_size(n));
		out->der_len = num_size(n);
	}
	OPENSSL_free(der);
	return out->der_len ? RC_OK
			    : err_set(e, RC_ERROR, "csr", "the request is too long",
				      "shorten the subject in cluster.conf", "%s",
				      q->note.key);
}

/* The file is what makes the pair wait: written, it takes the old one's place. */
static enum rc make_waiting(struct request *q, enum unit unit,
			    const struct cluster_node *node, struct waiting_pair *p,
			    struct err *e)
{
	const struct cluster *c = q->service->config->cluster;
	struct hsm_key CLEANUP(hsm_key_free) *key = NULL;
	struct err ignored;
	unsigned tries = 0;

	if (request_make_pair(q, unit, cluster_key_bits(c, unit, node), q->note.key, &key,
			      &tries, e) != RC_OK)
		return e->rc;
	memcpy(p->id, key->id, sizeof p->id);
	p->made = (int64_t)time(NULL);
	if (sign_request(q, unit, node, key, p, e) == RC_OK &&
	    waiting_put(&q->service->waiting, p, e) == RC_OK)
		return RC_OK;
	if (hsm_key_remove(q->session, key->id, &ignored) != RC_OK)
		note_detail(&q->note, "left-behind=1");
	return e->rc;
}

/* Called between request_lock() and request_unlock(). */
static enum rc replace_waiting(struct request *q, enum unit unit,
			       const struct cluster_node *node, struct waiting_pair *p,
			       struct err *e)
{
	struct waiting_pair old;
	struct err why;
	bool had = waiting_find(&q->service->waiting, unit, place(q, node), &old, &why) ==
		   RC_OK;

	*p = (struct waiting_pair){.made = 0};
	keyring_next_label(&q->service->keys, unit, node ? node->id : NULL, &p->label);
	keyring_take_label(&q->service->keys, &p->label);
	label_text(&p->label, q->note.key);
	if (make_waiting(q, unit, node, p, e) != RC_OK)
		return e->rc;
	if (!had)
		return RC_OK;
	note_detail(&q->note, "gave-up=%u", old.label.generation);
	if (hsm_key_remove(q->session, old.id, &why) != RC_OK) {
		/* The new one waits all the same; the old is a half like any other. */
		log_error("csr", &why);
		note_detail(&q->note, "left-behind=1");
	}
	return RC_OK;
}

enum rc request_csr(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	const struct cluster_node *node = NULL;
	struct keyd_intent intent;
	struct waiting_pair p;
	enum unit unit = UNIT_COUNT;
	char hex[2 * HSM_ID_LEN + 1];
	enum rc rc;

	if (read_place(q, &unit, &node, e) != RC_OK || request_read_done(q, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_csr(unit, node ? node->id : NULL);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    request_lock(q, e) != RC_OK)
		return e->rc;
	rc = replace_waiting(q, unit, node, &p, e);
	request_look_for_halves(q);
	request_unlock(q);
	if (rc != RC_OK)
		return rc;
	note_detail(&q->note, "id=%s", hex_of(bytes_of(p.id, sizeof p.id), hex, sizeof hex));
	note_digest(&q->note, bytes_of(p.der, p.der_len));
	write_waiting(q, &p);
	return RC_OK;
}

enum rc request_csr_show(struct request *q, struct err *e)
{
	const struct cluster_node *node = NULL;
	struct waiting_pair p;
	enum unit unit = UNIT_COUNT;

	if (read_place(q, &unit, &node, e) != RC_OK || request_read_done(q, e) != RC_OK ||
	    waiting_find(&q->service->waiting, unit, place(q, node), &p, e) != RC_OK)
		return e->rc;
	write_waiting(q, &p);
	return RC_OK;
}

/* ---- its certificate ---- */

static enum rc sign_nothing(void *arg, enum itl_digest digest, const struct bytes *parts,
			    size_t nparts, uint8_t *signature, size_t length,
			    struct err *e)
{
	(void)arg, (void)digest, (void)parts, (void)nparts, (void)e;
	memset(signature, 0, length);
	return RC_OK;
}

static bool is_named(const struct itl *l)
{
	/* a NUL alone: no part of the name is one that a list knows */
	return l->records[0].subject.n > 1 && l->records[0].issuer.n > 1;
}

/* Names, serial, signature and length must be such as a list can hold: a list is
 * made with it, as signer too if that is its work, that nobody signs or gets. */
static enum rc fits_lists(struct request *q, enum unit unit, X509 *cert, struct err *e)
{
	const struct cluster_node *publisher = cluster_publisher(q->service->config->cluster);
	const struct itl_entry entry = {ITL_SAST, cert, true, NULL, false, {0}};
	struct itl_plan plan = {.file_name = "none", .signer = cert,
				.digest = ITL_SHA1, .entries = &entry, .nentries = 1};
	const struct itl_signer nobody = {.sign = sign_nothing};
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t CLEANUP_FREE *list = NULL;
	struct held_key *k = NULL;
	const char *why = NULL;
	size_t n = 0;

	if (unit != UNIT_CALLMANAGER) {
		if (keyring_current(&q->service->keys, UNIT_CALLMANAGER, publisher->id,
				    &k, e) != RC_OK)
			return e->rc;
		plan.signer = k->key->cert;
	}
	if (itl_build(&plan, &nobody, &list, &n, e) != RC_OK ||
	    itl_parse(bytes_of(list, n), 0, &l, e) != RC_OK)
		why = e->why;
	else if (!is_named(l))
		why = "its subject or its issuer has none of CN, OU, O, L, ST, C";
	else
		why = itl_record_disagrees(&l->records[0], cert);
	return why ? err_set(e, RC_REFUSED, "cert-import",
			     "no list could hold this certificate", why, "%s",
			     q->note.key)
		   : RC_OK;
}

/* In force it would have to be the highest generation. */
static enum rc is_next(struct request *q, const struct label *l, struct err *e)
{
	struct held_key *k = NULL;
	struct err none;

	if (keyring_current(&q->service->keys, l->unit, l->node, &k, &none) != RC_OK ||
	    k->label.generation < l->generation)
		return RC_OK;
	return err_set(e, RC_REFUSED, "cert-import",
		       "a newer key of the unit was made since the request",
		       "itlctl set csr gen makes a new request; the authority must sign that",
		       "%s", q->note.key);
}

static enum rc check(struct request *q, const struct label *l, struct hsm_key *pair,
		     const struct x509_chain *chain, struct err *e)
{
	static const char text[] = "itlkeeper: this key answers to its certificate";
	const struct bytes message = bytes_of_text(text);
	uint8_t signature[HSM_SIGNATURE_MAX];

	if (x509_chain_check(chain, request_unit_profile(l->unit), pair->public_key,
			     (int64_t)time(NULL), e) != RC_OK ||
	    fits_lists(q, l->unit, chain->certs[0], e) != RC_OK)
		return e->rc;
	/* Verified in software, with the public key that the certificate has. */
	return hsm_sign(q->session, pair, "SHA256", HSM_PKCS1, &message, 1, signature,
			pair->bits / 8, e);
}

/* Called between request_lock() and request_unlock(). */
static enum rc import(struct request *q, enum unit unit, const struct cluster_node *node,
		      struct bytes certificates, struct err *e)
{
	struct x509_chain CLEANUP(x509_chain_clear) chain = {.n = 0};
	struct hsm_key CLEANUP(hsm_key_free) *pair = NULL;
	struct waiting *all = &q->service->waiting;
	struct keyring *ring = &q->service->keys;
	struct hsm_key *key;
	struct waiting_pair p;
	struct err why;

	if (waiting_find(all, unit, place(q, node), &p, e) != RC_OK)
		return e->rc;
	label_text(&p.label, q->note.key);
	if (x509_chain_read(certificates, &chain, e) != RC_OK ||
	    is_next(q, &p.label, e) != RC_OK ||
	    hsm_pair_find(q->session, p.id, q->note.key, &pair, e) != RC_OK ||
	    check(q, &p.label, pair, &chain, e) != RC_OK ||
	    hsm_key_commit(q->session, pair, chain.certs[0], e) != RC_OK)
		return e->rc;
	key = pair;
	pair = NULL; /* the ring's, also on failure */
	if (keyring_add(ring, key, e) != RC_OK)
		return e->rc;
	if (waiting_remove(all, p.id, &why) != RC_OK)
		log_error("csr", &why); /* the next start does it */
	request_look_for_halves(q);
	return RC_OK;
}

enum rc request_cert_import(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	const struct cluster_node *node = NULL;
	struct held_key *held = NULL;
	struct bytes certificates;
	struct keyd_intent intent;
	enum unit unit = UNIT_COUNT;
	enum rc rc;

	if (read_place(q, &unit, &node, e) != RC_OK)
		return e->rc;
	certificates = read_bytes32(&q->in);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (certificates.n > KEYD_CHAIN_MAX)
		return err_set(e, RC_USAGE, "cert-import", "are too many bytes",
			       "leave out what does not lead to the root",
			       "certificates of %zu bytes, of at most %u",
			       certificates.n, KEYD_CHAIN_MAX);
	intent = keyd_intent_cert_import(unit, node ? node->id : NULL, certificates);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    request_lock(q, e) != RC_OK)
		return e->rc;
	rc = import(q, unit, node, certificates, e);
	request_unlock(q);
	if (rc != RC_OK ||
	    keyring_current(&q->service->keys, unit, place(q, node), &held, e) != RC_OK)
		return e->rc;
	note_digest(&q->note, bytes_of(held->der, held->der_len));
	request_write_key(q, held);
	return RC_OK;
}
