/* show cert; certificates as the door describes them. */
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include <string.h>
#include <strings.h>

static enum rc get_certs(struct ctl *c, json_t **answer, json_t **list,
			 struct err *e)
{
	char why[1200];

	if (ctl_call(c, json_pack("{s:s}", "do", "certs"), NULL, NULL, answer, e) != RC_OK ||
	    answer_unpack(*answer, "certs", e, "{s:o}", "certs", list) != RC_OK)
		return e->rc;
	if (json_is_object(json_object_get(*answer, "error")))
		(void)fprintf(c->session->err,
			      "itlctl: warning: as they were when the token was last there: %s\n",
			      answer_any(*answer, "error", why, sizeof why));
	return RC_OK;
}

/* Whether it is a certificate of the node one stands on: the cluster's units
 * are the publisher's. */
static bool is_own(const struct ctl *c, const json_t *cert)
{
	const char *node = answer_text(cert, "node");
	enum unit unit;
	struct err none;

	if (unit_from_name(answer_text(cert, "unit"), &unit, &none) != RC_OK)
		return false;
	if (!unit_is_of_node(unit))
		return ctl_on_publisher(c);
	return !strcmp(node, c->node->id) || !strcasecmp(node, c->node->host);
}

static void print_cert(FILE *out, const json_t *cert)
{
	char from[ANSWER_TIME], to[ANSWER_TIME];

	(void)fprintf(out,
		      "Certificate: %s\n    Generation: %lld\n"
		      "    Subject: %s\n    Issuer: %s\n    Serial Number: %s\n"
		      "    Validity\n        Not Before: %s\n        Not After : %s\n"
		      "    Public Key: RSA, %lld bits\n"
		      "    SHA1 Fingerprint: %s\n    SHA256 Fingerprint: %s\n%s",
		      answer_text(cert, "unit"),
		      (long long)answer_int(cert, "generation"),
		      answer_text(cert, "subject"), answer_text(cert, "issuer"),
		      answer_text(cert, "serial"),
		      answer_time(cert, "not_before", from),
		      answer_time(cert, "not_after", to),
		      (long long)answer_int(cert, "bits"),
		      answer_text(cert, "sha1"), answer_text(cert, "sha256"),
		      answer_text(cert, "pem"));
}

enum rc show_cert_own(struct ctl *c, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *list, *cert;
	enum unit unit;
	size_t i;

	if (unit_from_name(c->args[0], &unit, e) != RC_OK ||
	    get_certs(c, &answer, &list, e) != RC_OK)
		return e->rc;
	json_array_foreach(list, i, cert) {
		if (strcmp(answer_text(cert, "unit"), unit_name(unit)) != 0 ||
		    !json_is_true(json_object_get(cert, "current")) ||
		    !is_own(c, cert))
			continue;
		if (c->json)
			return ctl_result(c, json_incref(cert), e);
		print_cert(c->out, cert);
		return RC_OK;
	}
	return err_set(e, RC_NOTFOUND, "show cert own",
		       "the node has no certificate of this unit",
		       unit_is_of_node(unit)
			       ? "itlctl cluster init makes what is missing"
			       : "only the publisher has one; it is made by itlctl cluster init",
		       "%s, %s", unit_name(unit), c->node->host);
}

enum rc show_cert_list(struct ctl *c, struct err *e)
{
	bool all = !c->opt.value[OPT_NODE];
	json_auto_t *answer = NULL;
	json_auto_t *own = json_array();
	json_t *list, *cert;
	char to[ANSWER_TIME];
	size_t i;

	if (get_certs(c, &answer, &list, e) != RC_OK)
		return e->rc;
	json_array_foreach(list, i, cert)
		if (all || is_own(c, cert))
			(void)json_array_append(own, cert);
	if (c->json)
		return ctl_result(c, json_pack("{s:O}", "certs", own), e);
	(void)fprintf(c->out, "%-11s %-14.14s %3s %-7s %4s %-16s %s\n", "Unit",
		      "Node", "Gen", "State", "Bits", "Not after", "SHA-1");
	json_array_foreach(own, i, cert)
		(void)fprintf(c->out, "%-11s %-14.14s %3lld %-7s %4lld %-16s %s\n",
			      answer_text(cert, "unit"),
			      ctl_host(c, answer_text(cert, "node")),
			      (long long)answer_int(cert, "generation"),
			      json_is_true(json_object_get(cert, "current"))
				      ? "current" : "retired",
			      (long long)answer_int(cert, "bits"),
			      answer_time(cert, "not_after", to),
			      answer_text(cert, "sha1"));
	return RC_OK;
}

enum rc certs_generate(struct ctl *c, const struct secret *password,
		       enum unit unit, const char *node, unsigned how,
		       json_t **cert, struct err *e)
{
	struct keyd_intent intent = keyd_intent_generate(unit, node);
	char ticket[TICKET_HEX];

	if (ctl_ticket(c, password, &intent, ticket, e) != RC_OK)
		return e->rc;
	return ctl_call(c, json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b}",
				     "do", "generate", "unit", unit_name(unit),
				     "node", node, "ticket", ticket, "regenerate",
				     (how & CERTS_REGENERATE) != 0, "force",
				     (how & CERTS_FORCE) != 0),
			NULL, NULL, cert, e);
}

char *certs_tries(const json_t *cert, char to[CERTS_TRIES_MAX])
{
	int64_t tries = answer_int(cert, "tries");

	to[0] = '\0';
	if (tries > 1)
		(void)snprintf(to, CERTS_TRIES_MAX,
			       " (key %lld of at most %u: its length lets this token wrap it)",
			       (long long)tries, KEYD_GENERATE_TRIES);
	return to;
}
