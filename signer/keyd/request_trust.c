/*
 * The trust file: certificates of elsewhere that TVS shall vouch for. An administrator
 * names each of them, with its roles, in the ticket; keyd builds the file, as it does
 * lists, and signs nothing that came in as bytes to be signed.
 *
 * The Audit key signs it, because that key stands in no list: a phone that was handed
 * the file could not take it for a list, whatever its name. What else that key signs,
 * checkpoints and certificate entries of the audit log (audit/audit.h) and its own
 * certificate, can be no trust file, nor the reverse: they begin with "itlkeeper audit "
 * and with DER's 30, and a list's signed bytes with tag 1 of 2 bytes, 01 00 02.
 */
#include "base/num.h"
#include "itl/trust.h"
#include "service.h"
#include <string.h>
#include <time.h>

struct set {
	struct trust_entry entries[TRUST_MAX_ENTRIES];
	size_t n;
};

static void set_clear_at(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		X509_free(s->entries[i].cert);
}

static enum rc read_entry(struct request *q, struct set *set, struct keyd_trust_entry *raw,
			  struct err *e)
{
	struct trust_entry *entry = &set->entries[set->n];

	raw->roles = read_u32(&q->in);
	raw->ttl = read_u32(&q->in);
	raw->cert = read_bytes32(&q->in);
	if (q->in.bad)
		return request_read_done(q, e);
	if (trust_read_cert(raw->cert, &entry->cert, e) != RC_OK)
		return e->rc;
	entry->roles = raw->roles;
	entry->ttl = raw->ttl;
	set->n++;
	return RC_OK;
}

/* All behind the ticket; *intent is what it must be for. */
static enum rc read_set(struct request *q, struct set *set, struct keyd_intent *intent,
			uint32_t *timestamp, struct err *e)
{
	struct keyd_trust_entry raw[TRUST_MAX_ENTRIES];
	char change[KEYD_TRUST_CHANGE];
	struct keyd_trust t = {.change = change, .entries = raw};

	t.timestamp = read_u32(&q->in);
	read_text(&q->in, change, sizeof change);
	t.n = read_u32(&q->in);
	if (q->in.bad)
		return request_read_done(q, e);
	if (t.n > COUNT_OF(raw))
		return err_set(e, RC_REFUSED, "trust", "there are too many certificates",
			       "remove what nobody needs any more", "%zu, at most %u", t.n,
			       TRUST_MAX_ENTRIES);
	note_detail(&q->note, "certificates=%zu %s", t.n, change);
	for (size_t i = 0; i < t.n; i++)
		if (read_entry(q, set, &raw[i], e) != RC_OK)
			return e->rc;
	*intent = keyd_intent_trust(&t);
	*timestamp = t.timestamp;
	return request_read_done(q, e);
}

/* It would answer for the token's own certificate, with other roles: neither the same,
 * nor one that a phone's question (issuer and serial number) cannot tell from it. */
static enum rc refuse_own(struct request *q, const struct set *set, struct err *e)
{
	struct keyring *r = &q->service->keys;
	struct held_key *own;
	char label[LABEL_MAX];

	for (size_t k = 0; (own = keyring_at(r, k)); k++)
		for (size_t i = 0; i < set->n; i++) {
			if (X509_issuer_and_serial_cmp(own->key->cert, set->entries[i].cert))
				continue;
			label_text(&own->label, label);
			return err_set(e, RC_REFUSED, "trust",
				       "a certificate is, or has issuer and serial number of, this cluster's own, which come by themselves",
				       "leave it out", "%s", label);
		}
	return RC_OK;
}

/* The time is front's word. A TVS that has one file takes no older one, and so one of
 * the future would stay the newest. */
#define AHEAD_SECONDS 300

static enum rc refuse_future(uint32_t timestamp, struct err *e)
{
	if ((time_t)timestamp <= time(NULL) + AHEAD_SECONDS)
		return RC_OK;
	return err_set(e, RC_REFUSED, "trust", "its time has not come yet",
		       "look at the clocks of this machine and of front's", "timestamp %u",
		       timestamp);
}

static void note_expired(struct request *q, const struct set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += X509_cmp_current_time(X509_get0_notAfter(set->entries[i].cert)) < 0;
	if (n)
		note_detail(&q->note, "expired=%zu", n);
}

/* Front has the rest: what it builds of the same is the same. */
static enum rc give_signature(struct request *q, const struct held_key *k,
			      struct bytes file, struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;

	if (itl_parse(file, ITL_STORE, &l, e) != RC_OK)
		return e->rc;
	note_digest(&q->note, file);
	request_write_key(q, k);
	write_bytes32(&q->out, l->signature);
	return RC_OK;
}

enum rc request_trust(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	struct token_signer t = {.session = q->session};
	struct itl_signer signer = token_signer_of(&t);
	struct set CLEANUP(set_clear) set = {.n = 0};
	uint8_t CLEANUP_FREE *file = NULL;
	struct keyd_intent intent;
	uint32_t timestamp = 0;
	size_t n = 0;

	if (read_set(q, &set, &intent, &timestamp, e) != RC_OK ||
	    request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    refuse_future(timestamp, e) != RC_OK || refuse_own(q, &set, e) != RC_OK ||
	    keyring_current(&q->service->keys, UNIT_AUDIT, NULL, &t.key, e) != RC_OK)
		return e->rc;
	note_key(&q->note, t.key);
	note_expired(q, &set);
	if (trust_build(set.entries, set.n, t.key->key->cert, timestamp, &signer, &file, &n,
			e) != RC_OK ||
	    keyd_state_set_trust(&q->service->state, timestamp, e) != RC_OK)
		return e->rc;
	return give_signature(q, t.key, bytes_of(file, n), e);
}
