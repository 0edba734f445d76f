/* Lists from files and from the door, and how they are shown. */
#ifndef ITLCTL_LISTS_H
#define ITLCTL_LISTS_H

#include "itl/itl.h"
#include "itlctl/ctl.h"

#define LISTS_FILE_MAX (16u << 20) /* bytes: a .sgn can be larger than a list */

struct list_file {
	uint8_t *bytes; /* owned */
	size_t n;
	struct itl *itl; /* owned; points into bytes */
	int64_t modified;
	bool sgn; /* a signed file, not a list */
	const json_t *certs; /* what the token has (the door's "certs"); borrowed;
				NULL: it was not asked */
};

/* *out is zeroed first; list_file_clear() it in any case. flags: ITL_LENIENT. */
enum rc list_file_read(const char *path, unsigned flags, struct list_file *out,
		       struct err *e) MUST_CHECK;
void list_file_clear(struct list_file *f);

static inline void list_file_clear_at(struct list_file *f)
{
	list_file_clear(f);
}

/* Parse what bytes and n already hold. */
enum rc list_file_parse(struct list_file *f, unsigned flags,
			struct err *e) MUST_CHECK;

/*
 * Print the listing, or with --json the same as JSON, and verify the list by
 * itself: c->exit becomes 5 if it does not. `where` (or NULL) adds members
 * about where the list was found, to the JSON.
 */
enum rc list_show(struct ctl *c, const struct list_file *f, json_t *where,
		  struct err *e) MUST_CHECK;

/* The listing of a file that is not there; c->exit becomes 1. kind: "ITL", "CTL". */
enum rc list_show_missing(struct ctl *c, const char *kind, json_t *where,
			  struct err *e) MUST_CHECK;

/* The list as JSON: see the manual. NULL out of memory. */
json_t *list_json(const struct list_file *f, const struct err *reason);

#endif
