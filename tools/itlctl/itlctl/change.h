/*
 * A change of cluster.conf: by root, one at a time, checked as a whole before it
 * takes the file's place, and taken up by keyd and front before the command goes on.
 *
 * A command that is killed between leaves the file changed: the programs take it up
 * by themselves, and the same command again does what is left.
 */
#ifndef ITLCTL_CHANGE_H
#define ITLCTL_CHANGE_H

#include "base/confedit.h"
#include "itlctl/ctl.h"
#include <limits.h>

struct change {
	struct ctl *c;
	const char *command;     /* "node add" */
	char path[PATH_MAX];     /* of cluster.conf */
	int lock;
	struct confedit *edit;   /* where the command makes its change */
	struct cluster *now;     /* as the file was under the lock */
	struct cluster *next;    /* as it will be; set by change_check() */
	char candidate[PATH_MAX]; /* what it will be, until change_clear(); "": none */
	struct err locks;        /* why phones would be locked, or that nobody knows */
	char finding[200];       /* the same for the audit log; "": nobody knows */
	char section[CLUSTER_ID_MAX + 8]; /* "node n1", for change_node() */
	json_t *steps;           /* texts: what the administrator does next */
	json_t *generated, *restarted; /* of change_done(): arrays */
};

/* Lock and read. change_clear() it in any case. */
enum rc change_open(struct ctl *c, const char *command, struct change *out,
		    struct err *e) MUST_CHECK;
void change_clear(struct change *ch);
static inline void change_clear_at(struct change *ch)
{
	change_clear(ch);
}

/* A node's key; value "": its default. */
enum rc change_node(struct change *ch, const char *id, const char *key,
		    const char *value, struct err *e) MUST_CHECK;
/* "KEY=VALUE" as an argument gives it; `host` has a command of its own. */
enum rc change_pair(struct change *ch, const char *id, const char *pair,
		    struct err *e) MUST_CHECK;

/* The result, checked as every program checks it: into ch->next. The recovery
 * certificate's name is written down first: it never changes with a node's. */
enum rc change_check(struct change *ch, struct err *e) MUST_CHECK;

/*
 * --dry-run: show it, *done. Else let it take the file's place, unless an operation
 * runs or phones would be locked, and wait until keyd and front have it. c->cluster
 * is the new one then.
 */
enum rc change_apply(struct change *ch, bool *done, struct err *e) MUST_CHECK;

/* ---- would it lock phones? (judge.c) ---- */

/* Ask front, into ch->locks and ch->finding. */
void change_judge(struct change *ch);
/* Refused if it would, or if front does not know; with --force the administrator's
 * password is asked for, and keyd's audit log has it before it is done. */
enum rc change_may(struct change *ch, struct err *e) MUST_CHECK;
/* What change_may() will say, for --dry-run; and as JSON (null: phones are safe). */
void change_verdict(struct change *ch);
json_t *change_locks_json(const struct change *ch);

/* What comes next, for change_done(). */
void change_step(struct change *ch, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The commands that bring lists up to date, on all TFTP nodes but this one (NULL:
 * on all). */
void change_step_restarts(struct change *ch, const char *why, const char *but);

/* The command's last word. */
enum rc change_done(struct change *ch, struct err *e) MUST_CHECK;

#endif
