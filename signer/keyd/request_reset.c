/*
 * Reset: one list per ticket. keyd believes neither the list nor front:
 * every record must be a certificate of its own token, for a node of its own
 * configuration, in a role that fits.
 */
#include "service.h"
#include "base/num.h"
#include <string.h>

/* Which unit's certificate may stand in which role. */
static bool role_fits(unsigned role, enum unit unit)
{
	switch (role) {
	case ITL_SAST:
		return unit == UNIT_CALLMANAGER || unit == UNIT_ITLRECOVERY;
	case ITL_TFTP:
	case ITL_CCM_TFTP:
	case ITL_CCM:
		return unit == UNIT_CALLMANAGER;
	case ITL_CAPF:
		return unit == UNIT_CAPF;
	case ITL_TVS:
		return unit == UNIT_TVS;
	default:
		return false;
	}
}

static bool of_this_cluster(const struct cluster *c, const struct label *l)
{
	return unit_is_of_node(l->unit) ? cluster_node_by_id(c, l->node) != NULL
					: !strcmp(l->node, c->name);
}

static enum rc foreign(struct err *e, size_t i, const char *why)
{
	return err_set(e, RC_REFUSED, "reset", why,
		       "only this cluster's own list can be reset",
		       "record %zu", i + 1);
}

/* Check every record; find the list's CallManager and ITLRecovery. */
static enum rc check_records(struct request *q, const struct itl *l,
			     struct held_key **callmanager,
			     struct held_key **recovery, struct err *e)
{
	const struct cluster *c = q->service->config->cluster;

	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];
		struct held_key *k =
			r->cert.n ? keyring_by_cert(&q->service->keys, r->cert)
				  : keyring_by_sha1(&q->service->keys, r->hash);

		if (!k)
			return foreign(e, i,
				       "is no certificate of this token");
		/* Phones read these too, and of a hash record nothing else. */
		const char *why = itl_record_disagrees(r, k->key->cert);

		if (why)
			return foreign(e, i, why);
		if (!of_this_cluster(c, &k->label))
			return foreign(e, i, "is of no node of the configuration");
		if (!r->has_role || !role_fits(r->role, k->label.unit))
			return foreign(e, i, "stands in a role that is not its own");
		/* keyd's own ITLs have neither (itl_entries()). */
		if (r->address.n || !bytes_equal(r->dns, bytes_of("\0", 2)))
			return foreign(e, i, "names a server, which no ITL does");
		if (k->label.unit == UNIT_ITLRECOVERY)
			*recovery = k;
		if (k->label.unit == UNIT_CALLMANAGER) {
			if (strcmp(k->label.node, c->publisher) != 0)
				return foreign(e, i,
					       "is a subscriber's: this is not the publisher's list");
			if (r->role == ITL_SAST)
				*callmanager = k;
		}
	}
	if (!*recovery || !*callmanager)
		return err_set(e, RC_REFUSED, "reset",
			       "lacks the SAST record of CallManager or ITLRecovery",
			       "show it: itlctl show itl", "the list");
	return RC_OK;
}

/* Who signs, and with KEYD_REMOTEKEY whose certificate takes the place of the
 * list's ITLRecovery record (NULL: it stands there already). */
struct resigner {
	struct held_key *signer, *replace;
};

static enum rc find_resigner(struct request *q, enum keyd_how how,
			     struct held_key *callmanager,
			     struct held_key *recovery, struct resigner *out,
			     struct err *e)
{
	enum cluster_policy policy =
		(enum cluster_policy)q->service->config->cluster->policy;
	struct held_key *now;

	if (how == KEYD_LOCALKEY) {
		/* The key that phones of this list hold, retired or not. */
		out->signer = policy == POLICY_ITLRECOVERY ? callmanager
							   : recovery;
		out->replace = NULL;
		return RC_OK;
	}
	if (keyring_current(&q->service->keys, UNIT_ITLRECOVERY, NULL, &now,
			    e) != RC_OK)
		return e->rc;
	out->signer = now;
	out->replace = bytes_equal(bytes_of(now->der, now->der_len),
				   bytes_of(recovery->der, recovery->der_len))
			       ? NULL
			       : now;
	return RC_OK;
}

static enum rc reset(struct request *q, bool preview, struct err *e)
{
	struct consent consent = request_read_consent(q);
	unsigned how = read_u8(&q->in);
	uint32_t timestamp = read_u32(&q->in);
	struct bytes source = read_bytes32(&q->in);
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t CLEANUP_FREE *list = NULL;
	struct held_key *callmanager = NULL, *recovery = NULL;
	struct token_signer t = {.session = q->session};
	struct itl_signer signer = token_signer_of(&t);
	struct keyd_intent intent;
	struct resigner with = {0};
	size_t n;

	if (how > KEYD_REMOTEKEY)
		q->in.bad = true;
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	note_detail(&q->note, "how=%s",
		    how == KEYD_REMOTEKEY ? "remotekey" : "localkey");
	intent = keyd_intent_reset((enum keyd_how)how, preview, source,
				   timestamp);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    itl_parse(source, 0, &l, e) != RC_OK)
		return e->rc;
	if (!itl_is_itl(l))
		return err_set(e, RC_REFUSED, "reset", "is no ITLFile.tlv",
			       "only an ITL can be reset", "the list");
	/* keyd made every list that may be reset, so its signature must be one of
	 * this token's: all SAST records are, once the records are checked. */
	if (check_records(q, l, &callmanager, &recovery, e) != RC_OK ||
	    itl_verify_self(l, e) != RC_OK ||
	    find_resigner(q, (enum keyd_how)how, callmanager, recovery, &with,
			  e) != RC_OK)
		return e->rc;
	t.key = with.signer;
	note_key(&q->note, t.key);
	if (with.replace)
		note_detail(&q->note, "replaces=%s", recovery->key->label);
	if (itl_resign(l, t.key->key->cert, request_list_digest(q), timestamp,
		       with.replace ? recovery->key->cert : NULL,
		       with.replace ? with.replace->key->cert : NULL, &signer,
		       &list, &n, e) != RC_OK)
		return e->rc;
	return request_give_list(q, bytes_of(list, n), preview, e);
}

enum rc request_reset(struct request *q, struct err *e)
{
	return reset(q, false, e);
}

enum rc request_preview(struct request *q, struct err *e)
{
	return reset(q, true, e);
}
