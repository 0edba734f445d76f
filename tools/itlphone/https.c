/* Phones open an HTTPS service: their lists or TVS must vouch for its certificate. */
#include "itlphone.h"
#include "phone.h"
#include "vouch.h"
#include "base/num.h"
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

CLEANUP_DEFINE(CURL *, curl_easy_cleanup);
CLEANUP_DEFINE(CURLU *, curl_url_cleanup);
CLEANUP_DEFINE(void *, curl_free);

/* One phone that opens it. */
struct visit {
	const struct settings *s;
	struct phone phone;
	struct asking k;
	const char *verdict; /* "by-tvs", ...; NULL: the server showed nothing yet */
	bool trusted;
	long http; /* its status; 0: no answer */
	char why[CURL_ERROR_SIZE + 400];
};

static void judge(struct visit *v, struct bytes cert, const uint8_t sha1[SHA1_LEN])
{
	v->verdict = phone_trusts_server(&v->phone, sha1);
	v->trusted = v->verdict != NULL;
	if (v->trusted) {
		(void)snprintf(v->why, sizeof v->why,
			       "a record of the installed %s has its certificate",
			       strcmp(v->verdict, "by-ctl") ? "ITL" : "CTL");
		return;
	}
	v->trusted = v->k.v->n && vouch_server(&v->k, cert);
	v->verdict = v->trusted ? "by-tvs" : "not-trusted";
	(void)snprintf(v->why, sizeof v->why, "%s%s%s%s",
		       v->trusted ? "TVS vouches for its certificate"
		       : v->k.v->n
			       ? "its certificate is in no record of the installed lists, "
				 "nor does TVS vouch for it"
			       : "its certificate is in no record of the installed lists",
		       v->k.told[0] ? " (" : "", v->k.told, v->k.told[0] ? ")" : "");
}

/* In place of OpenSSL's check of a chain: phones know no authorities. */
static int check_cert(X509_STORE_CTX *store, void *arg)
{
	struct visit *v = arg;
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	unsigned char *der = NULL;
	uint8_t sha1[SHA1_LEN];
	int n = cert ? i2d_X509(cert, &der) : -1;

	if (n > 0 && X509_digest(cert, EVP_sha1(), sha1, NULL) == 1)
		judge(v, bytes_of(der, (size_t)n), sha1);
	OPENSSL_free(der);
	X509_STORE_CTX_set_error(store, v->trusted ? X509_V_OK
						   : X509_V_ERR_APPLICATION_VERIFICATION);
	return v->trusted;
}

static CURLcode on_context(CURL *curl, void *ctx, void *arg)
{
	struct visit *v = arg;

	(void)curl;
	SSL_CTX_set_cert_verify_callback(ctx, check_cert, v);
	SSL_CTX_set_security_level(ctx, v->k.v->tls_min < TLS1_2_VERSION ? 0 : 1);
	return SSL_CTX_set_min_proto_version(ctx, v->k.v->tls_min) == 1 &&
			       SSL_CTX_set_max_proto_version(ctx, v->k.v->tls_max) == 1
		       ? CURLE_OK
		       : CURLE_SSL_CONNECT_ERROR;
}

/* The service answered: what it says is not for a simulated phone. */
static size_t enough(char *p, size_t size, size_t n, void *arg)
{
	(void)p, (void)size, (void)n, (void)arg;
	return 0;
}

static bool set_up(CURL *c, struct visit *v, char error[CURL_ERROR_SIZE])
{
	return !curl_easy_setopt(c, CURLOPT_URL, v->s->https) &&
	       !curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") &&
	       !curl_easy_setopt(c, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error) &&
	       !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, enough) &&
	       !curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(v->s->timeout * 1000) *
				 (long)(1 + v->k.v->n)) &&
	       !curl_easy_setopt(c, CURLOPT_CAINFO, NULL) &&
	       !curl_easy_setopt(c, CURLOPT_CAPATH, NULL) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_context) &&
	       !curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, v);
}

static enum rc visit(struct visit *v, struct err *e)
{
	CURL CLEANUP(curl_easy_cleanup) *c = curl_easy_init();
	char error[CURL_ERROR_SIZE] = "";
	CURLcode code;

	if (!c || !set_up(c, v, error))
		return err_set(e, RC_ERROR, "curl_easy_setopt", "failed", NULL, "%s",
			       v->s->https);
	code = curl_easy_perform(c);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &v->http);
	/* WRITE_ERROR: it sent a body. */
	if (v->verdict && !v->trusted)
		return RC_OK;
	if (!v->verdict || (code != CURLE_OK && code != CURLE_WRITE_ERROR)) {
		v->verdict = "no-answer";
		(void)snprintf(v->why, sizeof v->why, "%s",
			       error[0] ? error : curl_easy_strerror(code));
	}
	return RC_OK;
}

static bool is_open(const struct visit *v)
{
	return v->trusted && strcmp(v->verdict, "no-answer") != 0;
}

static void print_json(const struct visit *v, json_t *lines)
{
	json_t *o = json_pack("{ss ss sb ss ss sO sI sO}", "phone", v->phone.name, "url",
			      v->s->https, "accepted", is_open(v), "verdict", v->verdict,
			      "why", v->why, "status", lines, "http",
			      (json_int_t)v->http, "tvs", v->k.notes);

	(void)json_dumpf(o, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(o);
}

static enum rc report(const struct visit *v, struct err *e)
{
	json_t *lines = json_array();
	enum rc rc = RC_OK;

	if (!is_open(v)) {
		(void)json_array_append_new(lines, json_string("Host Not Found"));
		rc = phone_log(&v->phone, lines, e);
	}
	if (rc == RC_OK && v->s->json)
		print_json(v, lines);
	else if (rc == RC_OK)
		(void)printf("%-15s  %-14s  %s\n", v->phone.name,
			     is_open(v) ? "opened" : "Host Not Found", v->why);
	json_decref(lines);
	return rc;
}

static enum rc open_one(const struct settings *s, struct vouch *vouch, uint64_t mac,
			enum rc *outcome, struct err *e)
{
	struct visit v = {.s = s};
	enum rc rc;

	if (phone_load(&v.phone, s->state, mac, e))
		return e->rc;
	v.k = (struct asking){.v = vouch, .phone = &v.phone, .about = s->https,
			      .notes = json_array()};
	rc = visit(&v, e);
	if (rc == RC_OK)
		rc = report(&v, e);
	if (rc == RC_OK && !is_open(&v))
		*outcome = v.trusted || !strcmp(v.verdict, "no-answer") ? RC_ERROR
									: RC_VERIFY;
	json_decref(v.k.notes);
	asking_clear(&v.k);
	phone_clear(&v.phone);
	return rc;
}

static enum rc check_url(const char *url, struct err *e)
{
	CURLU CLEANUP(curl_url_cleanup) *u = curl_url();
	void CLEANUP(curl_free) *scheme = NULL;

	if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) ||
	    curl_url_get(u, CURLUPART_SCHEME, (char **)&scheme, 0) ||
	    strcmp(scheme, "https") != 0)
		return err_set(e, RC_USAGE, "options", "is not the URL of an HTTPS service",
			       "https://HOST[:PORT]/PATH", "--https %s", url);
	return RC_OK;
}

static enum rc open_all(const struct settings *s, struct vouch *vouch, int *code,
			struct err *e)
{
	enum rc all = RC_OK;

	if (!s->json)
		(void)printf("%-15s  %-14s  %s\n", "PHONE", "STATUS", "WHY");
	for (unsigned i = 0; i < s->count; i++) {
		enum rc outcome = RC_OK;

		if (open_one(s, vouch, s->mac + i, &outcome, e))
			return e->rc;
		if (outcome == RC_VERIFY || all == RC_OK)
			all = outcome;
	}
	*code = err_exit_code(all);
	return RC_OK;
}

enum rc phones_https(const struct settings *s, int *code, struct err *e)
{
	struct vouch vouch;
	enum rc rc = vouch_read(s, &vouch, e);

	if (rc == RC_OK && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		rc = err_set(e, RC_ERROR, "curl_global_init", "failed", NULL, "libcurl");
	if (rc == RC_OK) {
		rc = check_url(s->https, e);
		if (rc == RC_OK)
			rc = open_all(s, &vouch, code, e);
		curl_global_cleanup();
	}
	vouch_clear(&vouch);
	return rc;
}
