/* The time stands still for whoever preloads this: what is signed once is signed again
 * as the very same bytes, for a token that answers from a table. */
#include <time.h>

#define WHEN 1763923200

__attribute__((visibility("default"))) time_t time(time_t *to)
{
	if (to)
		*to = WHEN;
	return WHEN;
}
