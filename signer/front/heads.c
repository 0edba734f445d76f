#include "heads.h"
#include "base/hex.h"
#include "base/log.h"
#include <time.h>

void heads_record(struct service *s)
{
	struct keyd_status st;
	struct err e;

	if (service_keyd_status(s, &st, &e) != RC_OK ||
	    store_heads_add(s->store, st.audit_entries, st.audit_head,
			    (int64_t)time(NULL), &e) != RC_OK)
		log_error("audit-head", &e);
}

enum rc show_audit(struct call *c, json_t **result, struct err *e)
{
	struct audit_head *all = NULL;
	json_t *lists;
	size_t n = 0;

	if (call_members(c, e, "{}") != RC_OK ||
	    store_heads(c->service->store, &all, &n, e) != RC_OK)
		return e->rc;
	lists = json_array();
	for (size_t i = 0; i < n; i++) {
		char hex[65];

		(void)json_array_append_new(
			lists,
			json_pack("{s:s, s:s, s:s, s:I, s:s, s:I}", "sha1",
				  all[i].sha1, "kind", all[i].kind, "node",
				  all[i].node, "entry", (json_int_t)all[i].entry,
				  "head",
				  hex_of(bytes_of(all[i].head, sizeof all[i].head),
					 hex, sizeof hex),
				  "time", (json_int_t)all[i].time));
	}
	free(all);
	*result = json_pack("{s:o}", "lists", lists);
	return RC_OK;
}
