/*
 * What a command has at hand, and how a line is run.
 *
 * A session is one run of the program; each line of it gets a struct ctl of its
 * own, so that nothing of one command is left for the next.
 */
#ifndef ITLCTL_CTL_H
#define ITLCTL_CTL_H

#include "ask/ask.h"
#include "cluster/cluster.h"
#include "front/client.h"
#include "itlctl/line.h"
#include "keyd/client.h"
#include <jansson.h>
#include <stdio.h>

struct session {
	struct option_values opt; /* given when the program was called */
	char node[CLUSTER_ID_MAX + 1]; /* set by `node NAME`; "": not set */
	char host[CLUSTER_CN_MAX + 1]; /* its name, for the prompt */
	bool lines; /* lines are read: at the prompt, or from a pipe */
	bool leave; /* `exit` was said */
	FILE *out;  /* dialogues and results */
	FILE *err;
};

/* What a command needs before it runs. FRONT and KEYD include CLUSTER. */
enum need {
	NEED_NOTHING = 0,
	NEED_CLUSTER = 1, /* cluster.conf, and the node one stands on */
	NEED_FRONT = 2 | NEED_CLUSTER,
	NEED_KEYD = 4 | NEED_CLUSTER,
	NEED_LINES = 8, /* makes sense only where lines are read */
	NEED_VAULTS = 16, /* vault.conf, which may be missing */
};

struct ctl {
	struct session *session;
	struct option_values opt; /* the line's, and the session's behind them */
	size_t nargs;
	const char *const *args; /* what stands for the row's placeholders */
	FILE *out;
	bool json;
	struct cluster *cluster;
	const struct cluster_node *node; /* where one stands */
	struct vault_conf *vaults; /* NULL: not read */
	struct front *front;
	struct keyd *keyd;
	int exit; /* of a command that answered, but not with yes */
};

/* Run one line (argv without the program's name). Errors are printed here.
 * Returns the exit code. */
int ctl_run(struct session *s, int argc, const char *const *argv);

/* Open what `needs` says and is not open yet (for commands whose arguments
 * decide it). */
enum rc ctl_open(struct ctl *c, unsigned needs, struct err *e) MUST_CHECK;

/* True if one stands on the publisher. */
bool ctl_on_publisher(const struct ctl *c);
/* The host name of a node's id; the id itself if there is no such node. */
const char *ctl_host(const struct ctl *c, const char *id);
/* The folder of the configuration. */
const char *ctl_config(const struct ctl *c);
/* Says so in the original's words, and refuses. */
enum rc ctl_not_publisher(const struct ctl *c, const char *command,
			  struct err *e) MUST_CHECK;

/* Print an error: on err, and with json on out too. Returns its exit code. */
int ctl_error(const struct session *s, bool json, const struct err *e);
/* Of things that must not keep each other waiting: the first error is kept in
 * *first (all zero before), for the command to return; others are printed. */
void ctl_error_among(const struct ctl *c, struct err *first, const struct err *e);
/* The end of them: RC_OK if there was none, or that one into *e. */
enum rc ctl_error_first(const struct err *first, struct err *e) MUST_CHECK;

/* Where people read what is no result: out, or with --json err. */
FILE *ctl_words(const struct ctl *c);

/* ---- questions and answers (ask.c) ---- */

/* Send `request` (stolen; NULL: out of memory) to front. The answer's and the
 * events' texts cannot harm a terminal. */
enum rc ctl_call(struct ctl *c, json_t *request,
		 void (*event)(void *arg, json_t *event), void *arg,
		 json_t **result, struct err *e) MUST_CHECK;

/* Print {"result": ...} (stolen; NULL: out of memory) as a line. */
enum rc ctl_result(struct ctl *c, json_t *result, struct err *e) MUST_CHECK;
/* Print one event as a line; arg is a struct ctl. */
void ctl_event_json(void *arg, json_t *event);

/* The administrator's password: --password-file, or asked as the dialogues do. */
enum rc ctl_password(const struct ctl *c, struct secret **out,
		     struct err *e) MUST_CHECK;
/* The cluster security password: --security-password-file, or asked. */
enum rc ctl_security_password(const struct ctl *c, struct secret **out,
			      struct err *e) MUST_CHECK;
/* A new one: --new-password-file (or `file`, unless NULL), else asked twice. */
enum rc ctl_new_password(const struct ctl *c, const char *file,
			 struct secret **out, struct err *e) MUST_CHECK;

/* How the line's options open a vault; ask_vault_clear() it. */
struct ask_vault ctl_vault(const struct ctl *c);

#define TICKET_HEX (2 * KEYD_TICKET_LEN + 1)
/* A ticket straight from keyd, as the door takes it. */
enum rc ctl_ticket(struct ctl *c, const struct secret *password,
		   const struct keyd_intent *intent, char ticket[TICKET_HEX],
		   struct err *e) MUST_CHECK;

#endif
