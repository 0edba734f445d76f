/* Where mail goes: what a configuration may say, and what carry takes. */
#ifndef CARRY_ADDRESS_H
#define CARRY_ADDRESS_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CARRY_ADDRESS_MAX 254u /* characters of an address, RFC 5321 */
#define CARRY_RECIPIENTS_MAX 8u

/* One address in the n characters at p: printable ASCII around an '@', and nothing
 * that has a meaning in a header or in SMTP. */
static inline bool carry_address_is_plain(const char *p, size_t n)
{
	const char *at = memchr(p, '@', n);

	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~' || strchr("<>,;:\"\\()[]", p[i]))
			return false;
	return n <= CARRY_ADDRESS_MAX && at && at > p && at < p + n - 1;
}

/* smtp://HOST:PORT and nothing more, so no password either; an IPv6 address stands
 * in brackets. */
static inline bool carry_mail_server_is_plain(const char *url)
{
	static const char scheme[] = "smtp://";
	const char *host = url + sizeof scheme - 1, *end;
	char *rest = NULL;
	unsigned long port;
	bool v6;

	if (strncmp(url, scheme, sizeof scheme - 1) != 0)
		return false;
	v6 = host[0] == '[';
	host += v6;
	for (end = host; isalnum((unsigned char)*end) ||
			 (*end && strchr(v6 ? ":." : ".-_", *end));)
		end++;
	if (end == host || (v6 && *end++ != ']') || *end != ':' ||
	    !isdigit((unsigned char)end[1]))
		return false;
	port = strtoul(end + 1, &rest, 10);
	return !*rest && port > 0 && port <= UINT16_MAX;
}

#endif
