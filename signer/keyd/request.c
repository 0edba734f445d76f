/* The one table: who may ask keyd for what. (design: What keyd believes) */
#include "service.h"
#include "base/num.h"
#include "base/proc.h"
#include "hsm/sign.h"
#include "keyd/intent.h"
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define ANY (ROLE_FRONT | ROLE_TVS | ROLE_ADMIN)

static EVP_MD *sha256; /* looked up once: that costs as much as the hash */

static const struct row {
	const char *name;
	unsigned roles;
	bool audited;
	request_handler *handle;
} table[KEYD_REQUEST_END] = {
	[KEYD_STATUS]      = {"status", ANY, false, request_status},
	[KEYD_KEYS]        = {"keys", ANY, false, request_keys},
	[KEYD_SALT]        = {"salt", ROLE_ADMIN, false, request_salt},
	[KEYD_TICKET]      = {"ticket", ROLE_ADMIN, true, request_ticket},
	[KEYD_PASSWORD]    = {"password", ROLE_ADMIN, true, request_password},
	[KEYD_ITL]         = {"itl", ROLE_FRONT, true, request_itl},
	[KEYD_SGN]         = {"sgn", ROLE_FRONT, true, request_sgn},
	[KEYD_CTL]         = {"ctl", ROLE_FRONT, true, request_ctl},
	[KEYD_RESET]       = {"reset", ROLE_FRONT, true, request_reset},
	[KEYD_PREVIEW]     = {"preview", ROLE_FRONT, true, request_preview},
	[KEYD_GENERATE]    = {"generate", ROLE_FRONT, true, request_generate},
	[KEYD_NOTE]        = {"note", ROLE_FRONT, true, request_note},
	[KEYD_TLS_SIGN]    = {"tls-sign", ROLE_TVS, true, request_tls_sign},
	[KEYD_TLS_DECRYPT] = {"tls-decrypt", ROLE_TVS, true, request_tls_decrypt},
	[KEYD_EXPORT]      = {"export", ROLE_ADMIN, true, request_export},
	[KEYD_PROVE]       = {"prove", ROLE_ADMIN, true, request_prove},
	[KEYD_IMPORT]      = {"import", ROLE_ADMIN, true, request_import},
	[KEYD_SEAL]        = {"seal", ROLE_ADMIN, true, request_seal},
	[KEYD_SECURITY]    = {"security", ROLE_ADMIN, true, request_security},
	[KEYD_SECURITY_SALT] = {"security-salt", ROLE_ADMIN, false, request_security_salt},
	[KEYD_REMOVE]      = {"remove", ROLE_FRONT, true, request_remove},
	[KEYD_PROOF]       = {"proof", ROLE_FRONT, false, request_proof},
	[KEYD_INCOMPLETE]  = {"incomplete", ROLE_FRONT | ROLE_ADMIN, false, request_incomplete},
	[KEYD_TIDY]        = {"tidy", ROLE_ADMIN, true, request_tidy},
	[KEYD_OVERRIDE]    = {"override", ROLE_FRONT | ROLE_ADMIN, true, request_override},
	[KEYD_ROLLBACK]    = {"rollback", ROLE_FRONT, true, request_rollback},
	[KEYD_CSR]         = {"csr", ROLE_FRONT, true, request_csr},
	[KEYD_CSR_SHOW]    = {"csr-show", ROLE_FRONT, false, request_csr_show},
	[KEYD_CERT_IMPORT] = {"cert-import", ROLE_FRONT, true, request_cert_import},
	[KEYD_TRUST]       = {"trust", ROLE_FRONT, true, request_trust},
};

bool request_allowed(unsigned what, enum role role)
{
	return what < KEYD_REQUEST_END && (table[what].roles & role);
}

bool request_is_audited(unsigned what)
{
	return what < KEYD_REQUEST_END && table[what].audited;
}

static enum rc dispatch(struct request *q, struct err *e)
{
	const struct row *row =
		q->what < KEYD_REQUEST_END ? &table[q->what] : NULL;

	if (!row || !row->handle) {
		(void)snprintf(q->note.event, sizeof q->note.event, "request");
		q->note.wanted = q->conn->role != ROLE_NONE;
		return err_set(e, RC_USAGE, "request", "is unknown",
			       "do the programs have one version?", "number %u",
			       q->what);
	}
	(void)snprintf(q->note.event, sizeof q->note.event, "%s", row->name);
	if (!request_allowed(q->what, q->conn->role)) {
		/* A stranger must not be able to fill the log. */
		q->note.wanted = q->conn->role != ROLE_NONE;
		return err_set(e, RC_REFUSED, row->name,
			       "is not for this user",
			       "use itlctl, as a member of the group of administrators",
			       "user id %u (%s)", q->conn->peer.uid,
			       role_name(q->conn->role));
	}
	q->note.wanted = row->audited;
	return row->handle(q, e);
}

/* A member without a password must not be able to fill the log either, nor what
 * speaks to phones. */
static void limit_note(struct request *q)
{
	unsigned long left_out = 0;

	q->note.wanted = limit_pass(&q->service->limit, q->note.by, proc_now(),
				    &left_out);
	if (left_out)
		note_detail(&q->note, "left-out=%lu", left_out);
}

enum rc request_handle(struct request *q, struct err *e)
{
	enum rc rc;

	q->note.by = q->conn->peer.uid;
	/* Of front all is written: it has the operations, and hands tickets on. */
	q->note.limited = q->conn->role != ROLE_FRONT;
	(void)pthread_rwlock_rdlock(&q->service->keys_used);
	rc = dispatch(q, e);
	(void)pthread_rwlock_unlock(&q->service->keys_used);
	if (rc != RC_OK && q->note.wanted && q->note.limited)
		limit_note(q);
	return rc;
}

enum rc request_lock(struct request *q, struct err *e)
{
	if (pthread_mutex_trylock(&q->service->generating) == 0)
		return RC_OK;
	return err_set(e, RC_BUSY, q->note.event,
		       "a generation, import, seal or removal of a key runs",
		       "wait until it is done, then give the command again",
		       "the token");
}

void request_unlock(struct request *q)
{
	(void)pthread_mutex_unlock(&q->service->generating);
}

enum rc requests_init(struct service *s, struct err *e)
{
	pthread_rwlockattr_t a;

	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256)
		return err_set(e, RC_ERROR, "EVP_MD_fetch", "failed", NULL, "SHA256");
	(void)pthread_mutex_init(&s->generating, NULL);
	(void)pthread_rwlockattr_init(&a);
	/* Else who waits to be alone waits for ever while others keep coming. */
	(void)pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&s->keys_used, &a);
	(void)pthread_rwlockattr_destroy(&a);
	return RC_OK;
}

void request_alone_begin(struct request *q)
{
	(void)pthread_rwlock_unlock(&q->service->keys_used);
	(void)pthread_rwlock_wrlock(&q->service->keys_used);
}

void request_alone_end(struct request *q)
{
	(void)pthread_rwlock_unlock(&q->service->keys_used);
	(void)pthread_rwlock_rdlock(&q->service->keys_used);
}

unsigned request_deadline(const struct service *s, unsigned what)
{
	return what == KEYD_GENERATE || what == KEYD_CSR
		       ? s->config->generate_seconds
		       : s->config->deadline_seconds;
}

bool request_is_fatal(const struct err *e)
{
	/* A token's clear answers: it did not do it, and is well. */
	static const CK_RV answers[] = {
		CKR_DEVICE_MEMORY, CKR_MECHANISM_INVALID,
		CKR_MECHANISM_PARAM_INVALID, CKR_KEY_SIZE_RANGE,
		CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
		CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
		CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCOMPLETE,
		CKR_TEMPLATE_INCONSISTENT, CKR_DATA_LEN_RANGE,
		CKR_DATA_INVALID, CKR_ENCRYPTED_DATA_INVALID,
		CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_FUNCTION_NOT_SUPPORTED,
		CKR_TOKEN_WRITE_PROTECTED, CKR_SESSION_READ_ONLY,
		CKR_KEY_NOT_WRAPPABLE, CKR_KEY_UNEXTRACTABLE,
		CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE,
		CKR_WRAPPING_KEY_SIZE_RANGE,
		CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
		CKR_UNWRAPPING_KEY_SIZE_RANGE,
		CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_ACTION_PROHIBITED,
	};

	if (e->rc == RC_STALE || e->rc == RC_PIN)
		return true;
	if (e->rc != RC_TOKEN || e->code == CKR_OK)
		return false;
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		if (answers[i] == e->code)
			return false;
	return true;
}

void note_detail(struct note *n, const char *fmt, ...)
{
	size_t used = strlen(n->detail);
	va_list ap;

	if (used && used + 1 < sizeof n->detail)
		n->detail[used++] = ' ';
	va_start(ap, fmt);
	(void)vsnprintf(n->detail + used, sizeof n->detail - used, fmt, ap);
	va_end(ap);
}

void note_key(struct note *n, const struct held_key *k)
{
	label_text(&k->label, n->key);
}

void note_digest(struct note *n, struct bytes signed_bytes)
{
	unsigned length = 0;

	if (EVP_Digest(signed_bytes.p, signed_bytes.n, n->digest, &length, sha256, NULL))
		n->digest_len = length;
}

void note_ticket(struct note *n, struct bytes ticket)
{
	n->ticket_len = ticket.n < sizeof n->ticket ? ticket.n : sizeof n->ticket;
	if (n->ticket_len)
		memcpy(n->ticket, ticket.p, n->ticket_len);
}

enum rc request_read_done(struct request *q, struct err *e)
{
	if (reader_done(&q->in))
		return RC_OK;
	return err_set(e, RC_USAGE, q->note.event, "the request is malformed",
		       "do the programs have one version?",
		       "offset %zu of %zu bytes", q->in.pos, q->in.n);
}

struct consent request_read_consent(struct request *q)
{
	struct consent c = {.ticket = read_bytes(&q->in, KEYD_TICKET_LEN)};

	c.uid = read_u32(&q->in);
	return c;
}

enum rc request_use_consent(struct request *q, const struct consent *c,
			    const struct keyd_intent *intent, struct err *e)
{
	bool issued = false;
	enum rc rc;

	note_ticket(&q->note, c->ticket);
	note_detail(&q->note, "for-uid=%u", c->uid);
	rc = tickets_use(&q->service->tickets, c->ticket.p, c->uid, intent,
			 proc_now(), &issued, e);
	/* One that was issued took a password, whoever sends it. */
	q->note.by = c->uid;
	q->note.limited = !issued;
	return rc;
}

struct consent request_read_own_consent(struct request *q)
{
	struct consent c = {.ticket = read_bytes(&q->in, KEYD_TICKET_LEN),
			    .uid = q->conn->peer.uid};

	c.rest = bytes_of(q->in.p + q->in.pos, reader_left(&q->in));
	return c;
}

enum rc request_use_own_consent(struct request *q, const struct consent *c,
				enum keyd_op op, struct err *e)
{
	struct keyd_intent intent = keyd_intent_body(op, c->rest);

	return request_use_consent(q, c, &intent, e);
}

enum rc request_note_more(struct request *q, const char *event, const char *key,
			  const char *detail, struct err *e)
{
	struct audit_entry entry = {
		.time = (int64_t)time(NULL),
		.who = role_name(q->conn->role),
		.uid = q->conn->peer.uid,
		.pid = (unsigned)q->conn->peer.pid,
		.event = event,
		.key = key,
		.detail = detail,
		.rc = "ok",
	};

	return release_note(q->service->release, &entry, e);
}

enum rc request_read_node(struct request *q, const struct cluster_node **node,
			  struct err *e)
{
	char id[CLUSTER_ID_MAX + 1];
	const struct cluster *c = q->service->config->cluster;

	read_text(&q->in, id, sizeof id);
	if (q->in.bad)
		return request_read_done(q, e);
	note_detail(&q->note, "node=%s", id);
	*node = cluster_node_by_id(c, id);
	if (*node)
		return RC_OK;
	return err_set(e, RC_NOTFOUND, q->note.event,
		       "is no node of keyd's configuration",
		       "keyd takes a changed cluster.conf up in a moment: give the command again; its log says what is wrong with the file", "%s", id);
}

static enum rc sign_parts(void *arg, enum itl_digest digest,
			  const struct bytes *parts, size_t nparts,
			  uint8_t *signature, size_t length, struct err *e)
{
	struct token_signer *t = arg;

	return hsm_sign(t->session, t->key->key, itl_digest_name(digest),
			HSM_PKCS1, parts, nparts, signature, length, e);
}

struct itl_signer token_signer_of(struct token_signer *t)
{
	return (struct itl_signer){.sign = sign_parts, .arg = t};
}

unsigned request_list_digest(const struct request *q)
{
	static const enum itl_digest digests[] = {
		[CLUSTER_SHA1] = ITL_SHA1,
		[CLUSTER_SHA256] = ITL_SHA256,
		[CLUSTER_SHA512] = ITL_SHA512,
	};

	return digests[q->service->config->cluster->list_hash];
}

enum rc request_give_list(struct request *q, struct bytes list, bool sha1_only,
			  struct err *e)
{
	struct itl CLEANUP(itl_free) *again = NULL;
	uint8_t sha1[SHA1_LEN];

	if (itl_parse(list, 0, &again, e) != RC_OK)
		return e->rc;
	note_digest(&q->note, list);
	if (sha1_only) {
		itl_sha1(list, sha1);
		write_bytes(&q->out, bytes_of(sha1, sizeof sha1));
	} else {
		write_bytes32(&q->out, list);
	}
	return RC_OK;
}
