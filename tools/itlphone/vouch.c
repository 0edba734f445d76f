#include "vouch.h"
#include "base/num.h"
#include "base/proc.h"
#include "tvs/ask.h"
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

CLEANUP_DEFINE(CURLU *, curl_url_cleanup);
CLEANUP_DEFINE(void *, curl_free);

/* ---- the configuration ---- */

/* Nothing but a host and a port. */
static bool read_one(const char *text, struct vouch_tvs *t)
{
	CURLU CLEANUP(curl_url_cleanup) *u = curl_url();
	void CLEANUP(curl_free) *port = NULL, CLEANUP(curl_free) *host = NULL;
	const char *h;
	char url[300];
	size_t n;

	if (strpbrk(text, "/?#@ ") ||
	    snprintf(url, sizeof url, "tvs://%s", text) >= (int)sizeof url ||
	    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ||
	    curl_url_get(u, CURLUPART_HOST, (char **)&host, 0))
		return false;
	t->port = TVS_PORT;
	if (!curl_url_get(u, CURLUPART_PORT, (char **)&port, 0))
		t->port = (unsigned)strtoul(port, NULL, 10);
	h = host;
	n = strlen(h);
	/* An IPv6 address stands in brackets where a port may follow it. */
	t->host = h[0] == '[' ? strndup(h + 1, n - 2) : strdup(h);
	t->text = text;
	return t->host && t->port > 0;
}

static enum rc read_tls(const char *text, struct vouch *v, struct err *e)
{
	static const struct {
		const char *text;
		int version;
	} versions[] = {
		{"1.0", TLS1_VERSION}, {"1.1", TLS1_1_VERSION},
		{"1.2", TLS1_2_VERSION}, {"1.3", TLS1_3_VERSION},
	};

	for (size_t i = 0; i < COUNT_OF(versions); i++)
		if (!strcmp(text, versions[i].text)) {
			v->tls_max = versions[i].version;
			v->tls_min = v->tls_max < TLS1_2_VERSION ? TLS1_VERSION
								 : TLS1_2_VERSION;
			return RC_OK;
		}
	return err_set(e, RC_USAGE, "options", "is no version of TLS",
		       "1.0, 1.1, 1.2 or 1.3", "--tls-max %s", text);
}

enum rc vouch_read(const struct settings *s, struct vouch *out, struct err *e)
{
	*out = (struct vouch){.timeout = s->timeout};
	for (; out->n < TVS_NAMED_MAX && s->tvs[out->n]; out->n++)
		if (!read_one(s->tvs[out->n], &out->tvs[out->n]))
			return err_set(e, RC_USAGE, "options", "is not HOST or HOST:PORT",
				       "an IPv6 address stands in brackets", "--tvs %s",
				       s->tvs[out->n]);
	return read_tls(s->tls_text, out, e);
}

void vouch_clear(struct vouch *v)
{
	for (size_t i = 0; i < TVS_NAMED_MAX; i++)
		free(v->tvs[i].host);
	*v = (struct vouch){0};
}

/* ---- what the report says ---- */

static void note(struct asking *k, const struct vouch_tvs *t, enum tvs_kind kind,
		 const char *answer, const char *why)
{
	(void)json_array_append_new(
		k->notes,
		json_pack("{ss ss ss ss ss?}", "server", t->text, "question",
			  kind == TVS_QUERY ? "query" : "verify", "about", k->about,
			  "answer", answer, "why", why));
	if (why)
		(void)snprintf(k->told, sizeof k->told, "TVS %.60s: %.320s", t->text,
			       why);
}

static void note_answer(struct asking *k, const struct vouch_tvs *t,
			const struct tvs_message *m)
{
	json_t *roles = json_array();

	k->told[0] = '\0';
	note(k, t, m->kind == TVS_FOUND ? TVS_QUERY : TVS_VERIFY,
	     m->status == TVS_VALID ? "valid" : "invalid", NULL);
	for (size_t i = 0; i < m->roles.n; i++)
		(void)json_array_append_new(roles, json_integer(m->roles.p[i]));
	(void)json_object_set_new(
		json_array_get(k->notes, json_array_size(k->notes) - 1), "roles", roles);
}

static void note_failure(struct asking *k, const struct vouch_tvs *t,
			 enum tvs_kind kind, const struct err *e)
{
	char why[sizeof e->why + sizeof e->name + 4];

	if (e->rc == RC_REFUSED) {
		note(k, t, kind, "untrusted",
		     "its certificate is in no TVS record of the installed ITL");
		return;
	}
	(void)snprintf(why, sizeof why, "%s%s%s%s", e->why, e->name[0] ? " (" : "",
		       e->name, e->name[0] ? ")" : "");
	note(k, t, kind, e->rc == RC_STALE ? "no-answer" : "error", why);
}

/* ---- asking ---- */

static bool trusts(void *arg, struct bytes cert, const uint8_t sha1[SHA1_LEN])
{
	const struct asking *k = arg;

	(void)cert;
	return phone_trusts_tvs(k->phone, sha1);
}

/* What the answer points to is the connection's. */
static enum rc ask_one(struct asking *k, const struct vouch_tvs *t,
		       const struct tvs_message *q, struct tvs_ask **line,
		       struct tvs_message *answer, struct err *e)
{
	const struct tvs_server s = {
		.host = t->host,
		.port = t->port,
		.timeout = k->v->timeout,
		.tls_min = k->v->tls_min,
		.tls_max = k->v->tls_max,
	};

	if (tvs_ask_open(&s, trusts, k, line, e) ||
	    tvs_ask_question(*line, q, answer, e))
		return e->rc;
	return RC_OK;
}

static bool ask(struct asking *k, struct tvs_message *q, struct tvs_ask **line,
		struct tvs_message *answer)
{
	q->device = bytes_of_text(k->phone->name);
	for (size_t i = 0; i < k->v->n; i++) {
		struct vouch_tvs *t = &k->v->tvs[i];
		const double began = proc_now();
		struct err e;

		if (t->mute) {
			note(k, t, q->kind, "no-answer",
			     "no answer in time to a phone before this one");
			continue;
		}
		if (!ask_one(k, t, q, line, answer, &e)) {
			note_answer(k, t, answer);
			return true;
		}
		note_failure(k, t, q->kind, &e);
		if (e.rc == RC_STALE && proc_now() - began >= k->v->timeout)
			t->mute = true;
		tvs_ask_free(*line);
		*line = NULL;
	}
	return false;
}

/* A frame's names have their NUL from the frame. */
static struct bytes without_nul(struct bytes name)
{
	return bytes_of(name.p, name.n ? name.n - 1 : 0);
}

bool vouch_signer(void *arg, const struct itl *l, struct itl_tvs_answer *answer)
{
	struct asking *k = arg;
	struct tvs_message q = {
		.kind = TVS_QUERY,
		.subject = without_nul(l->signer_name),
		.issuer = without_nul(l->signer_issuer),
		.serial = l->signer_serial,
	};
	struct tvs_message m;
	struct tvs_ask CLEANUP(tvs_ask_free) *line = NULL;

	if (!ask(k, &q, &line, &m) || m.status != TVS_VALID)
		return false;
	free(k->cert);
	k->cert = bytes_copy(m.cert);
	if (!k->cert)
		return false;
	*answer = (struct itl_tvs_answer){
		.valid = true,
		.cert = bytes_of(k->cert, m.cert.n),
		.nroles = m.roles.n,
	};
	memcpy(answer->roles, m.roles.p, m.roles.n);
	return true;
}

bool vouch_server(struct asking *k, struct bytes cert)
{
	struct tvs_message q = {.kind = TVS_VERIFY, .cert = cert};
	struct tvs_message m;
	struct tvs_ask CLEANUP(tvs_ask_free) *line = NULL;

	return ask(k, &q, &line, &m) && m.status == TVS_VALID;
}

void asking_clear(struct asking *k)
{
	free(k->cert);
	k->cert = NULL;
}
