#include "conf.h"
#include "base/file.h"
#include "base/num.h"
#include <limits.h>
#include <string.h>

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

static void *open_section(void *arg, const char *id, struct err *e)
{
	if (!id[0])
		return arg;
	err_set(e, RC_USAGE, "configuration", "this section takes no name", NULL,
		"%s", id);
	return NULL;
}

/* Of a section that the file may not have. */
static void set_defaults(const struct conf_row *rows, struct front_conf *c)
{
	for (; rows->key; rows++)
		*(unsigned *)(void *)((char *)c + rows->at) =
			(unsigned)strtoul(rows->def, NULL, 10);
}

enum rc front_conf_read(const char *dir, struct front_conf *out, struct err *e)
{
	const struct conf_section sections[] = {
		{"door", front_door_rows, open_section},
		{"nodes", front_node_rows, open_section},
		{0},
	};
	struct front_conf c = {0};
	char path[PATH_MAX];

	set_defaults(front_door_rows, &c);
	set_defaults(front_node_rows, &c);
	if (file_path(path, sizeof path, dir, "front.conf", e) != RC_OK)
		return e->rc;
	if (access(path, F_OK) == 0 &&
	    conf_read(path, sections, &c, e) != RC_OK)
		return e->rc;
	*out = c;
	return RC_OK;
}
