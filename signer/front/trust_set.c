/* A new set for the trust store: all that it shall hold, with an administrator's ticket. */
#include "base/num.h"
#include "itl/trust.h"
#include "ops.h"
#include "trust.h"
#include <sodium.h>
#include <string.h>

struct order {
	struct trust_entry entries[TRUST_MAX_ENTRIES];
	uint8_t *der[TRUST_MAX_ENTRIES]; /* of each, as keyd gets it */
	struct keyd_trust_entry wire[TRUST_MAX_ENTRIES];
	struct keyd_trust set;
	const char *base; /* the SHA-1 of the file that it was made from; NULL: none */
	uint8_t ticket[KEYD_TICKET_LEN];
};

static void order_clear_at(struct order *o)
{
	for (size_t i = 0; i < o->set.n; i++) {
		X509_free(o->entries[i].cert);
		free(o->der[i]);
	}
}

static enum rc read_cert(const char *text, struct order *o, struct err *e)
{
	size_t i = o->set.n, n = 0;
	uint8_t CLEANUP_FREE *der = malloc(TRUST_MAX_CERT);

	if (!der)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a certificate");
	if (sodium_base642bin(der, TRUST_MAX_CERT, text, strlen(text), NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(e, RC_USAGE, "trust-set", "is no base64, or too long",
			       "at most 4096 bytes of DER", "\"cert\" of entry %zu", i + 1);
	if (trust_read_cert(bytes_of(der, n), &o->entries[i].cert, e) != RC_OK)
		return e->rc;
	o->wire[i].cert = bytes_of(der, n);
	o->der[i] = der;
	der = NULL;
	o->set.n++;
	return RC_OK;
}

static enum rc read_entry(json_t *item, struct order *o, struct err *e)
{
	size_t i = o->set.n;
	const char *cert, *roles;
	json_int_t ttl;
	json_error_t je;

	if (json_unpack_ex(item, &je, JSON_STRICT, "{s:s, s:s, s:I}", "cert", &cert,
			   "roles", &roles, "ttl", &ttl))
		return err_set(e, RC_USAGE, "trust-set", je.text,
			       "are both programs of one version?", "entry %zu", i + 1);
	if (ttl < 0 || ttl > UINT32_MAX)
		return err_set(e, RC_USAGE, "trust-set", "is no time to live", NULL,
			       "entry %zu", i + 1);
	if (trust_roles_read(roles, &o->entries[i].roles, e) != RC_OK ||
	    read_cert(cert, o, e) != RC_OK)
		return e->rc;
	o->entries[i].ttl = o->wire[i].ttl = (uint32_t)ttl;
	o->wire[i].roles = o->entries[i].roles;
	return RC_OK;
}

static enum rc read_entries(json_t *list, struct order *o, struct err *e)
{
	if (!json_is_array(list) || json_array_size(list) > TRUST_MAX_ENTRIES)
		return err_set(e, RC_REFUSED, "trust-set", "there are too many certificates",
			       "remove what nobody needs any more", "%zu, at most %u",
			       json_array_size(list), TRUST_MAX_ENTRIES);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_entry(json_array_get(list, i), o, e) != RC_OK)
			return e->rc;
	return trust_check(o->entries, o->set.n, e);
}

static enum rc read_order(struct call *c, struct order *o, struct err *e)
{
	json_t *base, *entries;
	json_int_t timestamp;
	const char *hex;

	if (call_members(c, e, "{s:I, s:o, s:s, s:o, s:s}", "timestamp", &timestamp, "base",
			 &base, "change", &o->set.change, "entries", &entries, "ticket",
			 &hex) != RC_OK ||
	    op_ticket(hex, o->ticket, e) != RC_OK ||
	    op_timestamp(c, timestamp, &o->set.timestamp, e) != RC_OK)
		return e->rc;
	if (strlen(o->set.change) >= KEYD_TRUST_CHANGE)
		return err_set(e, RC_USAGE, c->name, "is too long", NULL, "\"change\"");
	o->base = json_string_value(base);
	return read_entries(entries, o, e);
}

/* The administrator saw what was there, and consented to what becomes of that. */
static enum rc check_base(struct service *s, const struct order *o, struct err *e)
{
	struct trust_present p CLEANUP(trust_present_clear) = {0};

	if (trust_read_present(s, &p, e) != RC_OK)
		return e->rc;
	if (!strcmp(o->base ? o->base : "", p.sha1))
		return RC_OK;
	return err_set(e, RC_REFUSED, "trust-set", "it changed meanwhile",
		       "give the command again", "the trust store");
}

/* Signed by keyd, built here of the same, and verified before it is anybody's. */
static enum rc make_file(struct call *c, const struct order *o, uint8_t **out, size_t *n,
			 struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_signature signature = {.n = 0};
	struct keyd_key audit = {0};
	struct bytes made = bytes_of(signature.p, 0);
	struct itl_signer with = trust_signer_of(&made);
	enum rc rc;

	if (keyd_open(c->service->keyd, &k, e) != RC_OK ||
	    keyd_trust(k, o->ticket, c->peer.uid, &o->set, &audit, &signature, e) != RC_OK)
		return e->rc;
	made.n = signature.n;
	rc = trust_build(o->entries, o->set.n, audit.cert, o->set.timestamp, &with, out, n, e);
	X509_free(audit.cert);
	return rc;
}

static enum rc note(struct call *c, const struct order *o, const char *sha1, struct err *e)
{
	char text[KEYD_TRUST_CHANGE + 160], change[KEYD_TRUST_CHANGE];

	(void)snprintf(change, sizeof change, "%s", o->set.change);
	(void)snprintf(text, sizeof text, "uid=%u sha1=%s certificates=%zu change=\"%s\"",
		       c->peer.uid, sha1, o->set.n, service_quotable(change));
	return service_note(c->service, c->name, text, e);
}

static enum rc set(struct call *c, const struct order *o, json_t **result, struct err *e)
{
	struct service *s = c->service;
	uint8_t CLEANUP_FREE *file = NULL;
	char sha1[SHA1_HEX], path[CLUSTER_PATH_MAX];
	size_t n = 0;

	if (check_base(s, o, e) != RC_OK || make_file(c, o, &file, &n, e) != RC_OK)
		return e->rc;
	(void)itl_sha1_hex(bytes_of(file, n), sha1);
	if (note(c, o, sha1, e) != RC_OK ||
	    store_trust_set(s->store, bytes_of(file, n), e) != RC_OK ||
	    trust_put_file(s, e) != RC_OK)
		return e->rc;
	cluster_path(s->cluster, PATH_TRUST_FILE, path);
	*result = json_pack("{s:s, s:s, s:i}", "file", path, "sha1", sha1, "certificates",
			    num_int(o->set.n));
	return RC_OK;
}

enum rc op_trust_set(struct call *c, json_t **result, struct err *e)
{
	struct order CLEANUP_FREE *o = calloc(1, sizeof *o);
	char params[96];
	int64_t op;
	enum rc rc;

	if (!o)
		return err_errno(e, RC_ERROR, "calloc", NULL, "a request");
	o->set.entries = o->wire;
	rc = read_order(c, o, e);
	(void)snprintf(params, sizeof params, "timestamp=%u certificates=%zu",
		       o->set.timestamp, o->set.n);
	if (rc == RC_OK)
		rc = op_begin(c, params, &op, e);
	if (rc == RC_OK) {
		rc = set(c, o, result, e);
		op_end(c, op, rc, e);
	}
	order_clear_at(o);
	return rc;
}
