/* The commands of itlphone, over a number of phones with consecutive MACs. */
#ifndef ITLPHONE_H
#define ITLPHONE_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define PHONES_MAX 1000000u
#define MAC_MAX UINT64_C(0xffffffffffff)

struct settings {
	const char *state, *mac_text, *server; /* of argv */
	uint64_t mac;                          /* of the first phone */
	unsigned count, parallel, tftp_port, http_port, tries;
	double timeout; /* seconds of one try */
	bool json;
};

/*
 * Each prints to standard output, and leaves the exit code in *code when it
 * returns RC_OK. reset: 0 if every phone accepted or is up to date, 5 if any
 * rejected, else 1 if any could not fetch.
 */
enum rc phones_reset(const struct settings *s, int *code, struct err *e) MUST_CHECK;
enum rc phones_show(const struct settings *s, int *code, struct err *e) MUST_CHECK;
enum rc phones_erase(const struct settings *s, int *code, struct err *e) MUST_CHECK;

#endif
