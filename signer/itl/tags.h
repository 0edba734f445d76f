/* The tags of the format (spec: itl-format), once for reading and showing. */
#ifndef ITL_TAGS_H
#define ITL_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum header_tag {
	H_VERSION = 1,
	H_LENGTH = 2,
	H_SIGNER_ID = 3,
	H_SIGNER_NAME = 4,
	H_SERIAL = 5,
	H_ISSUER = 6,
	H_SIGNATURE_INFO = 7,
	H_DIGEST = 8,
	H_ALGORITHM_INFO = 9,
	H_ALGORITHM = 10,
	H_MODULUS = 11,
	H_SIGNATURE = 12,
	H_PAD = 13,
	H_FILE_NAME = 14,
	H_TIMESTAMP = 15,
	H_SIGNER_VERSION = 28,
};

enum record_tag {
	R_LENGTH = 1,
	R_DNS = 2,
	R_SUBJECT = 3,
	R_ROLE = 4,
	R_ISSUER = 5,
	R_SERIAL = 6,
	R_KEY = 7,
	R_SIGNATURE = 8,
	R_CERT = 9,
	R_ADDRESS = 10,
	R_HASH = 11,
	R_HASH_ALGORITHM = 12,
};

struct tag_rule {
	const char *name; /* as listings print it; NULL: no such tag */
	uint8_t parent;   /* the container that holds it; 0: none */
	bool container;
	bool optional;
	bool text;        /* ends in its only NUL byte */
	uint16_t min, max;
};

struct section {
	const char *name; /* of the format page */
	const struct tag_rule *rules;
	size_t nrules;
};

extern const struct section itl_header, itl_record_section;

/* NULL for a tag that the section does not know. */
const struct tag_rule *itl_rule(const struct section *s, uint8_t tag);

#define TLV_HEAD 3 /* bytes of a tag and a length */
#define RECORD_HEAD (TLV_HEAD + 2)

#endif
