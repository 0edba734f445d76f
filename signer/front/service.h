/* What front's threads share. */
#ifndef FRONT_SERVICE_H
#define FRONT_SERVICE_H

#include "clock.h"
#include "cluster/cluster.h"
#include "conf.h"
#include "slips.h"
#include "store.h"
#include <jansson.h>
#include <limits.h>
#include <pthread.h>

struct service;

#define SERVICE_BUSY_MAX (2 * CLUSTER_MAX_NODES)

/* The loop of one TFTP node (loop.c). The service's lock guards what changes. */
struct loop {
	struct service *service;
	const struct cluster_node *node;
	pthread_t thread;
	unsigned asked;    /* counts who wants an attempt */
	unsigned running;  /* `asked` when the present attempt began */
	unsigned answered; /* `asked` when the last attempt that ended began */
	unsigned heard;    /* an operation listens from this attempt on; 0: none */
	struct signed_files again; /* what it signed again (sign_again.h); cert "": nothing */
	struct err last;   /* of the last attempt; rc RC_OK: it went well */
	unsigned failures; /* attempts in a row; the thread's own, as the next */
	bool looked;       /* `have` is what the node served since we began */
	double due;        /* the next attempt that nobody asks for; 0: none */
};

struct service {
	const struct cluster *cluster;
	const char *dir; /* of the configuration */
	struct front_conf conf; /* its texts are borrowed */
	const struct vault_conf *vaults;
	struct front_clock clock;
	struct store *store;
	gid_t group;           /* who may ask for changes */
	char carry[PATH_MAX];  /* the program */
	char keyd[CLUSTER_PATH_MAX]; /* its socket */
	int stop_fd;           /* readable for good once the service ends */
	struct watch *watch;   /* alerts (watch.c) */
	struct tvs_answers *tvs; /* of the nodes' TVSs (tvs_answers.c) */
	struct checks *checks; /* of the vaults (vaults.c) */
	pthread_mutex_t phones; /* their reset: who expects or runs it (phones.h) */
	pthread_t chores;      /* chores.c */
	bool chores_run;

	pthread_mutex_t lock;  /* of all that follows */
	pthread_cond_t changed;
	bool stopping;
	size_t nloops;
	struct loop loops[CLUSTER_MAX_NODES]; /* in the order of dialogues */
	size_t nbusy;          /* nodes that have a job: their ids (node.c) */
	const char *busy[SERVICE_BUSY_MAX];
	struct slips slips;
	json_t *events;        /* of the operation that runs, not yet sent on */
	bool resuming;
	pthread_t resume;      /* ends an operation that a kill left */
	struct {               /* the last reset-plan */
		char sha1[SHA1_HEX];
		uint32_t timestamp;
		double made;
	} plan;
};

/* All borrowed until service_stop(). */
struct service_setup {
	const struct cluster *cluster;
	const struct front_conf *conf;
	const struct vault_conf *vaults;
	const struct front_clock *clock; /* NULL: the machine's */
	const char *dir; /* the folder that the configuration was read from */
};

/* ---- its start and end (start.c) ---- */

/* Opens the state and starts the threads, which service_stop() ends; state and
 * operations stay. */
enum rc service_start(const struct service_setup *setup, struct service **out,
		      struct err *e) MUST_CHECK;
void service_stop(struct service *s); /* NULL is fine; halts it first */

/* ---- for all that runs in it (service.c) ---- */

/* Everything that waits gives up; what was begun goes on with the next start. */
void service_halt(struct service *s);
/* With the lock held: until something changed, at most until `due` by proc_now()
 * (0: for ever). */
void service_wait(struct service *s, double due);
bool service_stopping(struct service *s);
/* A thread's life: run(s) at once and then every minute, until the service ends. */
void service_each_minute(struct service *s, void (*run)(struct service *s));

/* A text that stands between quotes in the log must not end them. Returns text. */
char *service_quotable(char *text);

enum rc service_keyd_status(struct service *s, struct keyd_status *out,
			    struct err *e) MUST_CHECK;
/* front's own word in keyd's audit log: "front.EVENT". */
enum rc service_note(struct service *s, const char *event, const char *text,
		     struct err *e) MUST_CHECK;
/* The token's keys, and the cache of them brought up to date. */
enum rc service_keys(struct service *s, struct keyd_key **keys, size_t *n,
		     struct err *e) MUST_CHECK;

#endif
