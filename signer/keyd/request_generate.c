/*
 * A new generation: note the id, generate, test-sign, certify, commit. Cut off
 * anywhere, the token holds at most a half that does not count, under an id that
 * the audit log knows. (spec: pkcs11, "Concurrency and crashes")
 */
#include "make.h"
#include "base/log.h"
#include "base/proc.h"
#include "hsm/sign.h"
#include "hsm/wrap.h"
#include "provider/provider.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

static const struct {
	unsigned usage; /* in the token (design: the table of keys) */
	enum x509_profile profile;
} units[UNIT_COUNT] = {
	[UNIT_CALLMANAGER] = {HSM_SIGN, X509_CALLMANAGER},
	[UNIT_TVS] = {HSM_SIGN | HSM_DECRYPT, X509_TVS},
	[UNIT_CAPF] = {HSM_SIGN, X509_CAPF},
	[UNIT_ITLRECOVERY] = {HSM_SIGN | HSM_EXTRACTABLE, X509_RECOVERY},
	[UNIT_AUDIT] = {HSM_SIGN, X509_AUDIT},
};

static int sign_message(void *arg, const char *md, int pss,
			const unsigned char *tbs, size_t n, unsigned char *sig,
			size_t *siglen)
{
	struct new_key *m = arg;
	struct bytes part = bytes_of(tbs, n);
	size_t need = (size_t)EVP_PKEY_get_size(m->key->public_key);

	if (*siglen < need ||
	    hsm_sign(m->session, m->key, md, pss ? HSM_PSS : HSM_PKCS1, &part, 1,
		     sig, need, &m->token) != RC_OK)
		return -1;
	*siglen = need;
	return 0;
}

static const struct provider_ops new_key_ops = {.sign = sign_message};

static const char *hash_name(const struct cluster *c)
{
	static const char *const names[] = {"SHA1", "SHA256", "SHA512"};

	return names[c->cert_hash];
}

static enum rc subject_of(struct request *q, enum unit unit,
			  const struct cluster_node *node,
			  char cn[CLUSTER_CN_MAX + 1], struct x509_subject *out,
			  struct err *e)
{
	const struct cluster *c = q->service->config->cluster;
	uint8_t random[4];
	char capf[9];

	randombytes_buf(random, sizeof random);
	hex_of(bytes_of(random, sizeof random), capf, sizeof capf);
	if (cluster_common_name(c, unit, node, capf, cn, e) != RC_OK)
		return e->rc;
	*out = (struct x509_subject){.cn = cn, .ou = c->org_unit, .o = c->org,
				     .l = c->locality, .st = c->state,
				     .c = c->country};
	return RC_OK;
}

enum rc new_key_begin(struct request *q, enum unit unit,
		      const struct cluster_node *node, struct hsm_key *key,
		      struct new_key *out, struct err *e)
{
	*out = (struct new_key){.session = q->session,
				.key = key,
				.profile = units[unit].profile};
	if (subject_of(q, unit, node, out->cn, &out->subject, e) != RC_OK)
		return e->rc;
	return provider_key(q->service->provider, key->public_key, &new_key_ops, out,
			    &out->signer, e);
}

enum rc new_key_end(struct new_key *k, enum rc rc, struct err *e)
{
	EVP_PKEY_free(k->signer);
	if (rc != RC_OK && k->token.rc != RC_OK)
		*e = k->token; /* what the token said says more */
	return rc == RC_OK ? RC_OK : e->rc;
}

static enum rc certify(struct request *q, enum unit unit,
		       const struct cluster_node *node, struct hsm_key *key,
		       X509 **out, struct err *e)
{
	const struct cluster *c = q->service->config->cluster;
	struct new_key k;
	enum rc rc;

	if (new_key_begin(q, unit, node, key, &k, e) != RC_OK)
		return e->rc;
	rc = x509_self_sign(k.profile, &k.subject, k.signer, key->public_key,
			    q->service->provider, hash_name(c), (int64_t)time(NULL),
			    unit == UNIT_ITLRECOVERY ? c->recovery_years
						     : c->cert_years,
			    out, e);
	return new_key_end(&k, rc, e);
}

enum x509_profile request_unit_profile(enum unit unit)
{
	return units[unit].profile;
}

unsigned request_unit_usage(enum unit unit)
{
	return units[unit].usage;
}

enum rc request_note_id(struct request *q, const char *event, const char *label,
			const uint8_t id[HSM_ID_LEN], struct err *e)
{
	char hex[2 * HSM_ID_LEN + 1], detail[64];

	(void)snprintf(detail, sizeof detail, "id=%s",
		       hex_of(bytes_of(id, HSM_ID_LEN), hex, sizeof hex));
	return request_note_more(q, event, label, detail, e);
}

/*
 * Wrap the new key once, for nobody: true if it would only leave the token by way
 * of a conversion, and another key of another length would not. Of RSA-2048, one
 * in five has it; 1024 and 4096 never do.
 */
static bool another_is_better(struct request *q, struct hsm_key *key,
			      const char **route)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	enum hsm_route way = HSM_ROUTE_COUNT;
	bool by_length = false;
	struct err why;

	if (wrapped_key_begin(&w, &why) != RC_OK)
		return false;
	/* A token that wraps nothing still makes keys: there is no backup then, and
	 * the export says why. */
	if (hsm_key_wrap(q->session, key, &w, &way, &by_length, &why) != RC_OK)
		log_error("trial-wrap", &why);
	*route = hsm_route_name(way);
	return way == HSM_ROUTE_CONVERT && by_length && key->bits == 2048;
}

enum rc request_make_pair(struct request *q, enum unit unit, unsigned bits,
			  const char *text, struct hsm_key **out, unsigned *tries,
			  struct err *e)
{
	double end = proc_now() + q->service->config->generate_seconds / 2.0;
	struct hsm_key CLEANUP(hsm_key_free) *key = NULL;
	const char *route = NULL;

	for (*tries = 1;; ++*tries) {
		uint8_t id[HSM_ID_LEN];

		hsm_id_new(id);
		if (request_note_id(q, "generate-begin", text, id, e) != RC_OK ||
		    hsm_key_generate(q->session, id, text, bits,
				     units[unit].usage, &key, e) != RC_OK)
			return e->rc;
		if (unit != UNIT_ITLRECOVERY ||
		    !another_is_better(q, key, &route) ||
		    *tries == KEYD_GENERATE_TRIES || proc_now() > end)
			break;
		if (hsm_key_remove(q->session, id, e) != RC_OK)
			return e->rc;
		hsm_key_free(key);
		key = NULL;
	}
	if (unit == UNIT_ITLRECOVERY)
		note_detail(&q->note, "tries=%u route=%s", *tries,
			    route ? route : "none");
	*out = key;
	key = NULL;
	return RC_OK;
}

/* Generate, certify, commit; *out goes to the caller. A pair that could not be
 * certified is removed again. */
static enum rc make(struct request *q, enum unit unit,
		    const struct cluster_node *node, const char *text,
		    struct hsm_key **out, unsigned *tries, struct err *e)
{
	const struct cluster *c = q->service->config->cluster;
	struct hsm_key CLEANUP(hsm_key_free) *key = NULL;
	X509 *cert = NULL;
	struct err ignored;
	enum rc rc;

	if (request_make_pair(q, unit, cluster_key_bits(c, unit, node), text, &key,
			      tries, e) != RC_OK)
		return e->rc;
	/* The certificate's own signature is the test: it was made in the token
	 * and verified in software. */
	rc = certify(q, unit, node, key, &cert, e);
	if (rc == RC_OK)
		rc = hsm_key_commit(q->session, key, cert, e);
	X509_free(cert);
	if (rc != RC_OK) {
		if (hsm_key_remove(q->session, key->id, &ignored) != RC_OK)
			note_detail(&q->note, "left-behind=1");
		return rc;
	}
	*out = key;
	key = NULL;
	return RC_OK;
}

enum rc request_read_place(struct request *q, enum unit *unit,
			   const struct cluster_node **node, struct err *e)
{
	unsigned u = read_u8(&q->in);
	char name[CLUSTER_ID_MAX + 1];
	struct reader before = q->in;

	read_text(&q->in, name, sizeof name);
	if (q->in.bad || u >= UNIT_COUNT)
		return err_set(e, RC_USAGE, q->note.event, "is no unit", NULL,
			       "number %u", u);
	*unit = (enum unit)u;
	note_detail(&q->note, "unit=%s", unit_name(*unit));
	*node = NULL;
	if (unit_is_of_node(*unit)) {
		q->in = before;
		return request_read_node(q, node, e);
	}
	if (name[0])
		return err_set(e, RC_USAGE, q->note.event,
			       "is the cluster's, not a node's", NULL, "%s",
			       unit_name(*unit));
	return RC_OK;
}

enum rc request_generate(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	struct keyring *ring = &q->service->keys;
	const struct cluster_node *node = NULL;
	struct hsm_key *key = NULL;
	struct held_key *held;
	struct keyd_intent intent;
	struct label label;
	enum unit unit = UNIT_COUNT;
	unsigned tries = 0;
	enum rc rc;

	if (request_read_place(q, &unit, &node, e) != RC_OK ||
	    request_read_done(q, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_generate(unit, node ? node->id : NULL);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    request_lock(q, e) != RC_OK)
		return e->rc;
	keyring_next_label(ring, unit, node ? node->id : NULL, &label);
	label_text(&label, q->note.key);
	rc = make(q, unit, node, q->note.key, &key, &tries, e);
	if (rc == RC_OK)
		rc = keyring_add(ring, key, e);
	if (rc == RC_OK)
		rc = service_look_at_recovery(q->service, q->session, e);
	else
		request_look_for_halves(q);
	request_unlock(q);
	if (rc != RC_OK || keyring_current(ring, unit, label.node, &held, e) !=
				   RC_OK)
		return e->rc;
	note_digest(&q->note, bytes_of(held->der, held->der_len));
	request_write_key(q, held);
	write_u32(&q->out, tries);
	return RC_OK;
}
