/* itlctl sign: what its files share. */
#ifndef ITLCTL_SIGN_H
#define ITLCTL_SIGN_H

#include "itlctl/ctl.h"
#include "sgn/sgn.h"
#include <limits.h>

/* ---- which files (signplace.c) ---- */

struct sign_place {
	char dir[PATH_MAX];          /* the tree */
	char prefix[SGN_NAME_MAX];   /* of names, as phones ask: "", or "locale/" */
	const char *names[LINE_MAX_WORDS]; /* below dir; of --dir: none */
	size_t nnames;
	char *texts;                 /* what names point into */
};
/* From --dir, or the line's FILEs. Within the folder of the node one stands on, names
 * are as seen from there; elsewhere, from the tree itself. sign_place_clear() it. */
enum rc sign_place(const struct ctl *c, struct sign_place *out, struct err *e) MUST_CHECK;
void sign_place_clear(struct sign_place *p);
static inline void sign_place_clear_at(struct sign_place *p)
{
	sign_place_clear(p);
}

/* ---- what is said (signshow.c) ---- */

struct sign_show {
	struct ctl *ctl;
	const struct sgn_job *job;
	bool bar;          /* on a terminal */
	bool drawn;        /* and it stands there */
	double began, last; /* proc_now() */
	enum rc worst;     /* of what was refused; RC_OK: nothing was */
};
struct sign_show sign_show_begin(struct ctl *c, const struct sgn_job *job);
void sign_show_told(struct sign_show *s, const char *name, enum sgn_fate fate,
		    const struct err *error);
void sign_show_progress(struct sign_show *s, const struct sgn_sum *sum);
/* The bar goes; errors may be printed. */
void sign_show_end(struct sign_show *s);
/* The summary. */
enum rc sign_show_sum(struct sign_show *s, const struct sgn_sum *sum, struct err *e) MUST_CHECK;

/* ---- who signs (signsend.c) ---- */

/* Batches through front's door, a connection of each worker's own. */
struct sign_send {
	const struct ctl *ctl;
	struct front *front[SGN_WORKERS_MAX];
};
enum rc sign_send(struct sign_send *s, unsigned worker, unsigned digest,
		  struct sgn_file *files, size_t n, struct err *e) MUST_CHECK;
void sign_send_clear(struct sign_send *s);

#endif
