/* Recovery keys of a test's own, and the client's calls for them as a member of
 * the group makes them. */
#ifndef TEST_KEYD_RECOVERY_H
#define TEST_KEYD_RECOVERY_H

#include "peer.h"
#include "itl/itl.h"
#include "wrapped/wrapped.h"

/* A file from elsewhere: a software key, wrapped, and its certificate. */
struct file {
	EVP_PKEY *key;
	X509 *cert;
	struct wrapped_key w;
	uint8_t claim[KEYD_CLAIM_LEN]; /* random */
};
void file_make(struct file *f, unsigned bits);
void file_clear(struct file *f);

/* A fresh key-encryption key and IV; nothing wrapped yet. */
void wrapping_begin(struct wrapped_key *w);

enum rc admin_export(const struct keyd_passwords *p, struct wrapped_key *w,
		     struct keyd_key *key, char *route, struct err *e);
enum rc admin_prove(const struct keyd_passwords *p, const struct wrapped_key *w,
		    X509 *cert, const uint8_t *claim, char label[LABEL_MAX],
		    struct err *e);
enum rc admin_import(const struct file *f, bool replace, struct keyd_key *key,
		     bool *present, struct err *e);
/* front asks for what `who` proved. */
enum rc front_proof(const uint8_t *claim, enum live_who who, struct keyd_proof *out);

struct keyd_status status(void);

/* The current recovery key; X509_free() its certificate. */
struct keyd_key current_recovery(void);

/* What the log says, verified, with its NUL; free() it. */
char *audit_log(void);
size_t times_in_log(const char *text);

/* Objects of the token, which SoftHSM keeps as files. */
size_t objects_in_token(void);

/* A reset, whose preview was the same. free() it. */
uint8_t *reset(enum keyd_how how, struct bytes source, uint32_t at, size_t *n);
/* The list, which must verify. itl_free() it. */
struct itl *parsed(const uint8_t *list, size_t n);

/* Where a consented body goes on behind its ticket. */
#define BODY (KEYD_HEADER_LEN + KEYD_TICKET_LEN)

/* The good body of a consented request, behind the ticket: passwords of zeros. */
void write_body(struct writer *w, unsigned what, const struct file *f);

#endif
