/* Requests for an authority's certificates, and those certificates. */
#include "base/num.h"
#include "call.h"
#include <stdlib.h>
#include <string.h>

#define PLACE_MAX (1 + 2 + CLUSTER_ID_MAX)
#define TICKET_MAX (KEYD_TICKET_LEN + 4)

static void write_consent(struct writer *w, const uint8_t *ticket, uid_t uid)
{
	write_bytes(w, bytes_of(ticket, KEYD_TICKET_LEN));
	write_u32(w, uid);
}

static void write_place(struct writer *w, enum unit unit, const char *node)
{
	write_u8(w, num_u8(unit));
	write_text(w, node ? node : "");
}

static enum rc read_csr(struct keyd *k, struct reader *r, struct keyd_csr *out,
			struct err *e)
{
	struct keyd_csr got = {.made = 0};
	char label[LABEL_MAX];
	struct bytes id, der;
	const uint8_t *p;

	read_text(r, label, sizeof label);
	id = read_bytes(r, sizeof got.id);
	got.made = (int64_t)read_u64(r);
	der = read_bytes32(r);
	p = der.p;
	if (!reader_done(r) || !label_read(label, strlen(label), &got.label))
		return call_malformed(k, e);
	memcpy(got.id, id.p, sizeof got.id);
	got.req = d2i_X509_REQ(NULL, &p, (long)der.n);
	if (!got.req || p != der.p + der.n) {
		X509_REQ_free(got.req);
		return call_malformed(k, e);
	}
	*out = got;
	return RC_OK;
}

enum rc keyd_csr(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		 enum unit unit, const char *node, struct keyd_csr *out, struct err *e)
{
	uint8_t body[TICKET_MAX + PLACE_MAX];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_consent(&w, ticket, uid);
	write_place(&w, unit, node);
	if (call_keyd(k, KEYD_CSR, &w, false, &r, e) != RC_OK)
		return e->rc;
	return read_csr(k, &r, out, e);
}

enum rc keyd_csr_show(struct keyd *k, enum unit unit, const char *node,
		      struct keyd_csr *out, struct err *e)
{
	uint8_t body[PLACE_MAX];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_place(&w, unit, node);
	if (call_keyd(k, KEYD_CSR_SHOW, &w, true, &r, e) != RC_OK)
		return e->rc;
	return read_csr(k, &r, out, e);
}

enum rc keyd_cert_import(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
			 uid_t uid, enum unit unit, const char *node,
			 struct bytes certificates, struct keyd_key *out, struct err *e)
{
	uint8_t body[TICKET_MAX + PLACE_MAX + 4 + KEYD_CHAIN_MAX];
	struct writer w = writer_of(body, sizeof body);
	struct keyd_key got = {0};
	struct reader r;

	if (certificates.n > KEYD_CHAIN_MAX)
		return err_set(e, RC_USAGE, "cert-import", "are too many bytes",
			       "leave out what does not lead to the root",
			       "certificates of %zu bytes, of at most %u",
			       certificates.n, KEYD_CHAIN_MAX);
	write_consent(&w, ticket, uid);
	write_place(&w, unit, node);
	write_bytes32(&w, certificates);
	if (call_keyd(k, KEYD_CERT_IMPORT, &w, false, &r, e) != RC_OK)
		return e->rc;
	if (!call_read_key(&r, &got) || !got.cert || !reader_done(&r)) {
		X509_free(got.cert);
		return call_malformed(k, e);
	}
	*out = got;
	return RC_OK;
}
