#include "conf.h"
#include "base/file.h"
#include <limits.h>

#define AT(field) offsetof(struct front_conf, field)

const struct conf_row front_door_rows[] = {
	{"connections", CONF_UINT, AT(connections), "64", 1, 1024, NULL,
	 "connections at a time, of all users together"},
	{"per-user", CONF_UINT, AT(per_user), "8", 1, 1024, NULL,
	 "connections at a time, of one user"},
	{"silent-seconds", CONF_UINT, AT(silent_seconds), "60", 1, 86400, NULL,
	 "a peer that asks nothing for so long is hung up on"},
	{0},
};

const struct conf_row front_node_rows[] = {
	{"retry-seconds", CONF_UINT, AT(retry_seconds), "30", 1, 3600, NULL,
	 "the longest pause before a node that failed is tried again"},
	{"check-seconds", CONF_UINT, AT(check_seconds), "3600", 0, 604800, NULL,
	 "how often a node is asked what it serves, unless something changed; 0: never"},
	{0},
};

enum rc front_conf_read(const char *dir, struct front_conf *out, struct err *e)
{
	const struct conf_section sections[] = {
		{"door", front_door_rows, NULL},
		{"nodes", front_node_rows, NULL},
		{0},
	};
	struct front_conf c = {0};
	char path[PATH_MAX];

	if (conf_defaults(front_door_rows, &c, e) != RC_OK ||
	    conf_defaults(front_node_rows, &c, e) != RC_OK ||
	    file_path(path, sizeof path, dir, "front.conf", e) != RC_OK)
		return e->rc;
	if (access(path, F_OK) == 0 &&
	    conf_read(path, sections, &c, e) != RC_OK)
		return e->rc;
	*out = c;
	return RC_OK;
}
