/* A node's TVS, asked as a phone asks it (spec: tvs): does it vouch for these? */
#include "base/hex.h"
#include "base/num.h"
#include "carry/carry.h"
#include "itl/itl.h"
#include "job.h"
#include "sandbox.h"
#include "tvs/ask.h"
#include <string.h>

CLEANUP_DEFINE(X509 *, X509_free);

#define IS_IT_RUNNING                                                          \
	"`systemctl restart itlkeeper-tvs`; is its listener of tvs.conf the node's address and tvs-port?"

/* The certificate that phones' lists name must be the one that it shows. */
static bool is_the_nodes(void *arg, struct bytes cert, const uint8_t sha1[SHA1_LEN])
{
	(void)cert;
	return !memcmp(arg, sha1, SHA1_LEN);
}

static enum rc enter(const struct tvs_server *s, uint8_t sha1[SHA1_LEN],
		     struct tvs_ask **out, struct err *e)
{
	if (tvs_ask_open(s, is_the_nodes, sha1, out, e) == RC_OK)
		return RC_OK;
	if (e->rc != RC_REFUSED)
		return err_hint(e, IS_IT_RUNNING);
	return err_set(e, RC_VERIFY, "TVS",
		       "it shows another certificate than the node's current one",
		       "`systemctl restart itlkeeper-tvs`; or is it another program that has this port?",
		       "%s:%u", s->host, s->port);
}

static bool may_sign_lists(struct bytes roles)
{
	return roles.n && memchr(roles.p, ITL_SAST, roles.n);
}

/* A phone that meets a list of this signer asks so. */
static enum rc ask_for(struct tvs_ask *a, struct bytes der, const X509 *cert,
		       struct err *e)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	char subject[ITL_MAX_NAME], issuer[ITL_MAX_NAME];
	size_t nsubject = 0, nissuer = 0;
	struct tvs_message m = {.kind = TVS_QUERY,
				.device = bytes_of_text("CP-itlkeeper-front")};
	struct tvs_message says;
	const char *why = NULL;

	if (itl_name(X509_get_subject_name(cert), subject, &nsubject, e) != RC_OK ||
	    itl_name(X509_get_issuer_name(cert), issuer, &nissuer, e) != RC_OK)
		return e->rc;
	m.subject = bytes_of(subject, nsubject - 1);
	m.issuer = bytes_of(issuer, nissuer - 1);
	m.serial = bytes_of(ASN1_STRING_get0_data(serial),
			    num_size(ASN1_STRING_length(serial)));
	if (tvs_ask_question(a, &m, &says, e) != RC_OK)
		return err_hint(e, "`journalctl -u itlkeeper-tvs` says what is wrong");
	if (says.status != TVS_VALID)
		why = "it does not vouch for a certificate of this cluster";
	else if (!bytes_equal(says.cert, der))
		why = "it vouches for another certificate than was asked about";
	else if (!may_sign_lists(says.roles))
		why = "it does not say of a certificate that signs lists that it may";
	return why ? err_set(e, RC_VERIFY, "TVS", why,
			     "`systemctl restart itlkeeper-tvs`; it should know a new key within seconds",
			     "%.150s", subject)
		   : RC_OK;
}

/* The job's content: certificates, one after the other. */
static enum rc ask_for_all(struct tvs_ask *a, const uint8_t *p, size_t n, struct err *e)
{
	const uint8_t *const end = p + n;

	while (p < end) {
		const uint8_t *der = p;
		X509 CLEANUP(X509_free) *cert = d2i_X509(NULL, &p, (long)(end - p));

		if (!cert)
			return err_set(e, RC_USAGE, "job", "is no certificate", NULL,
				       "the last %zu bytes of the content",
				       (size_t)(end - der));
		if (ask_for(a, bytes_of(der, (size_t)(p - der)), cert, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

enum rc job_tvs(json_t *job, struct err *e)
{
	struct tvs_ask CLEANUP(tvs_ask_free) *a = NULL;
	uint8_t CLEANUP_FREE *certs = NULL;
	struct tvs_server s = {0};
	uint8_t sha1[SHA1_LEN];
	const char *hex;
	int port, seconds;
	size_t n = 0;

	if (job_members(job, e, "{s:s, s:i, s:i, s:s}", "address", &s.host, "port",
			&port, "seconds", &seconds, "sha1", &hex) != RC_OK)
		return e->rc;
	if (seconds < 1 || port < 1 || port > UINT16_MAX ||
	    !hex_read(hex, sha1, sizeof sha1))
		return err_set(e, RC_USAGE, "tvs", "out of range", NULL,
			       "seconds=%d port=%d sha1=%.40s", seconds, port, hex);
	if (job_content(CARRY_OBJECT_MAX, &certs, &n, e) != RC_OK ||
	    sandbox_files(NULL, NULL, 0, e) != RC_OK)
		return e->rc;
	s.port = (unsigned)port;
	s.timeout = seconds;
	if (enter(&s, sha1, &a, e) != RC_OK)
		return e->rc;
	return ask_for_all(a, certs, n, e);
}
