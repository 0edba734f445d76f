/* The roles of a trust file as people write them. */
#include "base/num.h"
#include "itl/trust.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	uint32_t roles;
	bool unit;
} names[] = {
	{"SAST", TRUST_ROLE(ITL_SAST), false},
	{"CCM", TRUST_ROLE(ITL_CCM), false},
	{"CCM+TFTP", TRUST_ROLE(ITL_CCM_TFTP), false},
	{"TFTP", TRUST_ROLE(ITL_TFTP), false},
	{"CAPF", TRUST_ROLE(ITL_CAPF), true},
	{"APP-SERVER", TRUST_ROLE(ITL_APP_SERVER), false},
	{"TVS", TRUST_ROLE(ITL_TVS), true},
	{"CallManager", TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP), true},
	{"ITLRecovery", TRUST_ROLE(ITL_SAST), true},
};

static uint32_t role_named(const char *name, size_t n)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strlen(names[i].name) == n && !strncasecmp(names[i].name, name, n))
			return names[i].roles;
	return 0;
}

enum rc trust_roles_read(const char *text, uint32_t *roles, struct err *e)
{
	uint32_t all = 0;

	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		uint32_t one = role_named(at, n);

		if (!one)
			return err_set(e, RC_USAGE, "roles", "is no role",
				       "CallManager, ITLRecovery, CAPF, TVS for a unit's certificate; or SAST, CCM, CCM+TFTP, TFTP, APP-SERVER",
				       "\"%.*s\"", n < 40 ? (int)n : 40, at);
		all |= one;
		at += n;
		if (!*at)
			break;
	}
	*roles = all;
	return RC_OK;
}

char *trust_roles_text(uint32_t roles, char to[TRUST_ROLES_TEXT])
{
	size_t n = 0;

	to[0] = '\0';
	for (unsigned role = 0; role < 32; role++)
		for (size_t i = 0; i < COUNT_OF(names) && roles & TRUST_ROLE(role); i++)
			if (names[i].roles == TRUST_ROLE(role)) {
				n += (size_t)snprintf(to + n, TRUST_ROLES_TEXT - n, "%s%s",
						      n ? "," : "", names[i].name);
				break; /* ITLRecovery is SAST too */
			}
	return to;
}

uint32_t trust_roles_of_unit(const char *unit_name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].unit && !strcmp(names[i].name, unit_name))
			return names[i].roles;
	return 0;
}
