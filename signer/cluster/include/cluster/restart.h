/*
 * A restart request, between front, who may not run a node's restart command,
 * and root, who may (itlkeeperd, or a systemd path unit).
 *
 * The same goes for the command that resets the phones, under the name
 * RESTART_PHONES in place of NODE.
 *
 *   run/restart/NODE    front: RESTART_NONCE_HEX hex digits and a newline
 *   run/restarted/NODE  root, three lines: the nonce; the command's exit status;
 *                       the last line that it wrote on its standard error
 *
 * Both are written aside and renamed. Root removes a request as it takes it.
 */
#ifndef CLUSTER_RESTART_H
#define CLUSTER_RESTART_H

#define RESTART_PHONES "phones.reset" /* no node's identifier has a dot */
#define RESTART_NONCE_HEX 32
#define RESTART_LATE 124 /* exit status: it was killed at its deadline */

#endif
