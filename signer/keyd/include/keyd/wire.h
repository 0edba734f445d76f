/*
 * keyd's wire: SOCK_SEQPACKET frames, big-endian. (design: Processes)
 *
 *   request: magic u32 | request u16 | id u32 | body
 *   answer:  magic u32 | rc u16      | id u32 | body, or an error
 *   error:   code u64 | name, op, what, why, hint: text (u16 length, no NUL)
 *
 * "text" is read_text()'s; "bytes" are read_bytes32()'s. An id is the client's,
 * repeated in the answer; answers may come in another order than requests.
 */
#ifndef KEYD_WIRE_H
#define KEYD_WIRE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/sock.h"

#define KEYD_MAGIC 0x494b4431u       /* "IKD1" */
#define KEYD_HEADER_LEN 10
#define KEYD_INLINE_MAX (64u << 10)  /* a file's content in a frame; above: a
					sealed memfd beside it */
#define KEYD_FRAME_MAX (KEYD_INLINE_MAX + 2048u) /* bytes of a request */
#define KEYD_CONTENT_MAX (16u << 20) /* of a file to sign */
#define KEYD_NAME_MAX 256            /* of a file to sign, NUL included */
#define KEYD_KEYS_PAGE (128u << 10)  /* bytes of certificates in one answer */
#define KEYD_SECRET_MAX (16u << 10)  /* bytes of a frame that holds secrets: it
					lies in locked memory on both sides */
#define KEYD_CERT_MAX (8u << 10)     /* bytes of a certificate that comes in */

/* "ticketed" bodies begin with: ticket (32 bytes) | uid u32; it came through
 * front. "consented" ones come from the administrator's program itself and begin
 * with: ticket (32 bytes), given to that user, for the SHA-256 of the rest.
 * "a wrapped key" is: key-encryption key (32), IV (16), wrapped bytes. */
enum keyd_request {
	KEYD_STATUS = 1,   /* - -> see keyd_status() */
	KEYD_KEYS,         /* from u32 -> total u32, then for each: label text,
			      id (16 bytes), current u8, certificate bytes */
	KEYD_SALT,         /* - -> set u8, salt (16), ops u64, memory u64 */
	KEYD_TICKET,       /* op u8, params (32), derived (32) -> ticket (32) */
	KEYD_PASSWORD,     /* has old u8, old derived (32), salt (16), ops u64,
			      memory u64, derived (32) -> -; the cost fits
			      wire_cost_fits() */
	KEYD_ITL,          /* node text, timestamp u32 -> list bytes */
	KEYD_SGN,          /* node text, name text, digest u8, timestamp u32,
			      then content bytes, or nothing and a sealed memfd
			      -> header bytes */
	KEYD_CTL,          /* ticketed; timestamp u32 -> list bytes */
	KEYD_RESET,        /* ticketed; how u8, timestamp u32, list bytes
			      -> list bytes */
	KEYD_PREVIEW,      /* the same -> SHA-1 (20) of the list */
	KEYD_GENERATE,     /* ticketed; unit u8, node text ("" for the cluster's)
			      -> one key as in KEYD_KEYS, tries u32 */
	KEYD_NOTE,         /* event text, text -> - */
	KEYD_TLS_SIGN,     /* label text, digest text, pss u8, message bytes
			      -> signature bytes */
	KEYD_TLS_DECRYPT,  /* label text, client version u16, bytes -> 48 bytes */
	KEYD_EXPORT,       /* consented; derived security password (32), key-
			      encryption key (32), IV (16) -> one key as in
			      KEYD_KEYS, route text, wrapped bytes */
	KEYD_PROVE,        /* consented; has security u8, derived (32), claim
			      (32), a wrapped key, certificate bytes
			      -> label text ("" if the token has not this key),
			      route text */
	KEYD_IMPORT,       /* consented; unit u8, node text ("" for the cluster's),
			      replace u8, a wrapped key, certificate bytes
			      -> present u8, one key as in KEYD_KEYS, route text */
	KEYD_SEAL,         /* consented -> - */
	KEYD_SECURITY,     /* consented; then as KEYD_PASSWORD */
	KEYD_SECURITY_SALT,  /* as KEYD_SALT */
	KEYD_PROOF,        /* claim (32), uid u32 -> label text, id (16), security
			      u32, proved u64 */
	KEYD_INCOMPLETE,   /* from u32 -> total u32, then for each: label text, id
			      (16), have u8, waits u8, lack text */
	KEYD_TIDY,         /* consented; id (16), give up its request u8 -> - */
	KEYD_ROLLBACK,     /* ticketed; then for each node: node text, SHA-1 (20) -> - */
	KEYD_REMOVE,       /* ticketed; label text -> - */
	KEYD_CSR,          /* ticketed; unit u8, node text ("" for the cluster's)
			      -> a waiting request: label text, id (16), made u64,
			      PKCS#10 bytes */
	KEYD_CSR_SHOW,     /* unit u8, node text -> the same */
	KEYD_CERT_IMPORT,  /* ticketed; unit u8, node text, certificates bytes
			      -> one key as in KEYD_KEYS */
	KEYD_OVERRIDE,     /* consented, or from front ticketed; text -> - */
	KEYD_TRUST,        /* ticketed; timestamp u32, change text, count u32, then for
			      each: roles u32 (itl/trust.h), ttl u32, certificate bytes
			      -> the Audit key as in KEYD_KEYS, signature bytes: of the
			      trust file that the same makes at the client's */
	KEYD_REQUEST_END
};

#define KEYD_DERIVED_LEN 32
#define KEYD_SALT_LEN 16
#define KEYD_PREMASTER_LEN 48

/* What a password's derivation (Argon2id) may cost. keyd sets nothing else, and a
 * client derives nothing else: what was derived for less could be guessed back by
 * who says he is keyd. */
#define KEYD_OPS_MIN 2u
#define KEYD_OPS_MAX 10u
#define KEYD_MEMORY_MIN (32u << 20) /* bytes */
#define KEYD_MEMORY_MAX (1u << 30)

static inline bool wire_cost_fits(uint64_t ops, uint64_t memory)
{
	return ops >= KEYD_OPS_MIN && ops <= KEYD_OPS_MAX &&
	       memory >= KEYD_MEMORY_MIN && memory <= KEYD_MEMORY_MAX;
}

/* True if the request or its answer holds a password's derivative, a ticket, a
 * key-encryption key, or a TLS secret. */
bool wire_is_secret(unsigned what);

/* Room for a frame, in locked memory if it is a secret's; zeroed when freed. */
struct wire_frame {
	uint8_t *p;
	size_t n;
	struct secret *locked; /* what p is in, or NULL */
};
enum rc wire_frame_new(size_t n, bool is_secret, struct wire_frame *out,
		       struct err *e) MUST_CHECK;
void wire_frame_free(struct wire_frame *f); /* one of zeros is fine */
static inline void wire_frame_free_at(struct wire_frame *f)
{
	wire_frame_free(f);
}

void wire_header(struct writer *w, unsigned what, uint32_t id);
/* False if it is none of ours. */
bool wire_header_read(struct reader *r, unsigned *what, uint32_t *id);
void wire_error(struct writer *w, const struct err *e);
/* Reads an error's body into *e, with the category of the header. */
void wire_error_read(struct reader *r, unsigned rc, struct err *e);

#endif
