#include "checkpoint.h"
#include "base/log.h"
#include "hsm/sign.h"
#include <sodium.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum rc sign(struct hsm_session *session, struct held_key *k,
		    const char *text, size_t n, uint8_t to[HSM_SIGNATURE_MAX],
		    struct bytes *out, struct err *e)
{
	size_t length = (size_t)EVP_PKEY_get_size(k->key->public_key);
	struct bytes part = bytes_of(text, n);

	*out = bytes_of(to, length);
	return hsm_sign(session, k->key, "SHA256", HSM_PKCS1, &part, 1, to, length, e);
}

/* The Audit key before this one, if the token still has it. */
static struct held_key *key_before(struct keyring *r, const struct held_key *k)
{
	struct held_key *other;

	for (size_t i = 0; (other = keyring_at(r, i)); i++)
		if (other->label.unit == UNIT_AUDIT &&
		    !strcmp(other->label.node, k->label.node) &&
		    other->label.generation < k->label.generation)
			return other; /* newest first */
	return NULL;
}

static enum rc tell_certificate(struct service *s, struct hsm_session *session,
				struct held_key *k, const char *label, struct err *e)
{
	struct held_key *before = key_before(&s->keys, k);
	uint8_t signature[HSM_SIGNATURE_MAX];
	char text[AUDIT_TEXT_MAX];
	struct audit_certificate c = {
		.time = (int64_t)time(NULL),
		.uid = getuid(),
		.cluster = s->config->cluster->name,
		.key = label,
		.der = bytes_of(k->der, k->der_len),
	};

	if (k->der_len > AUDIT_CERT_MAX) {
		log_warn("event=audit-cert key=%s bytes=%zu hint=\"too long for the log: verify it with the certificate's file\"",
			 label, k->der_len);
		return RC_OK;
	}
	if (before) {
		(void)crypto_hash_sha256(c.by, before->der, before->der_len);
		if (sign(session, before, text, audit_certificate_text(&c, text),
			 signature, &c.signature, e) != RC_OK)
			return e->rc;
	}
	return release_certificate(s->release, &c, e);
}

static enum rc make(struct service *s, struct hsm_session *session, struct err *e)
{
	/* Whose certificate the log has; one worker at a time comes here. */
	static const struct held_key *told;
	uint8_t signature[HSM_SIGNATURE_MAX];
	struct held_key *k = NULL;
	char label[LABEL_MAX], text[AUDIT_TEXT_MAX];
	struct audit_checkpoint c = {
		.time = (int64_t)time(NULL),
		.uid = getuid(),
		.cluster = s->config->cluster->name,
		.key = label,
	};

	if (keyring_current(&s->keys, UNIT_AUDIT, NULL, &k, e) != RC_OK)
		return e->rc;
	label_text(&k->label, label);
	if (k != told && tell_certificate(s, session, k, label, e) != RC_OK)
		return e->rc;
	told = k;
	if (release_checkpoint_point(s->release, &c.upto, e) != RC_OK)
		return e->rc;
	(void)crypto_hash_sha256(c.cert, k->der, k->der_len);
	if (sign(session, k, text, audit_checkpoint_text(&c, text), signature,
		 &c.signature, e) != RC_OK)
		return e->rc;
	if (!release_checkpoint(s->release, &c))
		return err_set(e, RC_BUSY, "checkpoint",
			       "the log is not written, or went on for too long", NULL,
			       "%s", label);
	return RC_OK;
}

enum rc checkpoint_make(struct service *s, struct hsm_session *session, struct err *e)
{
	enum rc rc = make(s, session, e);

	release_checkpoint_end(s->release, rc == RC_OK);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}
