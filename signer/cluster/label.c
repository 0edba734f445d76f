#include "cluster/label.h"
#include "base/num.h"
#include "tables.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	bool of_node;
} units[UNIT_COUNT] = {
	[UNIT_CALLMANAGER] = {"CallManager", true},
	[UNIT_TVS] = {"TVS", true},
	[UNIT_CAPF] = {"CAPF", false},
	[UNIT_ITLRECOVERY] = {"ITLRecovery", false},
	[UNIT_AUDIT] = {"Audit", false},
};

const char *unit_name(enum unit u)
{
	return u < UNIT_COUNT ? units[u].name : "?";
}

bool unit_is_of_node(enum unit u)
{
	return u < UNIT_COUNT && units[u].of_node;
}

enum rc unit_from_name(const char *name, enum unit *out, struct err *e)
{
	for (size_t i = 0; i < UNIT_COUNT; i++)
		if (!strcasecmp(units[i].name, name)) {
			*out = (enum unit)i;
			return RC_OK;
		}
	return err_set(e, RC_USAGE, "unit", "no such unit",
		       "units are CallManager, TVS, CAPF, ITLRecovery and Audit",
		       "%.40s", name);
}

void label_text(const struct label *l, char to[LABEL_MAX])
{
	(void)snprintf(to, LABEL_MAX, "%s/%s/%u", unit_name(l->unit), l->node,
		       l->generation);
}

/* 1 to 999999999, written in the one way that label_text() writes it. */
static bool read_generation(const char *p, size_t n, unsigned *out)
{
	unsigned v = 0;

	if (n == 0 || n > 9 || p[0] == '0')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	*out = v;
	return true;
}

bool label_read(const char *text, size_t n, struct label *out)
{
	const char *slash = memchr(text, '/', n), *second;
	struct label l = {0};
	size_t unit, node;

	if (!slash)
		return false;
	unit = num_size(slash - text);
	second = memchr(slash + 1, '/', n - unit - 1);
	if (!second)
		return false;
	node = num_size(second - slash) - 1;
	if (!cluster_id_ok(slash + 1, node) ||
	    !read_generation(second + 1, n - unit - node - 2, &l.generation))
		return false;
	memcpy(l.node, slash + 1, node);
	for (size_t i = 0; i < UNIT_COUNT; i++)
		if (strlen(units[i].name) == unit &&
		    !memcmp(units[i].name, text, unit)) {
			l.unit = (enum unit)i;
			*out = l;
			return true;
		}
	return false;
}

bool label_in_use(const struct label *l, const struct cluster *c)
{
	return !unit_is_of_node(l->unit) || cluster_node_by_id(c, l->node);
}
