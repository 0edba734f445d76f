#include "fetch.h"
#include "base/num.h"
#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 500 /* libcurl repeats TFTP requests only when it is called */

struct lane {
	CURL *curl;
	CURLU *url;
	char name[FETCH_NAME_MAX];
	char error[CURL_ERROR_SIZE];
	uint8_t *content; /* FETCH_MAX bytes */
	size_t n;
	bool busy, too_large;
	bool over_http; /* this attempt */
	bool http_failed;
	unsigned tries_left;
};

struct fetcher {
	struct fetch_options options;
	CURLM *multi;
	unsigned nlanes;
	atomic_bool woken;
	struct lane *lanes;
};

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct lane *l = arg;
	size_t room = FETCH_MAX - l->n, got = size * n;

	if (got >= room)
		l->too_large = true;
	memcpy(l->content + l->n, p, got < room ? got : room);
	l->n += got < room ? got : room;
	return l->too_large ? 0 : got; /* 0 ends the transfer */
}

static enum rc curl_err(struct err *e, const char *op, const char *why)
{
	return err_set(e, RC_ERROR, op, why, NULL, "libcurl");
}

/* What is the same for every file of a lane. */
static bool lane_open(struct lane *l, const struct fetch_options *o)
{
	long ms = (long)(o->timeout * 1000);

	l->content = malloc(FETCH_MAX);
	l->curl = curl_easy_init();
	l->url = curl_url();
	return l->content && l->curl && l->url &&
	       !curl_easy_setopt(l->curl, CURLOPT_PRIVATE, (char *)l) &&
	       !curl_easy_setopt(l->curl, CURLOPT_ERRORBUFFER, l->error) &&
	       !curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, take) &&
	       !curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l) &&
	       !curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(l->curl, CURLOPT_FAILONERROR, 1L) &&
	       !curl_easy_setopt(l->curl, CURLOPT_PROXY, "") &&
	       /* libcurl takes the size 0 in a server's options for an error */
	       !curl_easy_setopt(l->curl, CURLOPT_TFTP_NO_OPTIONS, 1L) &&
	       !curl_easy_setopt(l->curl, CURLOPT_PROTOCOLS_STR, "http,tftp") &&
	       !curl_easy_setopt(l->curl, CURLOPT_HTTP_VERSION,
				 (long)CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(l->curl, CURLOPT_CONNECTTIMEOUT_MS, ms) &&
	       !curl_easy_setopt(l->curl, CURLOPT_TIMEOUT_MS, ms);
}

static void lane_close(struct lane *l)
{
	curl_easy_cleanup(l->curl);
	curl_url_cleanup(l->url);
	free(l->content);
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	for (unsigned i = 0; f->lanes && i < f->nlanes; i++) {
		if (f->lanes[i].busy)
			(void)curl_multi_remove_handle(f->multi,
						       f->lanes[i].curl);
		lane_close(&f->lanes[i]);
	}
	(void)curl_multi_cleanup(f->multi);
	free(f->lanes);
	free(f);
	curl_global_cleanup();
}

enum rc fetcher_new(const struct fetch_options *o, unsigned lanes,
		    struct fetcher **out, struct err *e)
{
	struct fetcher CLEANUP(fetcher_free) *f = NULL;
	CURLU *check;
	CURLUcode bad;

	assert(lanes >= 1 && lanes <= FETCH_LANES_MAX);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return curl_err(e, "curl_global_init", "failed");
	f = calloc(1, sizeof *f);
	if (!f) {
		curl_global_cleanup();
		return err_errno(e, RC_ERROR, "malloc", NULL, "fetcher");
	}
	f->options = *o;
	check = curl_url();
	bad = curl_url_set(check, CURLUPART_HOST, o->server, 0);
	curl_url_cleanup(check);
	if (bad)
		return err_set(e, RC_USAGE, "options",
			       "is not a host name or an address",
			       "an IPv6 address stands in brackets",
			       "--server %s", o->server);
	f->multi = curl_multi_init();
	f->lanes = calloc(lanes, sizeof *f->lanes);
	if (!f->multi || !f->lanes)
		return err_errno(e, RC_ERROR, "malloc", NULL, "fetcher");
	for (f->nlanes = 0; f->nlanes < lanes;)
		if (!lane_open(&f->lanes[f->nlanes++], o))
			return curl_err(e, "curl_easy_setopt", "failed");
	*out = f;
	f = NULL;
	return RC_OK;
}

void fetcher_begin(struct fetcher *f, unsigned lane)
{
	f->lanes[lane].http_failed = false;
}

static bool set_url(struct fetcher *f, struct lane *l)
{
	char port[12], path[FETCH_NAME_MAX + 1];

	(void)snprintf(port, sizeof port, "%u",
		       l->over_http ? f->options.http_port
				    : f->options.tftp_port);
	(void)snprintf(path, sizeof path, "/%s", l->name);
	return !curl_url_set(l->url, CURLUPART_SCHEME,
			     l->over_http ? "http" : "tftp", 0) &&
	       !curl_url_set(l->url, CURLUPART_HOST, f->options.server, 0) &&
	       !curl_url_set(l->url, CURLUPART_PORT, port, 0) &&
	       !curl_url_set(l->url, CURLUPART_PATH, path, 0) &&
	       !curl_easy_setopt(l->curl, CURLOPT_CURLU, l->url);
}

static enum rc attempt(struct fetcher *f, struct lane *l, struct err *e)
{
	CURLMcode bad;

	l->n = 0;
	l->too_large = false;
	l->error[0] = '\0';
	l->over_http = f->options.http_port && !l->http_failed;
	if (!set_url(f, l))
		return err_set(e, RC_ERROR, "URL", "cannot be formed", NULL,
			       "%s on %s", l->name, f->options.server);
	bad = curl_multi_add_handle(f->multi, l->curl);
	if (bad)
		return curl_err(e, "curl_multi_add_handle",
				curl_multi_strerror(bad));
	l->busy = true;
	return RC_OK;
}

enum rc fetcher_start(struct fetcher *f, unsigned lane, const char *name,
		      struct err *e)
{
	struct lane *l = &f->lanes[lane];

	assert(lane < f->nlanes && !l->busy && strlen(name) < FETCH_NAME_MAX);
	strcpy(l->name, name);
	l->tries_left = f->options.tries;
	return attempt(f, l, e);
}

static enum fetch_result result_of(struct lane *l, CURLcode code)
{
	long http = 0;

	if (l->too_large)
		return FETCH_TOO_LARGE;
	switch (code) {
	case CURLE_OK:
		return FETCH_OK;
	case CURLE_TFTP_NOTFOUND:
		return FETCH_ABSENT;
	case CURLE_HTTP_RETURNED_ERROR:
		(void)curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &http);
		return http == 404 || http == 410 ? FETCH_ABSENT : FETCH_ERROR;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_GOT_NOTHING:
		return FETCH_NO_ANSWER;
	default:
		return FETCH_ERROR;
	}
}

static void describe(const struct lane *l, CURLcode code, struct fetched *out)
{
	out->name = l->name;
	out->over = l->over_http ? "http" : "tftp";
	out->content = bytes_of(l->content, l->n);
	out->error[0] = '\0';
	if (out->result == FETCH_TOO_LARGE)
		(void)snprintf(out->error, sizeof out->error,
			       "longer than %u bytes", FETCH_MAX - 1);
	else if (out->result != FETCH_OK) /* over TFTP the buffer holds noise */
		(void)snprintf(out->error, sizeof out->error, "%s",
			       l->over_http && l->error[0]
				       ? l->error
				       : curl_easy_strerror(code));
}

/* What a phone does after an attempt that brought no answer. */
static bool tries_again(const struct fetcher *f, struct lane *l,
			enum fetch_result result)
{
	if (result != FETCH_NO_ANSWER && result != FETCH_ERROR)
		return false;
	if (l->over_http) {
		l->http_failed = true;
		return f->options.tftp_port != 0;
	}
	return --l->tries_left > 0;
}

/* The next transfer that ended, or NULL after waiting for a while. */
static enum rc next_done(struct fetcher *f, struct lane **out, CURLcode *code,
			 struct err *e)
{
	int left;
	CURLMcode bad = curl_multi_perform(f->multi, &left);

	for (CURLMsg *m; !bad && (m = curl_multi_info_read(f->multi, &left));)
		if (m->msg == CURLMSG_DONE) {
			*code = m->data.result;
			(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
						(char **)out);
			return RC_OK;
		}
	if (!bad)
		bad = curl_multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
	if (bad)
		return curl_err(e, "curl_multi_poll", curl_multi_strerror(bad));
	*out = NULL;
	return RC_OK;
}

enum rc fetcher_wait(struct fetcher *f, unsigned *lane, struct fetched *out,
		     bool *again, struct err *e)
{
	struct lane *l = NULL;
	CURLcode code = CURLE_OK;

	while (!l) {
		if (atomic_exchange(&f->woken, false)) {
			*lane = FETCH_WOKEN;
			return RC_OK;
		}
		if (next_done(f, &l, &code, e))
			return e->rc;
	}
	(void)curl_multi_remove_handle(f->multi, l->curl);
	l->busy = false;
	out->result = result_of(l, code);
	describe(l, code, out);
	*again = tries_again(f, l, out->result);
	*lane = (unsigned)(l - f->lanes);
	return *again ? attempt(f, l, e) : RC_OK;
}

void fetcher_wake(struct fetcher *f)
{
	f->woken = true;
	(void)curl_multi_wakeup(f->multi);
}
