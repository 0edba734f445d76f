/* The trust file: a list in CTL format, of certificates and roles (itl/trust.h). */
#include "itl/trust.h"
#include "base/num.h"
#include "internal.h"
#include <string.h>

#define MAX_ROLES 7 /* of TRUST_ROLES */
#define TTL_TEXT 16 /* "ttl=4294967295" */
#define DIGEST ITL_SHA256

_Static_assert(TRUST_MAX_ENTRIES * MAX_ROLES <= ITL_MAX_STORE_RECORDS,
	       "all that passes trust_check() can be built");
/* A record has the certificate, parts of it once more (names, serial, key,
 * signature), and less than 128 bytes of its own. */
_Static_assert(MAX_ROLES * (2 * TRUST_MAX_CERTS + TRUST_MAX_ENTRIES * 128) +
			       ITL_MAX_SGN_HEADER <= ITL_MAX_STORE,
	       "all that passes trust_check() can be built");

void trust_free(struct trust *t)
{
	for (size_t i = 0; t && i < t->n; i++)
		X509_free(t->entries[i].cert);
	if (t)
		free(t->entries);
	free(t);
}

/* ---- what may stand in it ---- */

static const char *name_of(const X509 *cert, char text[ITL_MAX_NAME])
{
	struct err ignored;
	size_t n = 0;

	if (itl_name(X509_get_subject_name(cert), text, &n, &ignored) != RC_OK || n < 2)
		(void)snprintf(text, ITL_MAX_NAME, "a certificate of no common name");
	return text;
}

static enum rc refuse(struct err *e, const X509 *cert, const char *why, const char *hint)
{
	char name[ITL_MAX_NAME];

	return err_set(e, RC_REFUSED, "trust", why, hint, "%.160s", name_of(cert, name));
}

/* Roles whose keys sign what phones verify. */
static const uint32_t signing =
	TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP) | TRUST_ROLE(ITL_TFTP);

static bool can_sign_lists(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	return EVP_PKEY_is_a(key, "RSA") && (bits == 1024 || bits == 2048 || bits == 4096);
}

static enum rc check_key(const struct trust_entry *entry, struct err *e)
{
	const EVP_PKEY *key = X509_get0_pubkey(entry->cert);
	struct bytes point = itl_public_key(entry->cert);
	bool ec = key && EVP_PKEY_is_a(key, "EC");

	if (!key || (!ec && !EVP_PKEY_is_a(key, "RSA")))
		return refuse(e, entry->cert,
			      "its key is neither RSA nor EC: no list can hold it", NULL);
	if (ec && (!point.n || point.p[0] != 0x04))
		return refuse(e, entry->cert,
			      "its key is a compressed EC point: no list can hold it", NULL);
	if (entry->roles & signing && !can_sign_lists(key))
		return refuse(e, entry->cert,
			      "phones verify lists and files with RSA keys of 1024, 2048 or 4096 bits alone, and its key is none",
			      "it can have roles that sign none: CCM, CAPF, APP-SERVER, TVS");
	return RC_OK;
}

enum rc trust_read_cert(struct bytes der, X509 **out, struct err *e)
{
	const char *why = NULL;
	X509 *x = itl_x509(der, &why);

	if (!x)
		return err_set(e, RC_REFUSED, "trust", why, NULL, "%zu bytes", der.n);
	*out = x;
	return RC_OK;
}

static enum rc check_size(const X509 *cert, size_t *total, struct err *e)
{
	int n = i2d_X509((X509 *)(uintptr_t)cert, NULL);

	if (n <= 0 || (unsigned)n > TRUST_MAX_CERT)
		return refuse(e, cert, "the certificate has more than 4096 bytes", NULL);
	*total += (unsigned)n;
	return RC_OK;
}

enum rc trust_check_entry(const struct trust_entry *entry, struct err *e)
{
	uint8_t buf[ITL_MAX_SERIAL];
	struct bytes serial;
	size_t total = 0;

	if (!entry->roles || entry->roles & ~TRUST_ROLES)
		return refuse(e, entry->cert, "it has no role, or one that is none", NULL);
	if (entry->ttl < TRUST_TTL_MIN || entry->ttl > TRUST_TTL_MAX)
		return refuse(e, entry->cert, "its time to live is not within 60 to 604800 seconds",
			      NULL);
	if (check_size(entry->cert, &total, e) != RC_OK)
		return e->rc;
	if (!itl_serial(entry->cert, buf, &serial))
		return refuse(e, entry->cert, "its serial number is longer than any list's", NULL);
	return check_key(entry, e);
}

/* One certificate, or two that a phone's question cannot tell apart. */
static const char *collision(const X509 *a, const X509 *b)
{
	if (X509_cmp(a, b) == 0)
		return "the certificate is there twice";
	if (X509_issuer_and_serial_cmp(a, b) == 0)
		return "another certificate has its issuer and serial number";
	return NULL;
}

enum rc trust_check(const struct trust_entry *entries, size_t n, struct err *e)
{
	size_t total = 0;

	if (n > TRUST_MAX_ENTRIES)
		return err_set(e, RC_REFUSED, "trust", "there are too many certificates",
			       "remove what nobody needs any more", "%zu, at most %u", n,
			       TRUST_MAX_ENTRIES);
	for (size_t i = 0; i < n; i++) {
		const char *why = NULL;

		if (trust_check_entry(&entries[i], e) != RC_OK ||
		    check_size(entries[i].cert, &total, e) != RC_OK)
			return e->rc;
		for (size_t j = 0; j < i && !why; j++)
			why = collision(entries[i].cert, entries[j].cert);
		if (why)
			return refuse(e, entries[i].cert, why, NULL);
	}
	if (total > TRUST_MAX_CERTS)
		return err_set(e, RC_REFUSED, "trust",
			       "the certificates are too large together",
			       "remove what nobody needs any more",
			       "%zu bytes in %zu certificates, at most %u bytes", total, n,
			       TRUST_MAX_CERTS);
	return RC_OK;
}

/* ---- building ---- */

struct ttl_text {
	char text[TTL_TEXT];
};

/* The records of all entries; ttls keeps their texts. */
static size_t records_of(const struct trust_entry *entries, size_t n,
			 struct itl_entry *records, struct ttl_text *ttls)
{
	size_t filled = 0;

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(ttls[i].text, TTL_TEXT, "ttl=%u", entries[i].ttl);
		for (unsigned role = 0; role < 32; role++)
			if (entries[i].roles & TRUST_ROLE(role))
				records[filled++] = (struct itl_entry){
					.role = role,
					.cert = entries[i].cert,
					.whole = true,
					.dns = ttls[i].text,
				};
	}
	return filled;
}

enum rc trust_build(const struct trust_entry *entries, size_t n, X509 *signer,
		    uint32_t timestamp, const struct itl_signer *with, uint8_t **out,
		    size_t *length, struct err *e)
{
	struct itl_entry CLEANUP_FREE *records =
		calloc(TRUST_MAX_ENTRIES * MAX_ROLES, sizeof *records);
	struct ttl_text CLEANUP_FREE *ttls = calloc(TRUST_MAX_ENTRIES, sizeof *ttls);
	struct trust CLEANUP(trust_free) *again = NULL;
	uint8_t CLEANUP_FREE *built = NULL;
	struct itl_plan plan = {
		.file_name = TRUST_FILE,
		.signer = signer,
		.digest = DIGEST,
		.timestamp = timestamp,
		.entries = records,
		.store = true,
	};
	size_t built_n = 0;

	if (!records || !ttls)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the trust file");
	if (trust_check(entries, n, e) != RC_OK)
		return e->rc;
	plan.nentries = records_of(entries, n, records, ttls);
	if (itl_build(&plan, with, &built, &built_n, e) != RC_OK ||
	    trust_read(bytes_of(built, built_n), signer, &again, e) != RC_OK)
		return e->rc;
	*out = built;
	*length = built_n;
	built = NULL;
	return RC_OK;
}

static enum rc give_signature(void *arg, enum itl_digest digest,
			      const struct bytes *parts, size_t nparts,
			      uint8_t *signature, size_t length, struct err *e)
{
	const struct bytes *made = arg;

	(void)digest, (void)parts, (void)nparts;
	if (made->n != length)
		return err_set(e, RC_VERIFY, "trust",
			       "the signature has not the length of the signer's key", NULL,
			       "%zu bytes instead of %zu", made->n, length);
	memcpy(signature, made->p, length);
	return RC_OK;
}

struct itl_signer trust_signer_of(const struct bytes *signature)
{
	return (struct itl_signer){.sign = give_signature,
				   .arg = (void *)(uintptr_t)signature};
}

/* ---- reading ---- */

static enum rc bad(struct err *e, size_t record, const char *why)
{
	return err_set(e, RC_VERIFY, "read trust file", why, NULL, "record %zu", record);
}

/* "ttl=SECONDS" and a NUL, as trust_build() writes it; 0 if it is not that. */
static uint32_t ttl_of(struct bytes dns)
{
	uint32_t ttl = 0;

	if (dns.n < 6 || dns.n > TTL_TEXT || memcmp(dns.p, "ttl=", 4) != 0 ||
	    dns.p[4] == '0' || dns.p[dns.n - 1] != 0)
		return 0;
	for (size_t i = 4; i + 1 < dns.n; i++) {
		if (dns.p[i] < '0' || dns.p[i] > '9' || ttl > TRUST_TTL_MAX)
			return 0;
		ttl = 10 * ttl + (uint32_t)(dns.p[i] - '0');
	}
	return ttl <= TRUST_TTL_MAX ? ttl : 0;
}

/* What a record says, but for its certificate; NULL if that is what we write. */
static const char *check_form(const struct itl_record *r)
{
	if (!r->cert.n)
		return "holds no whole certificate";
	if (r->address.n)
		return "has an address";
	if (!r->has_role || r->role > 31 || !(TRUST_ROLES & TRUST_ROLE(r->role)))
		return "has no role that is known";
	if (!ttl_of(r->dns))
		return "has no time to live (DNSNAME \"ttl=SECONDS\") within the range";
	return NULL;
}

/* The entry of this certificate; a new one if there is none. `first` has the first
 * record of each entry: bytes are compared, before anything is decoded. */
static enum rc entry_of(struct trust *t, const struct itl_record **first,
			const struct itl_record *r, size_t record,
			struct trust_entry **out, struct err *e)
{
	const char *why = NULL;
	X509 *cert;

	for (size_t i = 0; i < t->n; i++)
		if (bytes_equal(first[i]->cert, r->cert)) {
			*out = &t->entries[i];
			return RC_OK;
		}
	if (t->n == TRUST_MAX_ENTRIES)
		return bad(e, record, "is of one certificate too many");
	cert = itl_x509(r->cert, &why);
	if (!cert)
		return bad(e, record, why);
	first[t->n] = r;
	*out = &t->entries[t->n++];
	**out = (struct trust_entry){.cert = cert, .ttl = ttl_of(r->dns)};
	return RC_OK;
}

static enum rc take_record(struct trust *t, const struct itl_record **first,
			   const struct itl_record *r, size_t record, struct err *e)
{
	const char *why = check_form(r);
	struct trust_entry *entry = NULL;

	if (why)
		return bad(e, record, why);
	if (entry_of(t, first, r, record, &entry, e) != RC_OK)
		return e->rc;
	why = itl_record_disagrees(r, entry->cert);
	if (why)
		return bad(e, record, why);
	if (entry->ttl != ttl_of(r->dns))
		return bad(e, record, "has another time to live than the certificate's first record");
	if (entry->roles & TRUST_ROLE(r->role))
		return bad(e, record, "has the certificate and role of an earlier one");
	entry->roles |= TRUST_ROLE(r->role);
	return RC_OK;
}

static enum rc take_records(const struct itl *l, struct trust *t, struct err *e)
{
	const struct itl_record *first[TRUST_MAX_ENTRIES];

	t->entries = calloc(TRUST_MAX_ENTRIES, sizeof *t->entries);
	if (!t->entries)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the trust file");
	for (size_t i = 0; i < l->nrecords; i++)
		if (take_record(t, first, &l->records[i], i + 1, e) != RC_OK)
			return e->rc;
	if (trust_check(t->entries, t->n, e) != RC_OK)
		e->rc = RC_VERIFY; /* of a file: not what somebody asked for */
	else
		e->rc = RC_OK;
	return e->rc;
}

static bool is_trust_file(const struct itl *l)
{
	static const char name[] = TRUST_FILE;

	return bytes_equal(l->file_name, bytes_of(name, sizeof name)) &&
	       l->version[0] == 1 && l->version[1] == 2 && !l->has_signer_version;
}

/* audit == NULL: not verified. */
static enum rc read_file(struct bytes file, X509 *audit, struct trust **out,
			 struct err *e)
{
	struct trust CLEANUP(trust_free) *t = calloc(1, sizeof *t);
	struct itl CLEANUP(itl_free) *l = NULL;

	if (!t)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the trust file");
	if (itl_parse(file, ITL_STORE, &l, e) != RC_OK)
		return e->rc;
	if (!is_trust_file(l))
		return err_set(e, RC_VERIFY, "read trust file",
			       "its FILENAME or version is not a trust file's", NULL,
			       "the header");
	if (audit && l->digest != DIGEST)
		return err_set(e, RC_VERIFY, "read trust file",
			       "it is not signed with SHA-256", NULL, "the header");
	if ((audit && itl_verify(l, audit, e) != RC_OK) || take_records(l, t, e) != RC_OK)
		return e->rc;
	t->timestamp = l->timestamp;
	*out = t;
	t = NULL;
	return RC_OK;
}

enum rc trust_read(struct bytes file, X509 *audit, struct trust **out, struct err *e)
{
	assert(audit);
	return read_file(file, audit, out, e);
}

enum rc trust_read_unverified(struct bytes file, struct trust **out, struct err *e)
{
	return read_file(file, NULL, out, e);
}
