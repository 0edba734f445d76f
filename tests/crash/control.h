/* The test's side of preload.c. */
#ifndef CONTROL_H
#define CONTROL_H

#include "crash.h"
#include "preload.h"

/* What crash_start() gets as `programs`; valid until the next call. */
const char *control_programs(const char *dir);

/* The programs that it works on, by enum program. */
enum program { KEYD, FRONT, CARRY, PROGRAMS };
extern const char *const control_names[PROGRAMS];
extern const char *const fault_names[FAULTS];

/* Make the folder of pages and map them: before crash_start(). */
void control_open(char *dir[1]);
void control_close(char *dir);
extern struct control *control_of[PROGRAMS];

/* From now on calls of this kind count: `left` are done, then one fails with error. */
void control_arm(enum program p, enum fault kind, int left, int error);
void control_disarm(enum program p);

#endif
