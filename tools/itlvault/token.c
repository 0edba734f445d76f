/* A token of our own, where no service runs. */
#include "itlvault.h"
#include "cluster/label.h"
#include "hsm/key.h"
#include "hsm/sign.h"
#include "hsm/start.h"
#include "hsm/wrap.h"
#include "itl/itl.h"
#include <string.h>
#include <time.h>

struct own_token {
	struct hsm_module *module;
	struct hsm_token *token;
	struct hsm_session *session;
	struct hsm_key *key; /* the one that was imported */
};

void own_token_free(struct own_token *t)
{
	if (!t)
		return;
	hsm_key_free(t->key);
	if (t->session)
		hsm_session_give(t->session);
	hsm_token_free(t->token);
	hsm_module_free(t->module);
	free(t);
}

enum rc own_token_open(struct itlvault *a, struct own_token **out, struct err *e)
{
	struct own_token CLEANUP(own_token_free) *t = calloc(1, sizeof *t);
	struct secret CLEANUP(secret_free) *pin = NULL;
	const struct hsm_place place = {.module = a->o.module, .uri = a->o.token,
					.sessions = 1};

	if (!t)
		return err_errno(e, RC_ERROR, "calloc", NULL, "a token");
	if (hsm_uri_check(a->o.token, e) != RC_OK ||
	    ask_secret("PIN of the token: ", a->o.pin_file, "--pin-file FILE",
		       &pin, e) != RC_OK ||
	    hsm_start(&place, pin, &t->module, &t->token, e) != RC_OK)
		return e->rc;
	t->session = hsm_session_take(t->token);
	*out = t;
	t = NULL;
	return RC_OK;
}

/* ---- import ---- */

static bool is_recovery(const char *text)
{
	struct label l;

	return label_read(text, strlen(text), &l) && l.unit == UNIT_ITLRECOVERY;
}

/* The highest generation that the token has, complete or not. */
struct seen {
	const char *cluster;
	unsigned highest;
};

static void see(struct seen *s, const char *text)
{
	struct label l;

	if (label_read(text, strlen(text), &l) && !strcmp(l.node, s->cluster) &&
	    l.generation > s->highest)
		s->highest = l.generation;
}

static void incomplete(void *arg, const struct hsm_half *half)
{
	see(arg, half->label);
}

/* The cluster's current recovery key, or NULL. */
static const struct hsm_key *current(struct hsm_key *const *keys, size_t n,
				     const char *cluster)
{
	const struct hsm_key *found = NULL;
	unsigned best = 0;

	for (size_t i = 0; i < n; i++) {
		struct label l;

		if (label_read(keys[i]->label, strlen(keys[i]->label), &l) &&
		    !strcmp(l.node, cluster) && l.generation > best) {
			best = l.generation;
			found = keys[i];
		}
	}
	return found;
}

static enum rc refuse(const struct hsm_key *there, bool only, struct err *e)
{
	return err_set(e, RC_REFUSED, only ? "rehearse" : "restore",
		       "the token has another recovery key of this cluster",
		       only ? "rehearse on an empty token"
			    : "use --replace: that one is then kept, retired",
		       "%s", there->label);
}

static enum rc import_next(struct own_token *t, const struct p12 *p12,
			   const struct seen *s, struct own_key *out,
			   struct err *e)
{
	struct label l = {.unit = UNIT_ITLRECOVERY, .generation = s->highest + 1};
	enum hsm_route route;
	uint8_t id[HSM_ID_LEN];

	(void)snprintf(l.node, sizeof l.node, "%s", s->cluster);
	label_text(&l, out->label);
	hsm_id_new(id);
	if (hsm_key_import(t->session, id, out->label, &p12->key, p12->cert,
			   HSM_SIGN | HSM_EXTRACTABLE, &t->key, &route, e) != RC_OK)
		return e->rc;
	out->route = hsm_route_name(route);
	return RC_OK;
}

enum rc own_token_import(struct own_token *t, const char *cluster,
			 const struct p12 *p12, bool replace, bool only,
			 struct own_key *out, struct err *e)
{
	struct seen s = {.cluster = cluster};
	struct hsm_key **keys = NULL;
	const struct hsm_key *there;
	size_t n = 0;
	enum rc rc = RC_OK;

	if (hsm_keys_load(t->session, is_recovery, incomplete, &s, &keys, &n, e) !=
	    RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++)
		see(&s, keys[i]->label);
	there = current(keys, n, cluster);
	out->present = there && !only && X509_cmp(there->cert, p12->cert) == 0;
	if (out->present) {
		(void)snprintf(out->label, sizeof out->label, "%s", there->label);
		out->route = "";
	} else if (there && (only || !replace)) {
		rc = refuse(there, only, e);
	} else {
		rc = import_next(t, p12, &s, out, e);
	}
	hsm_keys_free(keys, n);
	return rc;
}

enum rc own_token_prove(struct own_token *t, const struct p12 *p12,
			const char **route, struct err *e)
{
	enum hsm_route r;

	if (hsm_wrapped_prove(t->session, &p12->key, p12->cert, &r, e) != RC_OK)
		return e->rc;
	*route = hsm_route_name(r);
	return RC_OK;
}

enum rc own_token_forget(struct own_token *t, struct err *e)
{
	return hsm_key_remove(t->session, t->key->id, e);
}

/* ---- lists ---- */

static enum rc sign_parts(void *arg, enum itl_digest digest,
			  const struct bytes *parts, size_t nparts,
			  uint8_t *signature, size_t length, struct err *e)
{
	struct own_token *t = arg;

	return hsm_sign(t->session, t->key, itl_digest_name(digest), HSM_PKCS1,
			parts, nparts, signature, length, e);
}

static enum rc sign_alone(struct own_token *t, const struct itl_signer *signer,
			  uint8_t **list, size_t *n, struct err *e)
{
	const struct itl_entry entry = {.role = ITL_SAST, .cert = t->key->cert,
					.whole = true};
	const struct itl_plan plan = {.file_name = ITL_FILE,
				      .signer = t->key->cert,
				      .digest = ITL_SHA1,
				      .timestamp = (uint32_t)time(NULL),
				      .entries = &entry,
				      .nentries = 1};

	return itl_build(&plan, signer, list, n, e);
}

enum rc own_token_sign_list(struct own_token *t, struct bytes source,
			    uint8_t **list, size_t *n, struct err *e)
{
	const struct itl_signer signer = {.sign = sign_parts, .arg = t};
	struct itl CLEANUP(itl_free) *l = NULL;

	if (source.n == 0)
		return sign_alone(t, &signer, list, n, e);
	if (itl_parse(source, 0, &l, e) != RC_OK)
		return e->rc;
	return itl_resign(l, t->key->cert, l->digest, (uint32_t)time(NULL), NULL,
			  NULL, &signer, list, n, e);
}
