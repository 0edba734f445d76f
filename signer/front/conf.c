#include "conf.h"
#include "base/file.h"
#include "carry/address.h"
#include <limits.h>
#include <string.h>
#include <sys/un.h>

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
	{"retry-seconds", CONF_UINT, AT(retry_seconds), "5", 1, 3600, NULL,
	 "the longest pause before a node that failed is tried again"},
	{"check-seconds", CONF_UINT, AT(check_seconds), "3600", 0, 604800, NULL,
	 "how often a node is asked what it serves, unless something changed; 0: never"},
	{0},
};

#define ALERT_ROW(key, type, field, def, help)                                 \
	{key, type, AT(field), def, 0, 0, NULL, help}

const struct conf_row front_alert_rows[] = {
	ALERT_ROW("syslog", CONF_PATH, syslog, "/dev/log",
		  "the socket of the syslog service"),
	ALERT_ROW("mail-server", CONF_TEXT, mail_server, "",
		  "smtp://HOST:PORT that takes e-mail; not set: no e-mail"),
	ALERT_ROW("mail-from", CONF_TEXT, mail_from, "",
		  "the address that e-mail comes from"),
	ALERT_ROW("mail-to", CONF_TEXT, mail_to, "",
		  "the addresses that it goes to, between commas"),
	ALERT_ROW("mail-user", CONF_TEXT, mail_user, "",
		  "the user to log in as; not set: no login"),
	ALERT_ROW("mail-password", CONF_TEXT, mail_password, "",
		  "where that user's password is: file:/PATH"),
	ALERT_ROW("mail-starttls", CONF_BOOL, mail_starttls, "yes",
		  "nothing is said to a server without STARTTLS"),
	ALERT_ROW("mail-ca", CONF_PATH, mail_ca, "",
		  "certificates that may vouch for the server; not set: the system's"),
	{0},
};

/* ---- alerts, as a whole ---- */

static bool are_addresses(const char *text)
{
	for (size_t i = 0; i < CARRY_RECIPIENTS_MAX; i++) {
		size_t n = strcspn(text, ",");

		if (!carry_address_is_plain(text, n))
			return false;
		if (!text[n])
			return true;
		text += n + 1;
		text += strspn(text, " ");
	}
	return false;
}

/* NULL, or what is wrong; *key: with which key. */
static const char *alert_fault(const struct front_conf *c, const char **key)
{
	*key = "syslog";
	if (strlen(c->syslog) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return "is too long for a socket's path";
	*key = "mail-server";
	if (!c->mail_server)
		return NULL;
	if (!carry_mail_server_is_plain(c->mail_server))
		return "must be smtp://HOST:PORT";
	*key = "mail-from";
	if (!c->mail_from ||
	    !carry_address_is_plain(c->mail_from, strlen(c->mail_from)))
		return "must be one address, user@host";
	*key = "mail-to";
	if (!c->mail_to || !are_addresses(c->mail_to))
		return "must be one to eight addresses, between commas";
	*key = "mail-password";
	if (!c->mail_user != !c->mail_password)
		return "mail-user and mail-password go together";
	if (c->mail_password && strncmp(c->mail_password, "file:/", 6) != 0)
		return "must be file:/PATH";
	*key = "mail-starttls";
	if (c->mail_password && !c->mail_starttls)
		return "a password is not sent without TLS";
	return NULL;
}

static enum rc check(const char *path, const struct front_conf *c, struct err *e)
{
	const char *key, *why = alert_fault(c, &key);

	if (!why)
		return RC_OK;
	return err_set(e, RC_USAGE, "configuration", why, NULL, "%s:%d: %s", path,
		       conf_line(path, "alerts", key), key);
}

/* ---- the file ---- */

static enum rc read_file(const char *path, struct front_conf *c, struct err *e)
{
	const struct conf_section sections[] = {
		{"door", front_door_rows, NULL},
		{"nodes", front_node_rows, NULL},
		{"alerts", front_alert_rows, NULL},
		{0},
	};

	for (size_t i = 0; sections[i].name; i++)
		if (conf_defaults(sections[i].rows, c, e) != RC_OK)
			return e->rc;
	if (access(path, F_OK) == 0 && conf_read(path, sections, c, e) != RC_OK)
		return e->rc;
	return check(path, c, e);
}

enum rc front_conf_read(const char *dir, struct front_conf *out, struct err *e)
{
	struct front_conf c = {0};
	char path[PATH_MAX];

	if (file_path(path, sizeof path, dir, "front.conf", e) != RC_OK)
		return e->rc;
	if (read_file(path, &c, e) != RC_OK) {
		front_conf_clear(&c);
		return e->rc;
	}
	*out = c;
	return RC_OK;
}

void front_conf_clear(struct front_conf *c)
{
	conf_clear(front_alert_rows, c);
}
