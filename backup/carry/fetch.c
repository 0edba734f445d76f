#include "base/num.h"
#include "carry/carry.h"
#include "job.h"
#include "sandbox.h"
#include "transfer.h"
#include <string.h>

#define MAX_HEADERS 32768u /* bytes that an HTTP server may send before the file */

struct fetch {
	const char *url;
	size_t max;
	size_t n;
	size_t headers;
	bool too_large;
	char text[CURL_ERROR_SIZE];
	uint8_t body[CARRY_CONTENT_MAX];
};

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;
	size_t n = size * count;

	if (n > f->max - f->n) {
		f->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	memcpy(f->body + f->n, p, n);
	f->n += n;
	return n;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;

	(void)p;
	f->headers += size * count;
	return f->headers <= MAX_HEADERS ? size * count : 0;
}

#define IS_IT_RUNNING "is the server running, on this address and port?"

/* What the codes mean for somebody who looks after a TFTP server. */
static const struct transfer_meaning meanings[] = {
	{CURLE_TFTP_NOTFOUND, RC_NOTFOUND, "TFTP_NOTFOUND",
	 "the server has no such file",
	 "is `folder` in cluster.conf the one that this server serves?"},
	{CURLE_TFTP_PERM, RC_ERROR, "TFTP_PERM", "the server may not read the file",
	 "the file and its folders must be readable by all"},
	{CURLE_OPERATION_TIMEDOUT, RC_STALE, "OPERATION_TIMEDOUT",
	 "no answer, or not the whole file, in time", IS_IT_RUNNING},
	{CURLE_COULDNT_CONNECT, RC_STALE, "COULDNT_CONNECT",
	 "nobody answers there", IS_IT_RUNNING},
	{CURLE_COULDNT_RESOLVE_HOST, RC_ERROR, "COULDNT_RESOLVE_HOST",
	 "the name has no address",
	 "correct `address` in cluster.conf, or the name service"},
	{CURLE_UNSUPPORTED_PROTOCOL, RC_USAGE, "UNSUPPORTED_PROTOCOL", NULL,
	 "only tftp:// and http:// are fetched"},
	{CURLE_URL_MALFORMAT, RC_USAGE, "URL_MALFORMAT", NULL,
	 "correct `address` in cluster.conf"},
	{0},
};

static enum rc fetch_error(const struct fetch *f, CURLcode code, long status,
			   struct err *e)
{
	if (f->too_large)
		return err_set(e, RC_VERIFY, "fetch", "the file is too large",
			       "put back a file that phones can load",
			       "%s: over %zu bytes", f->url, f->max);
	transfer_error(meanings, "fetch", f->url, code, f->text, e);
	if (code == CURLE_HTTP_RETURNED_ERROR && status == 404)
		e->rc = RC_NOTFOUND;
	return e->rc;
}

static void set_options(CURL *c, struct fetch *f)
{
	(void)curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
	(void)curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
}

enum rc job_fetch(json_t *job, struct err *e)
{
	static struct fetch f; /* 64 KB, and a process does one job */
	CURL CLEANUP(curl_easy_cleanup) *c = NULL;
	int seconds, max;
	long status = 0;
	CURLcode r;

	if (job_members(job, e, "{s:s, s:i, s:i}", "url", &f.url, "seconds",
			&seconds, "max", &max) != RC_OK)
		return e->rc;
	if (seconds < 1 || max < 1 || (unsigned)max > CARRY_CONTENT_MAX)
		return err_set(e, RC_USAGE, "fetch", "out of range", NULL,
			       "seconds=%d max=%d", seconds, max);
	if (sandbox_files(NULL, NULL, 0, e) != RC_OK)
		return e->rc;
	f.max = (size_t)max;
	if (transfer_new(f.url, "tftp,http", seconds, f.text, &c, e) != RC_OK)
		return e->rc;
	set_options(c, &f);
	r = curl_easy_perform(c);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (r != CURLE_OK)
		return fetch_error(&f, r, status, e);
	return job_bring(bytes_of(f.body, f.n), e);
}
