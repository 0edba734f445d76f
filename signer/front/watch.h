/*
 * The alerts that stand: what they are (alerts.c), when they are sent, and where.
 *
 * A thread looks every minute, and others have it look at once. Syslog is told in
 * that look, e-mail in a thread of its own. What was sent, and when, is kept in
 * the state: a restart does not reset the day.
 */
#ifndef FRONT_WATCH_H
#define FRONT_WATCH_H

#include "door.h"

enum rc watch_start(struct service *s, struct err *e) MUST_CHECK;
void watch_join(struct service *s); /* after service_halt(); never started: fine */

/* Look now, from any thread: an alert that is over ends, one that is due is sent
 * to syslog and handed to the e-mail. */
enum rc watch_look(struct service *s, struct err *e) MUST_CHECK;
void watch_poke(struct service *s); /* the same; a failure is logged */

enum rc show_alerts(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_alerts_check(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
