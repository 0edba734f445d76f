/* set csr gen, show csr own, set cert import: certificates of an authority's. */
#include "base/file.h"
#include "base/num.h"
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "itlctl/regen.h"
#include <sodium.h>
#include <string.h>

#define MAX_PEM (64u << 10) /* bytes of a file; text may stand around certificates */

/* keyd refuses them too; here before a password is asked for. */
static enum rc read_unit(struct ctl *c, struct regen *r, struct err *e)
{
	if (regen_unit(c, r, e) != RC_OK)
		return e->rc;
	if (r->unit == UNIT_ITLRECOVERY)
		return err_set(e, RC_REFUSED, r->name,
			       "it is the cluster's own last resort, which no authority's certificate may bring to an end",
			       "CallManager, TVS and CAPF may have one; set cert regen makes a new ITLRecovery",
			       "%s", unit_name(r->unit));
	if (r->unit == UNIT_AUDIT)
		return err_set(e, RC_USAGE, r->name, "it has no authority's certificate",
			       "CallManager, TVS and CAPF may have one", "%s",
			       unit_name(r->unit));
	return RC_OK;
}

/* ---- requests ---- */

/* The request alone is on stdout, so that it can go into a file. */
static enum rc print_request(struct ctl *c, json_t *answer, struct err *e)
{
	if (c->json)
		return ctl_result(c, json_incref(answer), e);
	(void)fprintf(c->out, "%s", answer_text(answer, "pem"));
	return RC_OK;
}

enum rc set_csr_gen(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	struct regen CLEANUP(regen_clear) r = {.c = c, .name = "set csr gen"};
	FILE *words = c->session->err;
	struct keyd_intent intent;
	json_auto_t *answer = NULL;
	char ticket[TICKET_HEX];

	if (read_unit(c, &r, e) != RC_OK || ctl_password(c, &password, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_csr(r.unit, r.node);
	if (ctl_ticket(c, password, &intent, ticket, e) != RC_OK ||
	    ctl_call(c, json_pack("{s:s, s:s, s:s?, s:s}", "do", "csr", "unit",
				  unit_name(r.unit), "node", r.node, "ticket", ticket),
		     NULL, NULL, &answer, e) != RC_OK)
		return e->rc;
	(void)fprintf(words,
		      "\nSuccessfully Generated CSR for %s\n"
		      "The key in force stays until the certificate is imported:\n"
		      "itlctl --node %s set cert import %s FILE\n\n",
		      unit_name(r.unit), c->node->host, unit_name(r.unit));
	(void)fflush(words);
	return print_request(c, answer, e);
}

enum rc show_csr_own(struct ctl *c, struct err *e)
{
	struct regen CLEANUP(regen_clear) r = {.c = c, .name = "show csr own"};
	json_auto_t *answer = NULL;

	if (read_unit(c, &r, e) != RC_OK ||
	    ctl_call(c, json_pack("{s:s, s:s, s:s?}", "do", "csr-show", "unit",
				  unit_name(r.unit), "node", r.node),
		     NULL, NULL, &answer, e) != RC_OK)
		return e->rc;
	return print_request(c, answer, e);
}

/* ---- certificates ---- */

struct chain {
	struct writer *to;
	const char *path;
};

static enum rc append(void *arg, X509 *x, struct err *e)
{
	struct chain *c = arg;
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	X509_free(x);
	if (n > 0)
		write_bytes(c->to, bytes_of(der, num_size(n)));
	OPENSSL_free(der);
	if (n <= 0 || c->to->bad)
		return err_set(e, RC_USAGE, "read certificates", "are too many",
			       "put in what leads to the root, and no more: 16 KiB at most",
			       "%s", c->path);
	return RC_OK;
}

/* All of a file, in its order, behind what there is. */
static enum rc read_certs(const char *path, struct writer *to, struct err *e)
{
	uint8_t CLEANUP_FREE *bytes = NULL;
	struct chain c = {to, path};
	size_t n = 0;

	if (file_read(path, MAX_PEM, &bytes, &n, e) != RC_OK)
		return e->rc;
	if (certs_read_all(bytes_of(bytes, n), path, append, &c, e) == RC_OK)
		return RC_OK;
	return e->hint[0] ? e->rc : err_hint(e, "put the certificate first, then those of its authorities");
}

static enum rc ask_import(const struct regen *r, struct err *e)
{
	(void)fprintf(ctl_words(r->c),
		      "\nWARNING: This operation will overwrite any certificate\n"
		      "previously imported or generated for %s\n", unit_name(r->unit));
	return regen_agree(r, "Proceed with import (yes|no)?", "nothing was changed", e);
}

static enum rc import(struct regen *r, const struct secret *password,
		      struct bytes certificates, json_t **cert, struct err *e)
{
	struct keyd_intent intent = keyd_intent_cert_import(r->unit, r->node, certificates);
	char text[sodium_base64_ENCODED_LEN(KEYD_CHAIN_MAX,
					    sodium_base64_VARIANT_ORIGINAL)];
	char ticket[TICKET_HEX];

	(void)sodium_bin2base64(text, sizeof text, certificates.p, certificates.n,
				sodium_base64_VARIANT_ORIGINAL);
	if (ctl_ticket(r->c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	return ctl_call(r->c, json_pack("{s:s, s:s, s:s?, s:s, s:s, s:b}", "do",
					"cert-import", "unit", unit_name(r->unit), "node",
					r->node, "certificates", text, "ticket", ticket,
					"force", r->c->opt.value[OPT_FORCE] != NULL),
			NULL, NULL, cert, e);
}

enum rc set_cert_import(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *password = NULL;
	struct regen CLEANUP(regen_clear) r = {.c = c, .name = "set cert import"};
	const char *ca = c->opt.value[OPT_CA];
	uint8_t der[KEYD_CHAIN_MAX];
	struct writer to = writer_of(der, sizeof der);
	json_auto_t *cert = NULL;

	if (read_unit(c, &r, e) != RC_OK || read_certs(c->args[1], &to, e) != RC_OK ||
	    (ca && read_certs(ca, &to, e) != RC_OK) || regen_plan(&r, e) != RC_OK ||
	    ctl_password(c, &password, e) != RC_OK || ask_import(&r, e) != RC_OK)
		return e->rc;
	if (import(&r, password, writer_bytes(&to), &cert, e) != RC_OK)
		return regen_refused(&r, e);
	if (c->json)
		return ctl_result(c, json_incref(cert), e);
	(void)fprintf(c->out,
		      "\nSuccessfully Imported Certificate for %s.\n"
		      "You must restart services related to %s for the imported\n"
		      "certificate to become active.\n",
		      unit_name(r.unit), unit_name(r.unit));
	regen_next(&r);
	return RC_OK;
}
