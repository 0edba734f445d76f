/* What `show status` and `show cluster` both print. */
#ifndef ITLCTL_STATUS_H
#define ITLCTL_STATUS_H

#include <jansson.h>
#include <stdio.h>

/* The operation that runs; and the last one that ended, where that is worth a word: it
 * failed, or a kill cut it in two. `colon` follows the labels. */
void status_operations(FILE *out, const char *colon, const json_t *status);

/* On how many nodes TVS answers phones, and why not on the others; of a cluster where
 * none ever did, only one reason. */
void status_tvs(FILE *out, const char *colon, const json_t *status);

/* What is old of a node's CTL (`ctl` of the status), if something is. */
void status_ctl(FILE *out, const json_t *ctl);

/* Which of a node's signed files (`files` of the status) could not be signed again. */
void status_files(FILE *out, const json_t *files);

#endif
