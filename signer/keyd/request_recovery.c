/*
 * The recovery key's way out and back, and other keys' way in. These come from an administrator's program
 * itself, with its own ticket; front sees neither passwords nor key-encryption
 * keys.
 */
#include "service.h"
#include "base/num.h"
#include "base/proc.h"
#include "hsm/wrap.h"
#include <string.h>
#include <time.h>

CLEANUP_DEFINE(X509 *, X509_free);

enum rc service_look_at_recovery(struct service *s, struct hsm_session *session,
				 struct err *e)
{
	struct held_key *held;
	bool extractable = true;
	struct err none;

	if (keyring_current(&s->keys, UNIT_ITLRECOVERY, NULL, &held, &none) ==
		    RC_OK &&
	    hsm_key_extractable(session, held->key, &extractable, e) != RC_OK)
		return e->rc;
	atomic_store(&s->sealed, !extractable);
	return RC_OK;
}

/* ---- what comes in ---- */

static enum rc read_kek(struct request *q, struct wrapped_key *w, struct err *e)
{
	struct bytes kek = read_bytes(&q->in, WRAPPED_KEK_LEN);
	struct bytes iv = read_bytes(&q->in, WRAPPED_IV_LEN);

	if (secret_new(WRAPPED_KEK_LEN, &w->kek, e) != RC_OK)
		return e->rc;
	if (!q->in.bad) { /* else request_read_done() says so */
		memcpy(w->kek->p, kek.p, kek.n);
		memcpy(w->iv, iv.p, iv.n);
	}
	return RC_OK;
}

/* A wrapped key, and its certificate. The rest of the body. */
static enum rc read_file(struct request *q, struct wrapped_key *w,
			 struct bytes *der, struct err *e)
{
	struct bytes wrapped;

	if (read_kek(q, w, e) != RC_OK)
		return e->rc;
	wrapped = read_bytes32(&q->in);
	*der = read_bytes32(&q->in);
	if (wrapped.n > sizeof w->bytes || der->n > KEYD_CERT_MAX)
		q->in.bad = true;
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (wrapped.n)
		memcpy(w->bytes, wrapped.p, wrapped.n);
	w->n = wrapped.n;
	return RC_OK;
}

static enum rc bad_cert(struct err *e, const char *why)
{
	return err_set(e, RC_REFUSED, "certificate", why,
		       "take another file: this one is damaged or was put together wrongly",
		       "the key's");
}

/* Exactly one; if it names itself as its issuer, it is. */
static enum rc read_cert(struct request *q, enum unit unit, struct bytes der,
			 X509 **out, struct err *e)
{
	const uint8_t *p = der.p;
	X509 CLEANUP(X509_free) *cert = d2i_X509(NULL, &p, (long)der.n);
	EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;

	if (!cert || p != der.p + der.n)
		return bad_cert(e, "is not exactly one certificate");
	note_digest(&q->note, der);
	if (!key || !EVP_PKEY_is_a(key, "RSA"))
		return bad_cert(e, "is not of an RSA key");
	if (EVP_PKEY_get_bits(key) == 3072 && unit != UNIT_TVS && unit != UNIT_CAPF)
		return bad_cert(e, "is of 3072 bits, which a list cannot name as its signer's");
	if (X509_NAME_cmp(X509_get_subject_name(cert),
			  X509_get_issuer_name(cert)) == 0 &&
	    X509_verify(cert, key) != 1)
		return bad_cert(e, "does not verify with its own key");
	*out = cert;
	cert = NULL;
	return RC_OK;
}

static void give_route(struct request *q, enum hsm_route route)
{
	note_detail(&q->note, "route=%s", hsm_route_name(route));
	write_text(&q->out, hsm_route_name(route));
}

/* ---- out ---- */

enum rc request_export(struct request *q, struct err *e)
{
	struct consent consent = request_read_own_consent(q);
	struct bytes derived = read_bytes(&q->in, KEYD_DERIVED_LEN);
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	struct held_key *held;
	enum hsm_route route;

	if (read_kek(q, &w, e) != RC_OK || request_read_done(q, e) != RC_OK ||
	    request_use_own_consent(q, &consent, KEYD_OP_EXPORT, e) != RC_OK ||
	    request_check_password(q, PASSWORD_SECURITY, derived, NULL, e) !=
		    RC_OK ||
	    keyring_current(&q->service->keys, UNIT_ITLRECOVERY, NULL, &held,
			    e) != RC_OK)
		return e->rc;
	note_key(&q->note, held);
	note_digest(&q->note, bytes_of(held->der, held->der_len));
	if (hsm_key_wrap(q->session, held->key, &w, &route, NULL, e) != RC_OK)
		return e->rc;
	request_write_key(q, held);
	give_route(q, route);
	write_bytes32(&q->out, wrapped_bytes(&w));
	return RC_OK;
}

/* ---- proof ---- */

/* Only of a key that this token has is it a backup. NULL if it has not. */
static struct held_key *find_recovery(struct request *q, struct bytes der)
{
	struct held_key *held = keyring_by_cert(&q->service->keys, der);

	if (!held || held->label.unit != UNIT_ITLRECOVERY)
		return NULL;
	note_key(&q->note, held);
	return held;
}

static void remember(struct request *q, const struct held_key *held,
		     struct bytes claim, uint32_t security)
{
	struct keyd_proof proof = {.label = held->label,
				   .security = security,
				   .proved = (int64_t)time(NULL)};

	memcpy(proof.id, held->key->id, sizeof proof.id);
	proofs_add(&q->service->proofs, claim.p, q->conn->peer.uid, &proof,
		   proc_now());
}

enum rc request_prove(struct request *q, struct err *e)
{
	struct consent consent = request_read_own_consent(q);
	bool has_security = read_u8(&q->in) == 1;
	struct bytes derived = read_bytes(&q->in, KEYD_DERIVED_LEN);
	struct bytes claim = read_bytes(&q->in, KEYD_CLAIM_LEN), der;
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	X509 CLEANUP(X509_free) *cert = NULL;
	char hex[2 * KEYD_CLAIM_LEN + 1], label[LABEL_MAX] = "";
	struct held_key *held;
	enum hsm_route route;
	uint32_t security = 0;

	if (read_file(q, &w, &der, e) != RC_OK ||
	    request_use_own_consent(q, &consent, KEYD_OP_PROVE, e) != RC_OK)
		return e->rc;
	note_detail(&q->note, "claim=%s", hex_of(claim, hex, sizeof hex));
	if ((has_security &&
	     request_check_password(q, PASSWORD_SECURITY, derived, &security,
				    e) != RC_OK) ||
	    read_cert(q, UNIT_ITLRECOVERY, der, &cert, e) != RC_OK ||
	    hsm_wrapped_prove(q->session, &w, cert, &route, e) != RC_OK)
		return e->rc;
	held = find_recovery(q, der);
	if (held)
		label_text(&held->label, label);
	if (held && has_security)
		remember(q, held, claim, security);
	write_text(&q->out, label);
	give_route(q, route);
	return RC_OK;
}

enum rc request_proof(struct request *q, struct err *e)
{
	struct bytes claim = read_bytes(&q->in, KEYD_CLAIM_LEN);
	uid_t uid = read_u32(&q->in);
	struct keyd_proof p;
	char label[LABEL_MAX], hex[2 * 8 + 1];

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (!proofs_take(&q->service->proofs, claim.p, uid, proc_now(), &p))
		return err_set(e, RC_NOTFOUND, "proof",
			       "is not known to be a proved backup",
			       "prove it again: itlvault verify", "claim %s...",
			       hex_of(claim, hex, sizeof hex));
	label_text(&p.label, label);
	write_text(&q->out, label);
	write_bytes(&q->out, bytes_of(p.id, sizeof p.id));
	write_u32(&q->out, p.security);
	write_u64(&q->out, (uint64_t)p.proved);
	return RC_OK;
}

/* ---- back ---- */

static void give_imported(struct request *q, bool present,
			  const struct held_key *held)
{
	note_key(&q->note, held);
	write_u8(&q->out, present);
	request_write_key(q, held);
}

/* What comes in, and whose it shall be. */
struct incoming {
	enum unit unit;
	const char *node; /* NULL for the cluster's units */
	struct wrapped_key w;
	struct bytes der;
	X509 *cert;
	bool replace;
};

static void incoming_clear_at(struct incoming *in)
{
	wrapped_key_clear(&in->w);
	X509_free(in->cert);
}

/* The next generation; the id is in the log before the token has it. */
static enum rc import(struct request *q, const struct incoming *in,
		      enum hsm_route *route, struct err *e)
{
	struct keyring *ring = &q->service->keys;
	struct hsm_key *key = NULL;
	uint8_t id[HSM_ID_LEN];
	struct label label;

	keyring_next_label(ring, in->unit, in->node, &label);
	label_text(&label, q->note.key);
	hsm_id_new(id);
	if (request_note_id(q, "import-begin", q->note.key, id, e) != RC_OK ||
	    hsm_key_import(q->session, id, q->note.key, &in->w, in->cert,
			   request_unit_usage(in->unit), &key, route, e) != RC_OK ||
	    keyring_add(ring, key, e) != RC_OK)
		return e->rc;
	return service_look_at_recovery(q->service, q->session, e);
}

/* Called between request_lock() and request_unlock(). */
static enum rc import_unless_there(struct request *q, const struct incoming *in,
				   struct err *e)
{
	struct keyring *ring = &q->service->keys;
	struct held_key *held = keyring_by_cert(ring, in->der);
	enum hsm_route route;

	if (held && held->label.unit != in->unit)
		return err_set(e, RC_REFUSED, "import",
			       "this certificate is another unit's already",
			       "each unit has a key of its own: a list with one twice would let it stand for both",
			       "%s", held->key->label);
	if (keyring_current(ring, in->unit, in->node, &held, e) == RC_OK) {
		if (bytes_equal(bytes_of(held->der, held->der_len), in->der)) {
			note_detail(&q->note, "present=1");
			give_imported(q, true, held);
			write_text(&q->out, "");
			return RC_OK;
		}
		if (!in->replace)
			return err_set(e, RC_REFUSED, "import",
				       in->unit == UNIT_ITLRECOVERY
					       ? "the token has another recovery key"
					       : "the token has another key of this unit",
				       "--replace takes the imported one instead, and keeps that one, retired",
				       "%s", held->key->label);
		note_detail(&q->note, "replaces=%s", held->key->label);
	}
	if (import(q, in, &route, e) != RC_OK ||
	    keyring_current(ring, in->unit, in->node, &held, e) != RC_OK)
		return e->rc;
	give_imported(q, false, held);
	give_route(q, route);
	return RC_OK;
}

static enum rc read_incoming(struct request *q, struct incoming *in,
			     struct err *e)
{
	const struct cluster_node *node = NULL;

	if (request_read_place(q, &in->unit, &node, e) != RC_OK)
		return e->rc;
	if (in->unit == UNIT_AUDIT)
		return err_set(e, RC_REFUSED, "import",
			       "is made in this token, and nowhere else",
			       "leave it out; cluster init makes it", "%s",
			       unit_name(in->unit));
	in->node = node ? node->id : NULL;
	in->replace = read_u8(&q->in) == 1;
	return read_file(q, &in->w, &in->der, e);
}

enum rc request_import(struct request *q, struct err *e)
{
	struct consent consent = request_read_own_consent(q);
	struct incoming CLEANUP(incoming_clear) in = {0};
	enum rc rc;

	if (read_incoming(q, &in, e) != RC_OK ||
	    request_use_own_consent(q, &consent, KEYD_OP_IMPORT, e) != RC_OK ||
	    read_cert(q, in.unit, in.der, &in.cert, e) != RC_OK ||
	    request_lock(q, e) != RC_OK)
		return e->rc;
	rc = import_unless_there(q, &in, e);
	if (rc != RC_OK)
		request_look_for_halves(q);
	request_unlock(q);
	return rc;
}

enum rc request_seal(struct request *q, struct err *e)
{
	struct consent consent = request_read_own_consent(q);
	struct held_key *held;
	enum rc rc;

	if (request_read_done(q, e) != RC_OK ||
	    request_use_own_consent(q, &consent, KEYD_OP_SEAL, e) != RC_OK ||
	    request_lock(q, e) != RC_OK)
		return e->rc;
	rc = keyring_current(&q->service->keys, UNIT_ITLRECOVERY, NULL, &held, e);
	if (rc == RC_OK) {
		note_key(&q->note, held);
		rc = hsm_key_seal(q->session, held->key, e);
	}
	if (rc == RC_OK)
		rc = service_look_at_recovery(q->service, q->session, e);
	request_unlock(q);
	return rc;
}
