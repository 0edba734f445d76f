#include "transfer.h"

enum rc transfer_new(const char *url, const char *protocols, int seconds,
		     char text[CURL_ERROR_SIZE], CURL **out, struct err *e)
{
	CURL CLEANUP(curl_easy_cleanup) *c = NULL;
	CURLcode r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    !(c = curl_easy_init()))
		return err_set(e, RC_ERROR, "curl_easy_init", NULL, NULL, "%s",
			       url);
	/* The one option that a stranger's URL depends on. */
	r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, protocols);
	if (r != CURLE_OK)
		return err_set(e, RC_ERROR, "CURLOPT_PROTOCOLS_STR",
			       curl_easy_strerror(r), NULL, "%s", url);
	/* Options of constant values: they fail only out of memory, and then
	 * the transfer does. */
	(void)curl_easy_setopt(c, CURLOPT_URL, url);
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)seconds);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)seconds);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
	*out = c;
	c = NULL;
	return RC_OK;
}

enum rc transfer_error(const struct transfer_meaning *rows, const char *op,
		       const char *what, CURLcode code, const char *text,
		       struct err *e)
{
	const char *why = text[0] ? text : curl_easy_strerror(code);
	const struct transfer_meaning *m = rows;

	while (m->name && m->code != code)
		m++;
	err_set(e, m->name ? m->rc : RC_ERROR, op, m->why ? m->why : why,
		m->name ? m->hint : "look at the server's log", "%s", what);
	e->code = code;
	(void)snprintf(e->name, sizeof e->name, "%s", m->name ? m->name : "");
	return e->rc;
}
