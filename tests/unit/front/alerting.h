/* What the tests of alerts and of vaults share: a syslog service of our own,
 * looks, backups, and the fixture's start and end around them. */
#ifndef ALERTING_H
#define ALERTING_H

#include "fake-keyd.h"
#include "fixture.h"

#define HOUR 3600
#define DAY (24 * HOUR)

#define BACKUP "ITLRecoveryNotBackedUp"
#define VAULT "ITLRecoveryVaultCheck"

/* Names of objects, the oldest first. */
#define OLDER "ITLRecovery-4a01-20251201T030405Z.envelope"
#define NEWEST "ITLRecovery-4a01-20260102T030405Z.envelope"
#define LATER "ITLRecovery-4a01-20260203T030405Z.envelope"

/* A test's setup: front runs, with a syslog service or without; and its end. */
int alerting_start(void **state);
int alerting_start_silent(void **state);
int alerting_stop(void **state);
void restart(struct fixture *f);

/* The syslog service; -1: nobody listens. */
extern int log_fd;
extern char heard_last[2048]; /* what it was told last */
void listen_syslog(struct fixture *f);
/* How many lines came that say this; all that came are taken. */
unsigned heard(const char *what);

/* A request without members; its result. */
json_t *ask(struct fixture *f, const char *what);
/* Looks at once; how many lines say this. */
unsigned look(struct fixture *f, const char *what);
/* The first alert whose name begins so, or NULL; json_decref() it. */
json_t *alert(struct fixture *f, const char *name);
bool stands(struct fixture *f, const char *name);

/* The vault: a folder that a test may make, and an object in it. */
void objects_folder(struct fixture *f, char to[256]);
void object_path(struct fixture *f, const char *name, char to[512]);
void object_put(struct fixture *f, const char *name, const char *content);

/* "backup-proved" of an object with this content; a member may be replaced. */
json_t *proved(struct fixture *f, const char *name, const char *content,
	       const char *member, json_t *value, struct err *e);
/* keyd has proved it, to this user. */
void prove(struct fixture *f, const char *name, const char *content, uid_t uid);
/* And front is told. */
void back_up(struct fixture *f, const char *name, const char *content);

#endif
