/* The counters of slow-softhsm, as its file has them: one uint64_t each, of all
 * processes that loaded it with this file. */
#ifndef SUPPORT_SLOW_H
#define SUPPORT_SLOW_H

enum slow_count {
	SLOW_FIND,      /* C_FindObjectsInit */
	SLOW_SIGN,      /* C_Sign */
	SLOW_UNKNOWN,   /* of them, those that the table did not hold */
	SLOW_OPEN,      /* C_OpenSession */
	SLOW_ATTRIBUTE, /* C_GetAttributeValue */
	SLOW_COUNTS
};

#endif
