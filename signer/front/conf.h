/* front.conf: limits of the door, patience of the loops. */
#ifndef FRONT_CONF_H
#define FRONT_CONF_H

#include "base/conf.h"

struct front_conf {
	unsigned connections, per_user, silent_seconds; /* [door] */
	unsigned retry_seconds, check_seconds;          /* [nodes] */
};

/* The tables, for conf_read() and for who checks man page and default file. */
extern const struct conf_row front_door_rows[], front_node_rows[];

/* DIR/front.conf; without one, or without a section, the defaults hold. */
enum rc front_conf_read(const char *dir, struct front_conf *out,
			struct err *e) MUST_CHECK;

#endif
