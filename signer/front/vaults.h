/* The daily check of the vaults: is what was proved still there, as it was
 * (vault_look.h)? It needs no password. A thread of its own, so that a slow vault
 * delays nothing. */
#ifndef FRONT_VAULTS_H
#define FRONT_VAULTS_H

#include "door.h"

/* Checks every vault once a day (one that failed: once an hour), and at once if
 * that much has passed since the last time. */
enum rc vaults_start(struct service *s, struct err *e) MUST_CHECK;
void vaults_join(struct service *s); /* after service_halt(); never started: fine */

/* "vault-check": all of them, now. */
enum rc op_vault_check(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
