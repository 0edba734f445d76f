/* What may be known: state and public halves. */
#include "service.h"
#include "base/num.h"

enum rc request_status(struct request *q, struct err *e)
{
	const struct hsm_token_info *t = hsm_token_info(q->service->token);
	struct keyd_password admin, security;
	struct audit_point p;

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	keyd_state_password(&q->service->state, PASSWORD_ADMIN, &admin);
	keyd_state_password(&q->service->state, PASSWORD_SECURITY, &security);
	write_text(&q->out, t->label);
	write_text(&q->out, t->manufacturer);
	write_text(&q->out, t->model);
	write_text(&q->out, t->serial);
	write_u32(&q->out, q->service->config->sessions);
	write_u32(&q->out, num_u32(keyring_count(&q->service->keys)));
	write_u8(&q->out, admin.set);
	write_u32(&q->out, security.number);
	write_u64(&q->out, (uint64_t)security.changed);
	write_u8(&q->out, atomic_load(&q->service->sealed));
	p = release_point(q->service->release);
	write_u64(&q->out, p.entry);
	write_bytes(&q->out, bytes_of(p.head, sizeof p.head));
	write_u64(&q->out, (uint64_t)q->service->started);
	write_text(&q->out, q->service->config->cluster->sha256);
	write_u32(&q->out, keyd_state_trust(&q->service->state));
	return RC_OK;
}

void request_write_key(struct request *q, const struct held_key *k)
{
	char label[LABEL_MAX];

	label_text(&k->label, label);
	write_text(&q->out, label);
	write_bytes(&q->out, bytes_of(k->key->id, sizeof k->key->id));
	write_u8(&q->out, keyring_is_current(&q->service->keys, k));
	write_bytes32(&q->out, bytes_of(k->der, k->der_len));
}

enum rc request_keys(struct request *q, struct err *e)
{
	struct keyring *r = &q->service->keys;
	uint32_t from = read_u32(&q->in);
	struct held_key *k;

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	write_u32(&q->out, num_u32(keyring_count(r)));
	for (size_t i = from; (k = keyring_at(r, i)); i++) {
		request_write_key(q, k);
		if (q->out.n > KEYD_KEYS_PAGE)
			break; /* the client asks for the rest */
	}
	return RC_OK;
}
