/* What jobs by libcurl have in common. */
#ifndef CARRY_TRANSFER_H
#define CARRY_TRANSFER_H

#include "base/err.h"
#include <curl/curl.h>

CLEANUP_DEFINE(CURL *, curl_easy_cleanup);

/*
 * A handle for this URL and these protocols ("tftp,http") alone: no proxy, no
 * redirects, seconds for the whole. The URL and text, which gets libcurl's own
 * words, must outlive it.
 */
enum rc transfer_new(const char *url, const char *protocols, int seconds,
		     char text[CURL_ERROR_SIZE], CURL **out,
		     struct err *e) MUST_CHECK;

/* What a code means for somebody who looks after such a server. why and hint:
 * NULL for libcurl's own words, and for none. */
struct transfer_meaning {
	CURLcode code;
	enum rc rc;
	const char *name, *why, *hint;
};

/* The error of a code, by rows that end with one without name. */
enum rc transfer_error(const struct transfer_meaning *rows, const char *op,
		       const char *what, CURLcode code, const char *text,
		       struct err *e);

#endif
