#include "base/num.h"
#include "carry/name.h"
#include "vault.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PREFIX "ITLRecovery-"
#define TIME_LEN 16 /* "20140226T102400Z" */

static const char *ending(const struct vault_name *n)
{
	return n->plain ? ".p12" : ".envelope";
}

char *vault_name_text(const struct vault_name *n, char to[VAULT_NAME_MAX])
{
	time_t at = (time_t)n->time;
	char when[32] = "";
	struct tm t;

	if (gmtime_r(&at, &t))
		(void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &t);
	(void)snprintf(to, VAULT_NAME_MAX, PREFIX "%s-%s%s", n->serial, when,
		       ending(n));
	return to;
}

/* Exactly what vault_name_text() makes: it is read loosely, and made again. */
bool vault_name_read(const char *text, struct vault_name *out)
{
	struct vault_name n = {0};
	char again[VAULT_NAME_MAX];
	struct tm t = {0};
	size_t hex;
	const char *p = text, *end;

	if (strlen(text) >= VAULT_NAME_MAX || strncmp(p, PREFIX, strlen(PREFIX)) != 0)
		return false;
	p += strlen(PREFIX);
	hex = strspn(p, "0123456789abcdefABCDEF");
	if (hex < 1 || hex >= sizeof n.serial || p[hex] != '-')
		return false;
	memcpy(n.serial, p, hex);
	p += hex + 1;
	end = strptime(p, "%Y%m%dT%H%M%SZ", &t);
	if (!end || end - p != TIME_LEN)
		return false;
	n.time = timegm(&t);
	n.plain = !strcmp(end, ".p12");
	if (strcmp(vault_name_text(&n, again), text) != 0)
		return false;
	*out = n;
	return true;
}

enum rc vault_name_check(const char *name, struct err *e)
{
	if (strlen(name) >= VAULT_NAME_MAX || !carry_name_is_plain(name))
		return err_set(e, RC_USAGE, "vault",
			       "is not a plain name of a file", NULL, "%.100s",
			       name);
	return RC_OK;
}
