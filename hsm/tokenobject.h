/* SoftHSM's token.object: what it is, and whether it is whole. Pure. */
#ifndef HSM_TOKENOBJECT_H
#define HSM_TOKENOBJECT_H

#include "base/bytes.h"
#include <p11-kit/pkcs11.h>

#define TOKEN_OBJECT_MAX 4096 /* bytes; it has 320 */

/* Views into the file. */
struct token_object {
	struct bytes label, serial; /* padded with blanks, as in CK_TOKEN_INFO */
	struct bytes so_pin, user_pin; /* the master key, wrapped; user_pin may be empty */
	uint64_t flags;
};

/*
 * False if it is not whole: cut anywhere, or followed by anything.
 *
 *   generation u64, then for each attribute: type u64, kind u64,
 *   kind 1: value u8; 2: value u64; 3: length u64, bytes
 */
bool token_object_read(struct bytes file, struct token_object *out);

/* The same token with the same PINs: generation and flags change with each login. */
bool token_object_same(const struct token_object *a, const struct token_object *b);

/* What the token that has it says of itself, as far as a URI can ask for it. */
void token_object_info(const struct token_object *o, CK_TOKEN_INFO *out);

#endif
