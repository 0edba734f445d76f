/*
 * A cluster that may be killed at any moment: four nodes with an in.tftpd each, a
 * SoftHSM, and the real itlkeeperd over keyd, front and carry, in a private folder.
 * What it holds afterwards is read without any of them. Needs root and
 * packaging/users.
 */
#ifndef CRASH_H
#define CRASH_H

#include "support/server.h"
#include "support/softhsm.h"

#include "base/hex.h"
#include "cluster/cluster.h"
#include "keyd/client.h"
#include <jansson.h>
#include <pthread.h>

#define CRASH_NODES 4

/* A node's list, as it was found; n == 0: none ("no file"); all zero: not looked. */
struct found {
	uint8_t *bytes; /* malloc()ed */
	size_t n;
	char sha1[SHA1_HEX];
};

struct crash {
	char *dir;
	struct softhsm hsm;
	struct cluster *cluster;
	struct server tftpd[CRASH_NODES];
	pid_t launcher; /* itlkeeperd; 0: not running */
	unsigned restarts[2]; /* of keyd, of front, by this launcher */
	uint32_t timestamp; /* of the last reset */
	struct found standing; /* what all nodes serve between rounds */

	/* What is under way. */
	pthread_t asker;
	json_t *request, *result;
	struct err answer; /* what itlctl would be told; rc RC_OK: a result */
};

/* Folders, token, configuration, TFTP servers; then keys and a reset list on all
 * nodes, by the running service. `programs` (or NULL): what a shell runs in place of
 * keyd, front and carry, given $name and the path $real. */
void crash_start(struct crash *c, const char *programs);
void crash_stop(struct crash *c);

/* itlkeeperd, until front answers; and its end with all its programs, by SIGKILL. */
void crash_launch(struct crash *c);
void crash_kill_all(struct crash *c);
/* By SIGTERM, as the service manager does it. */
void crash_end(struct crash *c);

/* A child of itlkeeperd by its program's name, or a carry of front's; 0: none. */
pid_t crash_pid(const struct crash *c, const char *program);

/* What is asked next, with its ticket: a reset of the standing list, or a new key. */
void crash_reset_prepare(struct crash *c);
void crash_generate_prepare(struct crash *c, enum unit unit, const char *node);
/* Ask it (a reset, if nothing was prepared) in a thread of its own; and its end.
 * Fails the test if an error names no next step. */
void crash_begin(struct crash *c);
void crash_wait(struct crash *c);

/* Until no operation runs and every node serves what it shall. */
void crash_settle(struct crash *c);

/* What is in a node's folder; and what its TFTP server gives. */
struct found crash_folder(const struct crash *c, size_t node);
struct found crash_served(const struct crash *c, size_t node);
void found_clear(struct found *f);

/* One request at front's door; NULL and *e if it was refused. */
json_t *crash_ask(const struct crash *c, json_t *request, struct err *e);

/*
 * After a round: every node serves one and the same whole list, the standing one or
 * this round's; seen[] (what was found at the worst moment) was no other; state,
 * audit log and operations are whole. The list becomes the standing one. True if it
 * is new.
 */
bool crash_check(struct crash *c, struct found seen[CRASH_NODES]);

#endif
