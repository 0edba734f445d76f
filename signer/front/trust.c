#include "trust.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "itl/trust.h"
#include "show.h"
#include <string.h>
#include <time.h>

/* Held from reading state to writing the file: an older set never overwrites a newer
 * one. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

/* ---- what state has ---- */

/* Not verified here: keyd alone has the certificate that could, and it may be away. One
 * that cannot be read is there all the same: another one can take its place. */
enum rc trust_read_present(struct service *s, struct trust_present *p, struct err *e)
{
	struct err ignored;

	if (store_trust(s->store, &p->bytes, &p->n, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	(void)itl_sha1_hex(bytes_of(p->bytes, p->n), p->sha1);
	(void)!trust_read_unverified(bytes_of(p->bytes, p->n), &p->trust, &ignored);
	return RC_OK;
}

bool trust_is_of(struct service *s, uint32_t timestamp)
{
	struct trust_present p CLEANUP(trust_present_clear) = {0};
	struct err ignored;

	return trust_read_present(s, &p, &ignored) == RC_OK && p.trust &&
	       p.trust->timestamp == timestamp;
}

/* ---- the file ---- */

static enum rc write_file(struct service *s, struct err *e)
{
	uint8_t CLEANUP_FREE *want = NULL, CLEANUP_FREE *have = NULL;
	char path[CLUSTER_PATH_MAX];
	size_t n = 0, m = 0;
	struct err ignored;

	if (store_trust(s->store, &want, &n, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	cluster_path(s->cluster, PATH_TRUST_FILE, path);
	if (file_read(path, ITL_MAX_STORE, &have, &m, &ignored) == RC_OK &&
	    bytes_equal(bytes_of(have, m), bytes_of(want, n)))
		return RC_OK;
	if (file_replace(path, bytes_of(want, n), 0644, e) != RC_OK)
		return err_hint(e, "itlkeeperd makes the folder; it must belong to front's user. It is tried again every minute");
	log_info("event=trust-file path=\"%s\" bytes=%zu was=%s", path, n,
		 have ? "other" : "missing");
	return RC_OK;
}

enum rc trust_put_file(struct service *s, struct err *e)
{
	enum rc rc;

	(void)pthread_mutex_lock(&writing);
	rc = write_file(s, e);
	(void)pthread_mutex_unlock(&writing);
	return rc;
}

void trust_keep(struct service *s)
{
	struct err e;

	if (trust_put_file(s, &e) != RC_OK)
		log_error("trust-file", &e);
}

/* Nothing here is the only copy: without state, the file is. */
static void adopt(struct service *s)
{
	struct trust CLEANUP(trust_free) *t = NULL;
	uint8_t CLEANUP_FREE *known = NULL, CLEANUP_FREE *file = NULL;
	char path[CLUSTER_PATH_MAX];
	struct err e;
	size_t n = 0;

	if (store_trust(s->store, &known, &n, &e) != RC_NOTFOUND)
		return;
	cluster_path(s->cluster, PATH_TRUST_FILE, path);
	if (file_read(path, ITL_MAX_STORE, &file, &n, &e) == RC_OK &&
	    trust_read_unverified(bytes_of(file, n), &t, &e) == RC_OK &&
	    store_trust_set(s->store, bytes_of(file, n), &e) == RC_OK)
		log_info("event=trust-adopted path=\"%s\" certificates=%zu", path, t->n);
	else if (e.rc != RC_NOTFOUND)
		log_error("trust-file", &e);
}

void trust_start(struct service *s)
{
	adopt(s);
	trust_keep(s);
}

/* ---- showing it ---- */

static json_t *show_cert(const X509 *cert, uint32_t roles)
{
	json_t *j = show_certificate(cert);
	char text[TRUST_ROLES_TEXT];

	if (j)
		(void)json_object_set_new(j, "roles",
					  json_string(trust_roles_text(roles, text)));
	return j;
}

static json_t *show_own(const struct keyd_key *k)
{
	json_t *j = show_cert(k->cert, trust_roles_of_unit(unit_name(k->label.unit)));
	char label[LABEL_MAX];

	label_text(&k->label, label);
	if (j) {
		(void)json_object_set_new(j, "ttl", json_null());
		(void)json_object_set_new(j, "own", json_string(label));
	}
	return j;
}

static json_t *show_entry(const struct trust_entry *entry)
{
	json_t *j = show_cert(entry->cert, entry->roles);

	if (j) {
		(void)json_object_set_new(j, "ttl", json_integer(entry->ttl));
		(void)json_object_set_new(j, "own", json_null());
	}
	return j;
}

/* Why TVS does not use it, or null: as TVS does, with the current Audit certificate. */
static json_t *show_fault(const struct trust_present *p, const struct keyd_key *keys, size_t n)
{
	const struct keyd_key *audit = keyd_key_current(keys, n, UNIT_AUDIT, NULL);
	struct trust CLEANUP(trust_free) *t = NULL;
	struct err e;

	if (!p->bytes || (audit && trust_read(bytes_of(p->bytes, p->n), audit->cert, &t,
					      &e) == RC_OK))
		return json_null();
	if (!audit)
		err_set(&e, RC_NOTFOUND, "trust", "no Audit key is known to verify it with",
			"itlctl cluster init makes one", "the trust file");
	else
		(void)err_hint(&e, "look at what it holds, and have it signed anew: itlctl trust add FILE");
	return err_json(&e);
}

enum rc show_trust(struct call *c, json_t **result, struct err *e)
{
	struct trust_present p CLEANUP(trust_present_clear) = {0};
	struct keyd_key *keys = NULL;
	struct err away = {0}, ignored;
	char path[CLUSTER_PATH_MAX];
	json_t *certs;
	size_t n = 0;

	if (call_members(c, e, "{}") != RC_OK || trust_read_present(c->service, &p, e) != RC_OK)
		return e->rc;
	/* Without the token, what it said last; and that it is so. */
	if (service_keys(c->service, &keys, &n, &away) != RC_OK)
		(void)!store_keys(c->service->store, &keys, &n, &ignored);
	certs = json_array();
	for (size_t i = 0; i < n; i++)
		if (trust_roles_of_unit(unit_name(keys[i].label.unit)))
			(void)json_array_append_new(certs, show_own(&keys[i]));
	for (size_t i = 0; p.trust && i < p.trust->n; i++)
		(void)json_array_append_new(certs, show_entry(&p.trust->entries[i]));
	cluster_path(c->service->cluster, PATH_TRUST_FILE, path);
	*result = json_pack("{s:o, s:s, s:s?, s:I, s:o, s:o}", "certs", certs, "file", path,
			    "sha1", p.bytes ? p.sha1 : NULL, "made",
			    (json_int_t)(p.trust ? p.trust->timestamp : 0), "fault",
			    show_fault(&p, keys, n), "error", err_json(&away));
	keyd_keys_free(keys, n);
	return RC_OK;
}

/* itlctl verifies the bytes for itself, and makes the new set of them. */
enum rc op_trust_plan(struct call *c, json_t **result, struct err *e)
{
	struct trust_present p CLEANUP(trust_present_clear) = {0};
	char path[CLUSTER_PATH_MAX];

	if (call_members(c, e, "{}") != RC_OK ||
	    store_op_idle(c->service->store, c->name, e) != RC_OK ||
	    trust_read_present(c->service, &p, e) != RC_OK)
		return e->rc;
	cluster_path(c->service->cluster, PATH_TRUST_FILE, path);
	*result = json_pack("{s:s, s:s?, s:o, s:I}", "file", path, "sha1",
			    p.bytes ? p.sha1 : NULL, "bytes",
			    p.bytes ? show_base64(p.bytes, p.n) : json_null(), "timestamp",
			    (json_int_t)time(NULL));
	return RC_OK;
}
