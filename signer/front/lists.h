/* What front knows of lists: whose they are, and whether they say the same. */
#ifndef FRONT_LISTS_H
#define FRONT_LISTS_H

#include "itl/itl.h"
#include "service.h"

/* The name under which servers hold it: ITL_FILE, CTL_FILE. */
const char *list_file_name(enum served_file f);

/*
 * l->bytes came from this node, as this file: fill in the rest. A list that state
 * knows is what state says; else one of this token's keys must have signed it, or
 * it is LIST_OTHER, as one is that stands in the other file's place. Fails if keyd
 * cannot tell and the node wants nothing yet.
 */
enum rc list_identify(struct service *s, const struct cluster_node *n,
		      enum served_file file, struct list *l,
		      struct err *e) MUST_CHECK;

/* Whose key signs a list of this kind under the cluster's policy, if nothing else
 * was asked for. */
enum unit list_signer(const struct cluster *c, enum list_kind kind);

/*
 * bytes that keyd signed for this node, of a CTL the publisher (taken over, on failure
 * too): parsed again, verified, and signed by a key of this unit. RC_VERIFY if that
 * fails: nothing may publish them.
 */
enum rc list_signed(struct service *s, const struct cluster_node *n,
		    enum list_kind kind, enum unit signer, uint8_t *bytes,
		    size_t len, struct list *out, struct err *e) MUST_CHECK;

/*
 * What itl_warnings() has to say of a list: RC_REFUSED with the first of them,
 * which names the record, unless it is forced.
 */
enum rc list_fits_phones(const char *op, const struct cluster_node *n,
			 const struct itl *l, bool force, struct err *e) MUST_CHECK;

/* True if a and b differ in nothing but timestamp and signature. */
bool list_same_contents(const struct list *a, const struct list *b);

#endif
