/* The CTL: one list for all nodes, per ticket. As of an ITL, only parameters come
 * in: nothing foreign is signed. */
#include "ctl.h"
#include "service.h"

enum rc request_ctl(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	struct itl_plan plan = {.file_name = CTL_FILE,
				.timestamp = read_u32(&q->in)};
	struct token_signer t = {.session = q->session};
	struct itl_signer signer = token_signer_of(&t);
	struct keyd_intent intent = keyd_intent_ctl(plan.timestamp);
	uint8_t CLEANUP_FREE *list = NULL;
	struct ctl ctl;
	size_t n;

	if (request_read_done(q, e) != RC_OK ||
	    request_use_consent(q, &consent, &intent, e) != RC_OK ||
	    ctl_contents(&q->service->keys, q->service->config->cluster, &ctl,
			 e) != RC_OK)
		return e->rc;
	t.key = ctl.signer;
	plan.signer = t.key->key->cert;
	plan.digest = request_list_digest(q);
	plan.entries = ctl.entries;
	plan.nentries = ctl.n;
	note_key(&q->note, t.key);
	if (itl_build(&plan, &signer, &list, &n, e) != RC_OK)
		return e->rc;
	return request_give_list(q, bytes_of(list, n), false, e);
}
