/* Frames as a phone and a call manager send them (spec: tvs), for the tests of all
 * who read them. */
#ifndef TEST_TVS_FRAMES_H
#define TEST_TVS_FRAMES_H

#include "tvs/wire.h"

#define FRAMES_SERIAL 16 /* bytes of the real request's */

/* The real QUERY, 153 bytes: what the page gives of it, and in the place of the rest
 * names of the lengths that it says. */
struct bytes frames_query(uint8_t to[153]);

/* Its answer of 1480 bytes, around a certificate of 1451. */
struct bytes frames_found(uint8_t to[1480]);

#endif
