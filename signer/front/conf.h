/* front.conf: limits of the door, patience of the loops, where alerts go. */
#ifndef FRONT_CONF_H
#define FRONT_CONF_H

#include "base/conf.h"

struct front_conf {
	unsigned connections, per_user, silent_seconds; /* [door] */
	unsigned retry_seconds, check_seconds;          /* [nodes] */

	/* [alerts]; NULL: not set. Without mail_server there is no e-mail. */
	char *syslog; /* a Unix socket */
	char *mail_server, *mail_from, *mail_to; /* smtp://host:port; a,b,c */
	char *mail_user, *mail_password, *mail_ca; /* password: file:/PATH */
	bool mail_starttls;
};

/* The tables, for conf_read() and for who checks man page and default file. */
extern const struct conf_row front_door_rows[], front_node_rows[],
	front_alert_rows[];

/* DIR/front.conf; without one, or without a section, the defaults hold.
 * front_conf_clear() it. */
enum rc front_conf_read(const char *dir, struct front_conf *out,
			struct err *e) MUST_CHECK;
void front_conf_clear(struct front_conf *c);
static inline void front_conf_clear_at(struct front_conf *c)
{
	front_conf_clear(c);
}

#endif
