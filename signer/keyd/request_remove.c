/* A retired key's end. That no list needs it any more is front's to know; that it is
 * not in use here, keyd sees for itself. */
#include "service.h"
#include <string.h>

static enum rc read_label(struct request *q, struct label *out, struct err *e)
{
	char text[LABEL_MAX];

	read_text(&q->in, text, sizeof text);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (!label_read(text, strlen(text), out))
		return err_set(e, RC_USAGE, "remove", "is no label of a key",
			       "itlctl key list names them", "%s", text);
	label_text(out, q->note.key);
	return RC_OK;
}

static enum rc find_retired(struct request *q, const struct label *l,
			    struct held_key **out, struct err *e)
{
	struct held_key *k = keyring_by_label(&q->service->keys, l);

	if (!k)
		return err_set(e, RC_NOTFOUND, "remove",
			       "the token has no such key with a certificate",
			       "itlctl key list names those that it has", "%s",
			       q->note.key);
	if (keyring_is_current(&q->service->keys, k) &&
	    label_in_use(l, q->service->config->cluster))
		return err_set(e, RC_REFUSED, "remove",
			       "is the current key of its unit",
			       "itlctl set cert regen makes a new one; then this one is retired",
			       "%s", q->note.key);
	*out = k;
	return RC_OK;
}

/* Called between request_lock() and request_unlock(): nothing becomes current
 * meanwhile, or retired. */
static enum rc remove_retired(struct request *q, const struct label *l,
			      struct err *e)
{
	struct held_key *k = NULL;
	char hex[2 * HSM_ID_LEN + 1];
	enum rc rc;

	if (find_retired(q, l, &k, e) != RC_OK)
		return e->rc;
	note_digest(&q->note, bytes_of(k->der, k->der_len));
	note_detail(&q->note, "id=%s",
		    hex_of(bytes_of(k->key->id, HSM_ID_LEN), hex, sizeof hex));
	/* Who has it by now may go on signing with it. Should the token then refuse,
	 * it may have half of it: the next start sees what there is. */
	keyring_forget(&q->service->keys, k);
	request_alone_begin(q);
	rc = hsm_key_remove(q->session, k->key->id, e);
	request_alone_end(q);
	return rc;
}

enum rc request_remove(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	struct keyd_intent intent;
	struct label label;
	enum rc rc;

	if (read_label(q, &label, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_remove(q->note.key);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    request_lock(q, e) != RC_OK)
		return e->rc;
	rc = remove_retired(q, &label, e);
	request_unlock(q);
	return rc;
}
