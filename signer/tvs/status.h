/* How tvs does, for people: a JSON file in its run folder, and a line of the log. */
#ifndef TVS_STATUS_H
#define TVS_STATUS_H

#include "watch.h"

/* Write the file if it says something new. A fault is told once. */
void status_write(const struct watch *w);

/* One line, at most one a minute, if connections were closed for a reason. */
void status_log(void);

#endif
