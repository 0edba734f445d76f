/*
 * Trust lists: ITL, CTL, and the .sgn header (spec: itl-format).
 *
 * Pure: bytes in, bytes out. No files, clock, network or token. Nothing here
 * keeps state; every function may be called from any thread on objects of its
 * own. All integers on the wire are big-endian.
 */
#ifndef ITL_ITL_H
#define ITL_ITL_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- limits, all in one place ---- */
#define ITL_MAX 65535         /* bytes of a list that phones can load */
#define ITL_MAX_RECORDS 256   /* a list that fits holds about 39 */
#define ITL_MAX_SIGNATURE 512 /* bytes: RSA-4096 */
#define ITL_MAX_NAME 1024     /* bytes of a DN or file name, NUL included */
#define ITL_MAX_SERIAL 64     /* bytes; X.509 allows 20 */
#define ITL_MAX_SAST 2        /* distinct SAST certificates that phones keep */
#define ITL_MAX_SGN_HEADER 4096 /* bytes of a .sgn's header */
#define ITL_MAX_STORE (1u << 20)   /* bytes of a trust store: no phone loads it */
#define ITL_MAX_STORE_RECORDS 1024 /* of one: a record a certificate and role */

enum itl_role {
	ITL_SAST = 0,
	ITL_CCM = 1,
	ITL_CCM_TFTP = 2,
	ITL_TFTP = 3,
	ITL_CAPF = 4,
	ITL_APP_SERVER = 7,
	ITL_TVS = 21,
};

/* "System Administrator Security Token", "TFTP", ...; NULL for an unknown one */
const char *itl_role_name(unsigned role);

enum itl_digest { ITL_SHA1 = 1, ITL_SHA256 = 2, ITL_SHA512 = 3 }; /* tag 8 */

/* "SHA1", "SHA256", "SHA512" as OpenSSL fetches them; NULL for an unknown one. */
const char *itl_digest_name(unsigned digest);

/* ---- a parsed list: every `struct bytes` points into the parsed buffer ---- */
struct itl_record {
	size_t offset;   /* of the record in the file */
	unsigned length; /* tag 1: the whole record */
	/* In file order, for listings and differences. */
	size_t ntags;
	struct { uint8_t tag; struct bytes value; } tags[16];
	bool has_role;
	unsigned role;          /* tag 4 */
	struct bytes subject;   /* tag 3, with its NUL */
	struct bytes issuer;    /* tag 5, with its NUL */
	struct bytes serial;    /* tag 6 */
	struct bytes key;       /* tag 7 */
	struct bytes signature; /* tag 8 */
	struct bytes cert;      /* tag 9: DER; empty if the record has a hash */
	struct bytes address;   /* tag 10 */
	struct bytes hash;      /* tag 11 */
	struct bytes dns;       /* tag 2 */
};

struct itl {
	struct bytes file; /* the whole of it */
	uint8_t version[2];
	unsigned header_length;
	bool has_signer_version; /* tag 28 */
	uint8_t signer_version[2];
	struct bytes signer_name, signer_serial, signer_issuer;
	unsigned digest;         /* tag 8, as on the wire */
	unsigned signature_algo; /* tag 10 */
	unsigned modulus;        /* tag 11 */
	struct bytes signature;
	size_t signature_offset; /* of the tag-12 TLV */
	struct bytes file_name;  /* tag 14, with its NUL */
	uint32_t timestamp;      /* tag 15: Unix time */
	/* header tags in file order (containers, then what they hold) */
	size_t ntags;
	struct { uint8_t tag; struct bytes value; } tags[32];
	size_t nrecords;
	struct itl_record *records; /* owned */
	struct bytes content;       /* of a .sgn: what follows the header */
	size_t nunknown;            /* unknown tags that ITL_LENIENT let pass */
};

enum itl_flags {
	ITL_LENIENT = 1, /* unknown tags are kept in `tags`, not refused */
	ITL_SGN = 2,     /* after the header comes a file, not records */
	ITL_STORE = 4,   /* a trust store (itl/trust.h), not a phone's list: the limits
			    are ITL_MAX_STORE and ITL_MAX_STORE_RECORDS */
};

/*
 * Structure only: tags, lengths, padding, doubled tags, trailing bytes.
 * Certificates stay bytes. Fails with RC_VERIFY; the message gives the offset
 * and the section of the format page. `file` must outlive *out; itl_free() it.
 */
enum rc itl_parse(struct bytes file, unsigned flags, struct itl **out,
		  struct err *e) MUST_CHECK;
void itl_free(struct itl *l); /* NULL is fine */
CLEANUP_DEFINE(struct itl *, itl_free);

/* What phones ask for, and tag 14 says. */
#define ITL_FILE "ITLFile.tlv"
#define CTL_FILE "CTLFile.tlv"

/* True for ITL_FILE (CTL_FILE): what kind tag 14 says it is. */
bool itl_is_itl(const struct itl *l);
bool itl_is_ctl(const struct itl *l);

/* ---- certificates ---- */

/* A record's certificate; RC_NOTFOUND if it holds a hash only, RC_VERIFY if it
 * is not exactly one DER certificate. X509_free() it. */
enum rc itl_record_x509(const struct itl_record *r, X509 **out,
			struct err *e) MUST_CHECK;

/*
 * The record that signed `signer_of`, among the SAST records of `in` (they may
 * be the same list): serial and issuer compared as certificates, not as text.
 * NULL if there is none.
 */
const struct itl_record *itl_find_signer(const struct itl *in,
					 const struct itl *signer_of);

/* A certificate's serial as the format has it: no leading zero byte. False if
 * it is longer than ITL_MAX_SERIAL. */
bool itl_serial(const X509 *cert, uint8_t buf[ITL_MAX_SERIAL], struct bytes *out);

/* True if the issuer (as any writer joins names, with or without its NUL) and the
 * serial (with or without a leading zero byte) are this certificate's. */
bool itl_names_cert(struct bytes issuer, struct bytes serial, const X509 *cert);

/* True if the certificate's serial and issuer are those of l's signer. */
bool itl_signed_by(const struct itl *l, const X509 *cert);

/* RC_VERIFY, with the reason, unless the signature verifies with cert's key
 * and cert is the signer that the header names. RSA 1024, 2048, 4096. Where the
 * signature's TLV stands among the header's is not signed (spec: What is
 * signed): a list with it moved verifies too, with another SHA-1. */
enum rc itl_verify(const struct itl *l, X509 *cert, struct err *e) MUST_CHECK;

/* The list verifies with the signer that is one of its own SAST records, and
 * every certificate in it parses and agrees with its record (subject, issuer,
 * serial, key, signature, hash length). This is what `show itl` reports, and
 * what a list must pass before it is published. */
enum rc itl_verify_self(const struct itl *l, struct err *e) MUST_CHECK;

/* What a record says beside its certificate (or its hash) and x does not:
 * subject, issuer, serial, key, signature. NULL if they agree. */
const char *itl_record_disagrees(const struct itl_record *r, const X509 *x);

/* "CN=...;OU=...;..." of a name, in the format's fixed order, with its NUL;
 * *n counts the NUL. RC_ERROR if it does not fit ITL_MAX_NAME. */
enum rc itl_name(const X509_NAME *name, char to[ITL_MAX_NAME], size_t *n,
		 struct err *e) MUST_CHECK;

/* ---- building ---- */

/* One record to be built. */
struct itl_entry {
	unsigned role;
	X509 *cert;           /* borrowed */
	bool whole;           /* tag 9; otherwise tags 11 and 12 */
	const char *dns;      /* CTL: NUL-terminated; NULL: ITL's two NULs */
	bool has_address;     /* CTL: tag 10 */
	uint8_t address[4];
};

struct itl_plan {
	const char *file_name; /* ITL_FILE, CTL_FILE, or a .sgn's */
	X509 *signer;          /* borrowed */
	unsigned digest;       /* enum itl_digest */
	uint32_t timestamp;
	bool has_signer_version; /* tag 28 */
	uint8_t signer_version[2];
	const struct itl_entry *entries; /* none for a .sgn */
	size_t nentries;
	bool store; /* no phone's list: as ITL_STORE */
};

/*
 * Who signs: a token, or software in tests. `sign` gets the message as parts
 * (nothing is copied), and writes the signature of exactly the key's size.
 */
struct itl_signer {
	enum rc (*sign)(void *arg, enum itl_digest digest,
			const struct bytes *parts, size_t nparts,
			uint8_t *signature, size_t length, struct err *e);
	void *arg;
};

/*
 * Build and sign a list in a call manager's order. The plan's records are not
 * required to hold the signer (a .sgn has none). *out is malloc()ed.
 * RC_REFUSED for a signer of 3072 bits or any size that tag 11 cannot name,
 * and for over ITL_MAX bytes (of a store ITL_MAX_STORE).
 */
enum rc itl_build(const struct itl_plan *plan, const struct itl_signer *signer,
		  uint8_t **out, size_t *n, struct err *e) MUST_CHECK;

/* A .sgn: the header alone (version 1.0, no tag 28), to be written before the
 * content. `content` as parts of the signed message; not copied. RC_REFUSED for
 * a name that ends in ".tlv": a signed file must never pass for a list. */
enum rc itl_build_sgn(const struct itl_plan *plan, struct bytes content,
		      const struct itl_signer *signer, uint8_t *header,
		      size_t cap, size_t *n, struct err *e) MUST_CHECK;

/*
 * The same contents under another signer and timestamp: the reset. Records are
 * taken byte for byte; the header's order, version and tag 28 are kept as a
 * call manager writes them. `replace` (or NULL): a certificate that takes the
 * place of the SAST record whose certificate is `replaced`.
 */
enum rc itl_resign(const struct itl *source, X509 *signer, unsigned digest,
		   uint32_t timestamp, X509 *replaced, X509 *replace,
		   const struct itl_signer *with, uint8_t **out, size_t *n,
		   struct err *e) MUST_CHECK;

/* Warnings about a list as phones will see it ("record 5: a third SAST ...").
 * Calls `warn` for each; returns how many. */
size_t itl_warnings(const struct itl *l, void (*warn)(void *arg, const char *text),
		    void *arg);

/* What an ITL of 10.x holds, in order: SAST, TFTP, CAPF, this node's TVS (NULL
 * if it runs none), ITLRECOVERY, the other nodes' TVS. entries has room for
 * nothers + 5. Returns how many were filled. */
size_t itl_entries(X509 *callmanager, X509 *capf, X509 *tvs, X509 *recovery,
		   X509 *const *others, size_t nothers,
		   struct itl_entry *entries);

/* ---- showing ---- */

struct itl_file_facts {
	const char *kind;     /* "ITL" or "CTL" */
	int64_t modified;     /* Unix time; the listing prints local time */
};

/* The listing of `show itl`; l == NULL: the missing file's. `reason` is what
 * itl_verify_self() said, or NULL if it verified. malloc()ed text, NULL only
 * out of memory. */
char *itl_listing(const struct itl *l, const struct itl_file_facts *facts,
		  const struct err *reason);

/* Record by record, "- " only in a, "+ " only in b, "  " in both, headers
 * first. malloc()ed. *same is true if nothing but the signature differs. */
char *itl_diff(const struct itl *a, const struct itl *b, bool *same);

/* SHA-1 of a whole file: what phones report. */
void itl_sha1(struct bytes file, uint8_t out[SHA1_LEN]);
char *itl_sha1_hex(struct bytes file, char out[SHA1_HEX]);

#endif
