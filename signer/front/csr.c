/* set csr gen, show csr own, set cert import: certificates of an authority's. */
#include "base/num.h"
#include "generate.h"
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>

CLEANUP_DEFINE(BIO *, BIO_free);

static json_t *csr_json(const struct keyd_csr *r)
{
	BIO CLEANUP(BIO_free) *bio = BIO_new(BIO_s_mem());
	char label[LABEL_MAX], *pem = NULL;
	long n;

	if (!bio || !PEM_write_bio_X509_REQ(bio, r->req))
		return NULL;
	n = BIO_get_mem_data(bio, &pem);
	label_text(&r->label, label);
	return json_pack("{s:s, s:s, s:s?, s:I, s:s%}", "label", label, "unit",
			 unit_name(r->label.unit), "node",
			 unit_is_of_node(r->label.unit) ? r->label.node : NULL, "made",
			 (json_int_t)r->made, "pem", pem, num_size(n));
}

/* Nothing in force changes: no hold is met, and none is set. */
static enum rc request(struct call *c, const uint8_t *ticket, const struct job *j,
		       json_t **result, struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_csr r = {.made = 0};

	if (keyd_open(c->service->keyd, &k, e) != RC_OK ||
	    keyd_csr(k, ticket, c->peer.uid, j->unit, j->node, &r, e) != RC_OK)
		return e->rc;
	*result = csr_json(&r);
	X509_REQ_free(r.req);
	return RC_OK;
}

enum rc op_csr(struct call *c, json_t **result, struct err *e)
{
	uint8_t ticket[KEYD_TICKET_LEN];
	const char *unit_text, *hex;
	struct job j = {.node = NULL};
	json_t *node = NULL;
	char params[96];
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s:s, s:s, s?o}", "unit", &unit_text, "ticket", &hex,
			 "node", &node) != RC_OK ||
	    job_place(c, unit_text, node, &j, e) != RC_OK ||
	    op_ticket(hex, ticket, e) != RC_OK)
		return e->rc;
	(void)snprintf(params, sizeof params, "unit=%s node=%s", unit_name(j.unit),
		       j.node ? j.node : "-");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	rc = request(c, ticket, &j, result, e);
	op_end(c, op, rc, e);
	return rc;
}

enum rc show_csr(struct call *c, json_t **result, struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_csr r = {.made = 0};
	struct job j = {.node = NULL};
	const char *unit_text;
	json_t *node = NULL;

	if (call_members(c, e, "{s:s, s?o}", "unit", &unit_text, "node", &node) != RC_OK ||
	    job_place(c, unit_text, node, &j, e) != RC_OK ||
	    keyd_open(c->service->keyd, &k, e) != RC_OK ||
	    keyd_csr_show(k, j.unit, j.node, &r, e) != RC_OK)
		return e->rc;
	*result = csr_json(&r);
	X509_REQ_free(r.req);
	return RC_OK;
}

static enum rc import(struct keyd *k, const uint8_t *ticket, uid_t uid,
		      const struct job *j, struct keyd_key *new, struct err *e)
{
	return keyd_cert_import(k, ticket, uid, j->unit, j->node, j->certificates, new, e);
}

/* keyd alone looks into them. */
enum rc op_cert_import(struct call *c, json_t **result, struct err *e)
{
	struct job j = {.regenerate = true, .make = import, .event = "cert-import"};
	const char *unit_text, *hex, *text;
	uint8_t der[KEYD_CHAIN_MAX];
	json_t *node = NULL;
	int force = 0;
	size_t n = 0;

	if (call_members(c, e, "{s:s, s:s, s:s, s?o, s?b}", "unit", &unit_text, "ticket",
			 &hex, "certificates", &text, "node", &node, "force",
			 &force) != RC_OK ||
	    job_place(c, unit_text, node, &j, e) != RC_OK)
		return e->rc;
	if (sodium_base642bin(der, sizeof der, text, strlen(text), NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(e, RC_USAGE, c->name, "is no base64, or too long",
			       "at most 16 KiB of certificates", "\"certificates\"");
	j.force = force;
	j.certificates = bytes_of(der, n);
	return job_do(c, hex, &j, result, e);
}
