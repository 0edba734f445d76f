/* A good envelope, and what the tests ask of one. */
#ifndef TEST_ENVELOPE_SEALING_H
#define TEST_ENVELOPE_SEALING_H

#include "support/softhsm.h"
#include "internal.h"

extern struct secret *password, *wrong;

/* What is sealed in it. */
#define P12_LEN 40
#define ITEMS 4
extern const struct envelope_manifest manifest;
extern const uint8_t p12[P12_LEN];
extern const struct envelope_item items[ITEMS];

/* The manifest, the p12, and these items. bytes_free() it. */
struct bytes seal(const struct envelope_cost *cost, const struct envelope_item *list,
		  size_t n);
/* All of the above, at the least cost. */
struct bytes sample(void);
void bytes_free(struct bytes b);

enum rc open_rc(struct bytes file, struct err *e);
/* Fail unless it holds what sample() has. */
void check_same(const struct envelope *v);
/* True if it opens, and then to the same; else a clear error. */
bool opens_same(struct bytes file);

/* A group's setup, which makes the passwords, and its teardown. */
int sealing_start(void **state);
int sealing_stop(void **state);

#endif
