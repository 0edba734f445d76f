/*
 * The trust file: certificates of elsewhere that this cluster's TVS vouches for.
 *
 * A list in CTL format (spec: itl-format) that no phone ever loads. Header: version
 * 1.2, FILENAME TRUST_FILE, SHA-256, signed with the cluster's Audit key, which stands
 * in no list: no phone can take the file for a list of its own, and a verifier that
 * has the Audit certificate takes no list for it. Then, for each certificate, one
 * record for each of its roles, in the order of the roles' numbers:
 *
 *   DNSNAME      "ttl=SECONDS": how long a phone may keep the answer
 *   FUNCTION     the role
 *   CERTIFICATE  the whole of it; the other tags say what it says
 *
 * No addresses, no hashes. An older file verifies too: a reader that has one does not go
 * back to an earlier time. Pure, as all of itl: no files, clock, token; any thread on
 * objects of its own. Whether a certificate has expired is for the caller to look at.
 */
#ifndef ITL_TRUST_H
#define ITL_TRUST_H

#include "itl/itl.h"

#define TRUST_FILE "TrustFile.tlv"

#define TRUST_TTL_MIN 60u          /* seconds */
#define TRUST_TTL_MAX (7u * 86400u) /* removed ones are believed for so long */
#define TRUST_TTL 86400u           /* what a call manager answers */

/* A keyd request carries all certificates in one frame; with every role each, their
 * records fit ITL_MAX_STORE and ITL_MAX_STORE_RECORDS. */
#define TRUST_MAX_ENTRIES 128      /* two clusters of the largest size */
#define TRUST_MAX_CERT 4096u       /* bytes of one: a TVS's answer holds it */
#define TRUST_MAX_CERTS (56u << 10) /* bytes of all: about 56 of RSA-2048 */

/* One of an entry's roles. */
#define TRUST_ROLE(role) (UINT32_C(1) << (role)) /* enum itl_role */
#define TRUST_ROLES                                                            \
	(TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM) | TRUST_ROLE(ITL_CCM_TFTP) | \
	 TRUST_ROLE(ITL_TFTP) | TRUST_ROLE(ITL_CAPF) | TRUST_ROLE(ITL_APP_SERVER) | \
	 TRUST_ROLE(ITL_TVS))

struct trust_entry {
	X509 *cert;
	uint32_t roles; /* TRUST_ROLE(), ORed */
	uint32_t ttl;   /* seconds */
};

/* A trust file, read. */
struct trust {
	uint32_t timestamp; /* Unix time, of the signer's clock */
	size_t n;
	struct trust_entry *entries; /* owned, with their certificates; in file order */
};
void trust_free(struct trust *t); /* NULL is fine */
CLEANUP_DEFINE(struct trust *, trust_free);

/* Exactly one DER certificate, or RC_REFUSED. X509_free() it. */
enum rc trust_read_cert(struct bytes der, X509 **out, struct err *e) MUST_CHECK;

/*
 * What may stand in a trust file: at least one role and no unknown one; a ttl within
 * the range; a key that lists can hold (RSA, or EC with an uncompressed point), and
 * for roles that sign lists and files (SAST, CCM+TFTP, TFTP) one that phones can
 * verify with: RSA of 1024, 2048 or 4096 bits. RC_REFUSED names the certificate's
 * subject.
 */
enum rc trust_check_entry(const struct trust_entry *entry, struct err *e) MUST_CHECK;

/* Each of them, the limits of all together, and that no two are one certificate or
 * have one issuer and serial number, by which phones ask. RC_REFUSED. */
enum rc trust_check(const struct trust_entry *entries, size_t n,
		    struct err *e) MUST_CHECK;

/*
 * Build, sign, and read again what was built: RC_VERIFY if `with` did not sign with
 * signer's key. The entries (n may be 0) pass trust_check() first. *out is malloc()ed.
 * The same arguments give the same bytes, but for what `with` writes.
 */
enum rc trust_build(const struct trust_entry *entries, size_t n, X509 *signer,
		    uint32_t timestamp, const struct itl_signer *with,
		    uint8_t **out, size_t *length, struct err *e) MUST_CHECK;

/* One who writes this signature, made elsewhere of the same arguments; trust_build()
 * finds out whether it was. `signature` is borrowed. */
struct itl_signer trust_signer_of(const struct bytes *signature);

/*
 * Parse, verify with the Audit certificate, and group the records by certificate.
 * RC_VERIFY, with the record, for all that trust_build() does not write: another
 * FILENAME, a hash instead of a certificate, a certificate and role twice, a bad or a
 * second ttl, what trust_check() refuses. trust_free() *out.
 */
enum rc trust_read(struct bytes file, X509 *audit, struct trust **out,
		   struct err *e) MUST_CHECK;

/* The same of a file whose Audit certificate is lost: nobody vouches for what it
 * holds, so that it is good for asking an administrator and nothing else. */
enum rc trust_read_unverified(struct bytes file, struct trust **out,
			      struct err *e) MUST_CHECK;

/* ---- roles as people write them ---- */

#define TRUST_ROLES_TEXT 64 /* "SAST,CCM,CCM+TFTP,TFTP,CAPF,APP-SERVER,TVS" */

/*
 * Names between commas, of either case: SAST, CCM, CCM+TFTP, TFTP, CAPF, APP-SERVER,
 * TVS; or a unit's name for the roles of its certificates. RC_USAGE names the one that
 * is none.
 */
enum rc trust_roles_read(const char *text, uint32_t *roles, struct err *e) MUST_CHECK;
/* By number, between commas. Returns to. */
char *trust_roles_text(uint32_t roles, char to[TRUST_ROLES_TEXT]);

/* As which roles TVS vouches for the certificates of this cluster's own units:
 * "CallManager" {SAST, CCM+TFTP}, "ITLRecovery" {SAST}, "CAPF", "TVS"; 0 for any other
 * ("Audit"). */
uint32_t trust_roles_of_unit(const char *unit_name);

#endif
