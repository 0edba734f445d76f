/* The commands of itlphone, over a number of phones with consecutive MACs. */
#ifndef ITLPHONE_H
#define ITLPHONE_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define PHONES_MAX 1000000u
#define TVS_NAMED_MAX 3 /* a phone's configuration names no more */
#define MAC_MAX UINT64_C(0xffffffffffff)

struct settings {
	const char *state, *mac_text, *server, *https; /* of argv */
	const char *tvs[TVS_NAMED_MAX], *tls_text;
	uint64_t mac;                          /* of the first phone */
	unsigned count, parallel, tftp_port, http_port, tries;
	double timeout; /* seconds of one try, and of one TVS */
	bool json;
};

/*
 * Each prints to standard output, and leaves the exit code in *code when it
 * returns RC_OK. reset: 0 if every phone accepted or is up to date, 5 if any
 * rejected, else 1 if any could not fetch. https: 0 if every phone trusts the
 * service, 5 if any does not, else 1 if any could not reach it.
 */
enum rc phones_reset(const struct settings *s, int *code, struct err *e) MUST_CHECK;
enum rc phones_https(const struct settings *s, int *code, struct err *e) MUST_CHECK;
enum rc phones_show(const struct settings *s, int *code, struct err *e) MUST_CHECK;
enum rc phones_erase(const struct settings *s, int *code, struct err *e) MUST_CHECK;

#endif
