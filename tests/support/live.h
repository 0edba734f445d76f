/*
 * A private cluster with a real keyd under the design's users: SoftHSM token,
 * configuration, folders. Needs root and packaging/users. The calling process
 * takes on a user's effective id to be seen as it (SO_PEERCRED).
 */
#ifndef SUPPORT_LIVE_H
#define SUPPORT_LIVE_H

#include "keyd/client.h"
#include "support/softhsm.h"
#include <sys/types.h>

#define LIVE_PASSWORD "correct horse"
#define LIVE_SECURITY "battery staple"

struct live {
	char *dir; /* configuration, run and state folders */
	struct softhsm hsm;
	struct cluster *cluster;
	char keyd_socket[CLUSTER_PATH_MAX], audit_log[CLUSTER_PATH_MAX];
	pid_t keyd;
	size_t file_limit; /* RLIMIT_FSIZE of the next keyd; 0: none */
	uid_t keyd_uid, front_uid, tvs_uid;
	gid_t group;
};

/* Token, configuration and folders; nothing runs. `extra` goes into [cluster]. */
void live_start(struct live *l, const char *extra);
void live_stop(struct live *l); /* stops what runs, removes what there is */

/* Start keyd, and do not wait. */
void live_spawn(struct live *l);
/* Start keyd and wait until it answers; end it, as a kill -9. */
void live_keyd(struct live *l);
void live_kill(struct live *l);
/* Start keyd and wait for its end: its exit status. */
int live_keyd_status(struct live *l);

/* Be seen as front, tvs, keyd's own user, an administrator (a user who has the
 * group and is nobody else), a stranger, or root again. */
enum live_who { LIVE_ROOT, LIVE_FRONT, LIVE_TVS, LIVE_KEYD, LIVE_ADMIN, LIVE_STRANGER };
void live_be(const struct live *l, enum live_who who);
uid_t live_uid(const struct live *l, enum live_who who);

/* Set the password, and make every key of two nodes (n1: the publisher, n2). */
void live_init(struct live *l);

/* A ticket that `who` fetched with the password. */
void live_ticket(struct live *l, enum live_who who,
		 const struct keyd_intent *intent,
		 uint8_t ticket[KEYD_TICKET_LEN]);

/* Both passwords, for the lifetime of the test; and set the cluster security
 * password, as the first one. */
struct keyd_passwords live_passwords(void);
void live_security(struct live *l);

#endif
