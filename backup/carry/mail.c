#include "base/num.h"
#include "carry/address.h"
#include "carry/carry.h"
#include "job.h"
#include "sandbox.h"
#include "transfer.h"
#include <string.h>

struct mail {
	const char *url, *from, *user, *ca;
	json_t *to;
	int starttls, password, seconds;
	struct secret *secret;
	struct curl_slist *recipients;
	uint8_t *message; /* with CRLF at the end of each line */
	size_t n, sent;
	char text[CURL_ERROR_SIZE];
};

static const struct transfer_meaning meanings[] = {
	{CURLE_COULDNT_RESOLVE_HOST, RC_ERROR, "COULDNT_RESOLVE_HOST",
	 "the name has no address", "correct the URL, or the name service"},
	{CURLE_COULDNT_CONNECT, RC_STALE, "COULDNT_CONNECT",
	 "nobody answers there",
	 "is the mail server running, on this address and port?"},
	{CURLE_OPERATION_TIMEDOUT, RC_STALE, "OPERATION_TIMEDOUT",
	 "no answer in time", "is it a mail server, and does it work?"},
	{CURLE_USE_SSL_FAILED, RC_REFUSED, "USE_SSL_FAILED",
	 "the server offers no STARTTLS, and in the clear nothing is sent",
	 "enable it there, or use another server"},
	{CURLE_PEER_FAILED_VERIFICATION, RC_VERIFY, "PEER_FAILED_VERIFICATION",
	 NULL,
	 "name the file of its CA's certificates, or the server by the name in its certificate"},
	{CURLE_SSL_CACERT_BADFILE, RC_USAGE, "SSL_CACERT_BADFILE",
	 "the file of the CA's certificates cannot be read", "correct its path"},
	{CURLE_LOGIN_DENIED, RC_REFUSED, "LOGIN_DENIED",
	 "the server refused the user or the password", "correct them"},
	{CURLE_WEIRD_SERVER_REPLY, RC_ERROR, "WEIRD_SERVER_REPLY",
	 "the server did not take the message", "look at the server's log"},
	{CURLE_GOT_NOTHING, RC_STALE, "GOT_NOTHING",
	 "the server ended the connection", "look at the server's log"},
	{CURLE_RECV_ERROR, RC_STALE, "RECV_ERROR",
	 "the server ended the connection", "look at the server's log"},
	{0},
};

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
	struct mail *m = arg;
	size_t n = size * count, left = m->n - m->sent;

	n = n < left ? n : left;
	memcpy(to, m->message + m->sent, n);
	m->sent += n;
	return n;
}

static enum rc not_an_address(const char *a, struct err *e)
{
	return err_set(e, RC_USAGE, "mail", "is not an address of mail",
		       "give it as user@example.net", "%.100s", a);
}

static enum rc read_recipients(struct mail *m, struct err *e)
{
	size_t n = json_array_size(m->to);

	if (n < 1 || n > CARRY_RECIPIENTS_MAX)
		return err_set(e, RC_USAGE, "mail", "no recipients, or too many",
			       NULL, "%zu; at most %u", n, CARRY_RECIPIENTS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *a = json_string_value(json_array_get(m->to, i));
		struct curl_slist *l;

		if (!a || !carry_address_is_plain(a, strlen(a)))
			return not_an_address(a ? a : "\"to\"", e);
		l = curl_slist_append(m->recipients, a);
		if (!l)
			return err_errno(e, RC_ERROR, "malloc", NULL, "%s", a);
		m->recipients = l;
	}
	return RC_OK;
}

/* Lines that end with LF alone are a server's to misunderstand. */
static enum rc read_message(struct mail *m, struct err *e)
{
	uint8_t CLEANUP_FREE *raw = NULL;
	size_t n = 0;

	if (job_content(CARRY_OBJECT_MAX, &raw, &n, e) != RC_OK)
		return e->rc;
	m->message = malloc(2 * n + 1);
	if (!m->message)
		return err_errno(e, RC_ERROR, "malloc", NULL, "the message");
	for (size_t i = 0; i < n; i++) {
		if (raw[i] == '\n' && (i == 0 || raw[i - 1] != '\r'))
			m->message[m->n++] = '\r';
		m->message[m->n++] = raw[i];
	}
	return RC_OK;
}

static enum rc read_job(json_t *job, struct mail *m, struct err *e)
{
	json_t *user, *ca;

	if (job_members(job, e, "{s:s, s:s, s:o, s:o, s:b, s:b, s:o, s:i}", "url",
			&m->url, "from", &m->from, "to", &m->to, "user", &user,
			"password", &m->password, "starttls", &m->starttls, "ca",
			&ca, "seconds", &m->seconds) != RC_OK ||
	    job_text(user, "user", &m->user, e) != RC_OK ||
	    job_text(ca, "ca", &m->ca, e) != RC_OK)
		return e->rc;
	/* It is not repeated: it may hold a password, which has its own way here. */
	if (!carry_mail_server_is_plain(m->url))
		return err_set(e, RC_USAGE, "mail", "is not smtp://HOST:PORT", NULL,
			       "the URL of the mail server");
	if (m->seconds < 1)
		return err_set(e, RC_USAGE, "mail", "out of range", NULL,
			       "seconds=%d", m->seconds);
	if ((m->user != NULL) != (m->password != 0) ||
	    (m->password && !m->starttls))
		return err_set(e, RC_USAGE, "mail",
			       "a user needs a password, and a password STARTTLS",
			       NULL, "%s", m->url);
	if (!carry_address_is_plain(m->from, strlen(m->from)))
		return not_an_address(m->from, e);
	if (read_recipients(m, e) != RC_OK || read_message(m, e) != RC_OK)
		return e->rc;
	return m->password ? job_password(&m->secret, e) : RC_OK;
}

static enum rc send_it(struct mail *m, struct err *e)
{
	CURL CLEANUP(curl_easy_cleanup) *c = NULL;
	CURLcode r;

	if (transfer_new(m->url, "smtp", m->seconds, m->text, &c, e) != RC_OK)
		return e->rc;
	(void)curl_easy_setopt(c, CURLOPT_USE_SSL,
			       (long)(m->starttls ? CURLUSESSL_ALL
						  : CURLUSESSL_NONE));
	if (m->ca) /* else the system's */
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, m->ca);
	if (m->secret) {
		(void)curl_easy_setopt(c, CURLOPT_USERNAME, m->user);
		(void)curl_easy_setopt(c, CURLOPT_PASSWORD,
				       (const char *)m->secret->p);
	}
	(void)curl_easy_setopt(c, CURLOPT_MAIL_FROM, m->from);
	(void)curl_easy_setopt(c, CURLOPT_MAIL_RCPT, m->recipients);
	(void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(c, CURLOPT_READDATA, m);
	r = curl_easy_perform(c);
	return r == CURLE_OK
		       ? RC_OK
		       : transfer_error(meanings, "mail", m->url, r, m->text, e);
}

enum rc job_mail(json_t *job, struct err *e)
{
	struct mail m = {0};
	enum rc rc = read_job(job, &m, e);

	if (rc == RC_OK)
		rc = sandbox_files(NULL, &m.ca, 1, e);
	if (rc == RC_OK)
		rc = send_it(&m, e);
	curl_slist_free_all(m.recipients);
	secret_free(m.secret);
	free(m.message);
	return rc;
}
