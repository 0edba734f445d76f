/* The recovery key's way out and back: what administrators' programs ask. */
#include "base/num.h"
#include "call.h"
#include <string.h>

static void write_kek(struct writer *w, const struct wrapped_key *key)
{
	write_bytes(w, bytes_of(key->kek->p, key->kek->n));
	write_bytes(w, bytes_of(key->iv, sizeof key->iv));
}

/* A wrapped key, and its certificate. */
static enum rc write_file(struct writer *w, const struct wrapped_key *key,
			  X509 *cert, struct err *e)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);

	if (n <= 0)
		return err_set(e, RC_ERROR, "certificate", "cannot be encoded",
			       NULL, "the recovery key's");
	write_kek(w, key);
	write_bytes32(w, wrapped_bytes(key));
	write_bytes32(w, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return RC_OK;
}

enum rc keyd_export(struct keyd *k, const struct keyd_passwords *pw,
		    struct wrapped_key *w, struct keyd_key *out,
		    char route[KEYD_ROUTE_MAX], struct err *e)
{
	struct secret CLEANUP(secret_free) *derived = NULL;
	struct secret CLEANUP(secret_free) *body = NULL;
	struct keyd_key key = {0};
	char way[KEYD_ROUTE_MAX];
	struct bytes wrapped;
	struct writer in;
	struct reader r;

	if (!pw->security)
		return err_set(e, RC_USAGE, "export", "is needed", NULL,
			       "the cluster security password");
	if (call_derive(k, &call_security, pw->security, &derived, e) != RC_OK ||
	    call_body(KEYD_DERIVED_LEN + WRAPPED_KEK_LEN + WRAPPED_IV_LEN, &body,
		     &in, e) != RC_OK)
		return e->rc;
	write_bytes(&in, bytes_of(derived->p, derived->n));
	write_kek(&in, w);
	if (call_consented(k, pw->admin, KEYD_OP_EXPORT, KEYD_EXPORT, &in, &r,
			   e) != RC_OK)
		return e->rc;
	if (call_read_key(&r, &key))
		read_text(&r, way, sizeof way);
	wrapped = read_bytes32(&r);
	if (!key.cert || !reader_done(&r) || wrapped.n == 0 ||
	    wrapped.n > sizeof w->bytes) {
		X509_free(key.cert);
		return call_malformed(k, e);
	}
	memcpy(w->bytes, wrapped.p, wrapped.n);
	w->n = wrapped.n;
	memcpy(route, way, sizeof way);
	*out = key;
	return RC_OK;
}

enum rc keyd_prove(struct keyd *k, const struct keyd_passwords *pw,
		   const struct wrapped_key *w, X509 *cert,
		   const uint8_t claim[KEYD_CLAIM_LEN], char label[LABEL_MAX],
		   char route[KEYD_ROUTE_MAX], struct err *e)
{
	static const uint8_t none[KEYD_DERIVED_LEN];
	struct secret CLEANUP(secret_free) *derived = NULL;
	struct secret CLEANUP(secret_free) *body = NULL;
	char of[LABEL_MAX], way[KEYD_ROUTE_MAX];
	struct writer in;
	struct reader r;

	if ((pw->security && call_derive(k, &call_security, pw->security,
					 &derived, e) != RC_OK) ||
	    call_body(KEYD_SECRET_MAX - KEYD_TICKET_LEN - KEYD_HEADER_LEN, &body,
		     &in, e) != RC_OK)
		return e->rc;
	write_u8(&in, derived ? 1 : 0);
	write_bytes(&in, derived ? bytes_of(derived->p, derived->n)
				 : bytes_of(none, sizeof none));
	write_bytes(&in, bytes_of(claim, KEYD_CLAIM_LEN));
	if (write_file(&in, w, cert, e) != RC_OK ||
	    call_consented(k, pw->admin, KEYD_OP_PROVE, KEYD_PROVE, &in, &r,
			   e) != RC_OK)
		return e->rc;
	read_text(&r, of, sizeof of);
	read_text(&r, way, sizeof way);
	if (!reader_done(&r))
		return call_malformed(k, e);
	memcpy(label, of, sizeof of);
	memcpy(route, way, sizeof way);
	return RC_OK;
}

enum rc keyd_import(struct keyd *k, const struct keyd_passwords *pw,
		    enum unit unit, const char *node,
		    const struct wrapped_key *w, X509 *cert, bool replace,
		    struct keyd_key *out, bool *present,
		    char route[KEYD_ROUTE_MAX], struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct keyd_key key = {0};
	char way[KEYD_ROUTE_MAX];
	struct writer in;
	struct reader r;
	bool was_there;

	if (call_body(KEYD_SECRET_MAX - KEYD_TICKET_LEN - KEYD_HEADER_LEN, &body,
		     &in, e) != RC_OK)
		return e->rc;
	write_u8(&in, (uint8_t)unit);
	write_text(&in, node ? node : "");
	write_u8(&in, replace);
	if (write_file(&in, w, cert, e) != RC_OK ||
	    call_consented(k, pw->admin, KEYD_OP_IMPORT, KEYD_IMPORT, &in, &r,
			   e) != RC_OK)
		return e->rc;
	was_there = read_u8(&r) == 1;
	if (call_read_key(&r, &key))
		read_text(&r, way, sizeof way);
	if (!key.cert || !reader_done(&r)) {
		X509_free(key.cert);
		return call_malformed(k, e);
	}
	memcpy(route, way, sizeof way);
	*present = was_there;
	*out = key;
	return RC_OK;
}

enum rc keyd_seal(struct keyd *k, const struct keyd_passwords *pw,
		  struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct writer in;
	struct reader r;

	if (call_body(0, &body, &in, e) != RC_OK)
		return e->rc;
	return call_consented(k, pw->admin, KEYD_OP_SEAL, KEYD_SEAL, &in, &r, e);
}

/* It may be asked again: where a keyd has ended, its proofs are gone too. */
enum rc keyd_proof(struct keyd *k, const uint8_t claim[KEYD_CLAIM_LEN], uid_t uid,
		   struct keyd_proof *out, struct err *e)
{
	uint8_t body[KEYD_CLAIM_LEN + 4];
	struct writer w = writer_of(body, sizeof body);
	char label[LABEL_MAX];
	struct keyd_proof p;
	struct bytes id;
	struct reader r;

	write_bytes(&w, bytes_of(claim, KEYD_CLAIM_LEN));
	write_u32(&w, uid);
	if (call_keyd(k, KEYD_PROOF, &w, true, &r, e) != RC_OK)
		return e->rc;
	read_text(&r, label, sizeof label);
	id = read_bytes(&r, sizeof p.id);
	p.security = read_u32(&r);
	p.proved = (int64_t)read_u64(&r);
	if (!reader_done(&r) || !label_read(label, strlen(label), &p.label))
		return call_malformed(k, e);
	memcpy(p.id, id.p, id.n);
	*out = p;
	return RC_OK;
}
