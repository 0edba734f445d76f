/* What is no key: shown to who asks, and removed for good with the password. */
#include "service.h"
#include "base/log.h"
#include "base/num.h"
#include <string.h>

void request_look_for_halves(struct request *q)
{
	struct err why;

	if (halves_look(&q->service->keys.halves, q->session, &why) != RC_OK)
		log_error("incomplete-key", &why);
}

enum rc request_incomplete(struct request *q, struct err *e)
{
	struct halves *all = &q->service->keys.halves;
	uint32_t from = read_u32(&q->in);
	struct half h;

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	write_u32(&q->out, num_u32(halves_count(all)));
	for (size_t i = from; halves_at(all, i, &h); i++) {
		write_text(&q->out, h.of.label);
		write_bytes(&q->out, bytes_of(h.of.id, sizeof h.of.id));
		write_u8(&q->out, (uint8_t)h.of.have);
		write_u8(&q->out, h.waits);
		write_text(&q->out, h.of.lack);
		if (q->out.n > KEYD_KEYS_PAGE)
			break; /* the client asks for the rest */
	}
	return RC_OK;
}

static enum rc refuse(struct request *q, const uint8_t id[HSM_ID_LEN],
		      struct err *e)
{
	struct held_key *k;

	for (size_t i = 0; (k = keyring_at(&q->service->keys, i)); i++)
		if (!memcmp(k->key->id, id, HSM_ID_LEN))
			return err_set(e, RC_REFUSED, "tidy", "is a complete key",
				       "only what is no key is removed so", "%s",
				       k->key->label);
	return err_set(e, RC_NOTFOUND, "tidy",
		       "the token has nothing incomplete with this CKA_ID",
		       "itlctl key incomplete lists what there is", "the token");
}

/* The token is looked at anew: what was a half when keyd started may be none now. */
static enum rc tidy(struct request *q, const uint8_t id[HSM_ID_LEN], bool give_up,
		    struct err *e)
{
	struct halves *all = &q->service->keys.halves;
	struct half h;

	if (halves_look(all, q->session, e) != RC_OK)
		return e->rc;
	if (!halves_find(all, id, &h))
		return refuse(q, id, e);
	(void)snprintf(q->note.key, sizeof q->note.key, "%s", h.of.label);
	note_detail(&q->note, "lacks=\"%s\"", h.of.lack);
	if (h.waits && !give_up)
		return err_set(e, RC_REFUSED, "tidy", "waits for its certificate",
			       "itlctl set cert import brings it; key tidy --force gives the request up",
			       "%s", h.of.label);
	if ((h.waits && waiting_remove(&q->service->waiting, id, e) != RC_OK) ||
	    hsm_key_remove(q->session, id, e) != RC_OK)
		return e->rc;
	return halves_look(all, q->session, e);
}

enum rc request_tidy(struct request *q, struct err *e)
{
	struct consent consent = request_read_own_consent(q);
	struct bytes id = read_bytes(&q->in, HSM_ID_LEN);
	bool give_up = read_u8(&q->in) == 1;
	char hex[2 * HSM_ID_LEN + 1];
	enum rc rc;

	if (request_read_done(q, e) != RC_OK ||
	    request_use_own_consent(q, &consent, KEYD_OP_TIDY, e) != RC_OK)
		return e->rc;
	note_detail(&q->note, "id=%s", hex_of(id, hex, sizeof hex));
	if (request_lock(q, e) != RC_OK)
		return e->rc;
	rc = tidy(q, id.p, give_up, e);
	request_unlock(q);
	return rc;
}
