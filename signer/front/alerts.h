/*
 * Which alerts stand, and when each is due again. Pure: no clock, no state, no
 * network; watch.c brings the facts and sends what is due.
 */
#ifndef FRONT_ALERTS_H
#define FRONT_ALERTS_H

#include "clock.h"
#include "store.h"

enum alert_pace { ALERT_ONCE, ALERT_DAILY, ALERT_HOURLY };

/* One row of the table in alerts.c. */
struct alert_kind {
	const char *name; /* in syslog, and the first part of an alert's name */
	int severity;     /* of syslog */
	enum alert_pace pace;
	const char *says; /* what the line ends with */
};

struct alert {
	const struct alert_kind *kind;
	char name[ALERT_NAME_MAX]; /* "CertExpired/TVS/n1/2": kind and object */
	char host[CLUSTER_CN_MAX + 1]; /* the node that it is about */
	char text[ALERT_TEXT_MAX]; /* without control characters */
};

/* A current certificate of the token. */
struct alert_cert {
	struct label label;
	int64_t not_after;
};

/* The last check of a vault of vault.conf. */
struct alert_vault {
	const char *name;
	const struct err *error; /* rc RC_OK: it is well */
};

/* A node's TVS that has answered, once. */
struct alert_tvs {
	const char *node, *host;
	int64_t since;
	const struct err *error; /* rc RC_OK: it answers */
};

enum alert_backup {
	ALERT_BACKUP_UNKNOWN, /* keyd could not be asked: what stood, stands */
	ALERT_BACKUP_GOOD,    /* or there is no key yet */
	ALERT_BACKUP_MISSING,
};

/* All borrowed. */
struct alert_facts {
	const struct cluster *cluster;
	int64_t now;
	enum alert_backup backup;
	const char *why;  /* if it is missing */
	const char *stood; /* the text of the backup's alert that stands, or NULL */
	const struct alert_cert *certs;
	size_t ncerts;
	const struct alert_vault *vaults;
	size_t nvaults;
	const struct alert_tvs *tvs;
	size_t ntvs;
	const char *ctl_host; /* of a node that serves an old CTL; NULL: none does */
	const char *ctl;      /* what is old of it */
};

#define ALERT_TVS_AFTER 300 /* seconds; a restart of it is nobody's alarm */

/* The name of the alert whose text is facts' `stood`. */
extern const char *const alert_backup_name;

/* How many alerts these facts can make at most, and those that they make. */
size_t alerts_max(const struct alert_facts *f);
size_t alerts_stand(const struct alert_facts *f, struct alert *out);

/* Is it to be sent (again)? */
bool alert_due(enum alert_pace pace, const struct moment *sent,
	       const struct moment *now);

/* "%UC_CERT-0-CertExpired: %[Message=...": the line for syslog and e-mail. */
#define ALERT_LINE_MAX 960
char *alert_line(const struct alert *a, const char *cluster,
		 char to[ALERT_LINE_MAX]);

#endif
