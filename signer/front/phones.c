#include "phones.h"
#include "base/errjson.h"
#include "base/log.h"
#include "bounce.h"
#include "refs.h"
#include <string.h>

void phones_begin(struct service *s)
{
	pthread_mutex_lock(&s->phones);
}

void phones_end(struct service *s)
{
	pthread_mutex_unlock(&s->phones);
}

/* ---- what changes ---- */

static bool is_own(struct service *s, const char *sha1, struct list *out)
{
	struct list CLEANUP(list_clear) l = {0};
	struct err ignored;

	if (!sha1[0] || store_list(s->store, sha1, &l, &ignored) != RC_OK ||
	    l.kind != LIST_ITL)
		return false;
	*out = l;
	l = (struct list){0};
	return true;
}

/* The last list of its own that the node was seen to serve. */
static enum rc own_of_history(struct service *s, const struct cluster_node *n,
			      struct list *out, bool *found, struct err *e)
{
	struct kept CLEANUP_FREE *kept = NULL;
	size_t nkept = 0;

	if (store_kept(s->store, 0, &kept, &nkept, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < nkept && !*found; i++)
		*found = kept[i].file == FILE_ITL && !strcmp(kept[i].node, n->id) &&
			 is_own(s, kept[i].sha1, out);
	return RC_OK;
}

/* The node's own list of before. While a reset list stands, which is the publisher's,
 * it is what stood before that, or, after several resets, what the node served. */
static enum rc own_before(struct service *s, const struct cluster_node *n,
			  struct list *out, bool *found, struct err *e)
{
	struct target t;

	if (store_target(s->store, n->id, &t, e) != RC_OK)
		return e->rc;
	*found = is_own(s, t.itl.want, out) || is_own(s, t.itl.before, out);
	return *found || !t.itl.want[0] ? RC_OK
					: own_of_history(s, n, out, found, e);
}

static void add_unit(char units[PHONES_UNITS_MAX], enum unit unit)
{
	size_t n = strlen(units);

	if (!strstr(units, unit_name(unit)))
		(void)snprintf(units + n, PHONES_UNITS_MAX - n, "%s%s",
			       n ? " " : "", unit_name(unit));
}

static enum rc compare(struct service *s, const struct itl *before,
		       const struct itl *fresh, char units[PHONES_UNITS_MAX],
		       struct err *e)
{
	struct keyd_key *keys = NULL;
	uint8_t sha1[SHA1_LEN];
	size_t n = 0;

	if (service_keys(s, &keys, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++) {
		/* ITLRecovery: phones shall hold it before it is needed, but not by
		 * a reset that nobody asked for (spec: cluster, Regeneration). */
		if (keys[i].label.unit == UNIT_ITLRECOVERY)
			continue;
		ref_of_cert(keys[i].cert, sha1);
		if (list_names(fresh, sha1) && !list_names(before, sha1))
			add_unit(units, keys[i].label.unit);
	}
	keyd_keys_free(keys, n);
	return RC_OK;
}

enum rc phones_expect(struct service *s, const struct cluster_node *n,
		      const struct list *fresh, char units[PHONES_UNITS_MAX],
		      struct err *e)
{
	struct list CLEANUP(list_clear) old = {0};
	struct itl CLEANUP(itl_free) *a = NULL, CLEANUP(itl_free) *b = NULL;
	struct err ignored;
	bool found = false;

	units[0] = '\0';
	if (own_before(s, n, &old, &found, e) != RC_OK)
		return e->rc;
	if (!found || itl_parse(bytes_of(old.bytes, old.n), 0, &a, &ignored) != RC_OK)
		return RC_OK;
	if (itl_parse(bytes_of(fresh->bytes, fresh->n), 0, &b, e) != RC_OK ||
	    compare(s, a, b, units, e) != RC_OK)
		return e->rc;
	return units[0] && s->cluster->phone_reset
		       ? store_phones_put(s->store, n->id, fresh->sha1, units, e)
		       : RC_OK;
}

/* ---- resetting ---- */

static void forget(struct service *s, const struct phones_due *due, size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++)
		if (store_phones_end(s->store, due[i].node, &e) != RC_OK)
			log_error("state", &e);
}

enum phones_did phones_reset(struct service *s, struct err *e)
{
	struct phones_due CLEANUP_FREE *due = NULL;
	size_t n = 0;
	enum rc rc;

	if (store_phones_due(s->store, &due, &n, e) != RC_OK) {
		log_error("phone-reset", e);
		return PHONES_FAILED;
	}
	if (!n || !s->cluster->phone_reset) { /* it was taken out since */
		forget(s, due, n);
		return PHONES_NOT_DUE;
	}
	rc = bounce_phones(s->cluster, s->stop_fd, e);
	if (rc != RC_OK && service_stopping(s))
		return PHONES_FAILED; /* the next start does it */
	forget(s, due, n);
	if (rc != RC_OK) {
		log_error("phone-reset", e);
		return PHONES_FAILED;
	}
	for (size_t i = 0; i < n; i++)
		log_info("event=phone-reset node=%s units=\"%s\"", due[i].node,
			 due[i].units);
	return PHONES_RESET;
}

void phones_later(struct service *s)
{
	struct err ignored;

	if (pthread_mutex_trylock(&s->phones) != 0)
		return; /* an operation is at it */
	(void)phones_reset(s, &ignored);
	phones_end(s);
}

json_t *phones_show(const char *units, enum phones_did did, const struct err *e)
{
	static const char *const words[] = {[PHONES_NOT_DUE] = "by-hand",
					    [PHONES_RESET] = "done",
					    [PHONES_FAILED] = "failed"};

	if (!units[0])
		return json_null();
	return json_pack("{s:s, s:s, s:o}", "units", units, "reset", words[did],
			 "error",
			 did == PHONES_FAILED ? err_json(e) : json_null());
}
