/* Lists as a call manager writes them (spec: itl-format). */
#include "base/num.h"
#include "internal.h"
#include "tags.h"
#include <string.h>
#include <strings.h>

/* A header to be written; the names are filled from the signer. */
struct head {
	uint8_t version[2];
	bool has_signer_version;
	uint8_t signer_version[2];
	X509 *signer;
	unsigned digest;
	struct bytes file_name; /* with its NUL */
	uint32_t timestamp;
};

/* A record to be written. */
struct record {
	unsigned role;
	X509 *cert;
	bool whole;
	struct bytes dns;     /* as on the wire; of length 0: no tag 2 */
	struct bytes address; /* of length 0: no tag 10 */
};

/* A list under construction: bytes, and where its signature goes. */
struct draft {
	struct writer w;
	size_t signature_at; /* of the tag-12 TLV */
	size_t signature_n;
};

static void tlv(struct writer *w, uint8_t tag, struct bytes value)
{
	write_u8(w, tag);
	write_bytes16(w, value);
}

static void tlv_u8(struct writer *w, uint8_t tag, uint8_t v)
{
	tlv(w, tag, bytes_of(&v, 1));
}

static void tlv_u16(struct writer *w, uint8_t tag, size_t v)
{
	uint8_t b[2] = {num_u8(v >> 8), (uint8_t)v};

	tlv(w, tag, bytes_of(b, sizeof b));
}

/* Put a length that is known only now into the 2 bytes at `at`. */
static void patch_u16(struct writer *w, size_t at, size_t v)
{
	struct writer there = writer_of(w->p + at, 2);

	if (!w->bad)
		write_u16(&there, num_u16(v));
}

/* Tag 11: the value, or -1 for a size that the format cannot name. */
static int modulus_of(X509 *signer)
{
	EVP_PKEY *key = X509_get0_pubkey(signer);

	if (!key || !EVP_PKEY_is_a(key, "RSA"))
		return -1;
	switch (EVP_PKEY_get_bits(key)) {
	case 1024:
		return 1;
	case 2048:
		return 2;
	case 4096:
		return 3;
	default:
		return -1;
	}
}

static enum rc write_signer_id(struct writer *w, X509 *signer, struct err *e)
{
	char subject[ITL_MAX_NAME], issuer[ITL_MAX_NAME];
	uint8_t buf[ITL_MAX_SERIAL];
	struct bytes serial;
	size_t nsubject, nissuer;

	if (itl_name(X509_get_subject_name(signer), subject, &nsubject, e) ||
	    itl_name(X509_get_issuer_name(signer), issuer, &nissuer, e))
		return e->rc;
	if (!itl_serial(signer, buf, &serial))
		return err_set(e, RC_ERROR, "write serial", "longer than any list's", NULL,
			       "%s", subject);
	write_u8(w, H_SIGNER_ID);
	write_u16(w, num_u16(3 * TLV_HEAD + nsubject + serial.n + nissuer));
	tlv(w, H_SIGNER_NAME, bytes_of(subject, nsubject));
	tlv(w, H_SERIAL, serial);
	tlv(w, H_ISSUER, bytes_of(issuer, nissuer));
	return RC_OK;
}

static void write_signature_info(struct draft *d, unsigned digest, uint8_t modulus)
{
	static const uint8_t zeros[ITL_MAX_SIGNATURE];
	const size_t one = TLV_HEAD + 1; /* a TLV of one byte */

	write_u8(&d->w, H_SIGNATURE_INFO);
	write_u16(&d->w, num_u16(one + TLV_HEAD + 2 * one));
	tlv_u8(&d->w, H_DIGEST, num_u8(digest));
	write_u8(&d->w, H_ALGORITHM_INFO);
	write_u16(&d->w, num_u16(2 * one));
	tlv_u8(&d->w, H_ALGORITHM, 0);
	tlv_u8(&d->w, H_MODULUS, modulus);
	d->signature_at = d->w.n;
	d->signature_n = (size_t)64 << modulus;
	tlv(&d->w, H_SIGNATURE, bytes_of(zeros, d->signature_n));
}

static enum rc write_header(struct draft *d, const struct head *h, struct err *e)
{
	struct writer *w = &d->w;
	int modulus = modulus_of(h->signer);
	uint8_t stamp[4];
	struct writer t = writer_of(stamp, sizeof stamp);

	if (modulus < 0)
		return err_set(e, RC_REFUSED, "sign list",
			       "a list cannot name the signer's key: it is not RSA "
			       "of 1024, 2048 or 4096 bits",
			       "make that key with 2048 bits", "tag 11 of the header");
	if (!itl_digest_name(h->digest))
		return err_set(e, RC_USAGE, "sign list", "no such digest algorithm",
			       "SHA-1, SHA-256 or SHA-512", "tag 8 of the header");
	if (h->file_name.n < 2 || h->file_name.n > ITL_MAX_NAME)
		return err_set(e, RC_USAGE, "sign list",
			       "the file name is empty or too long", NULL,
			       "tag 14 of the header");
	write_u32(&t, h->timestamp);
	tlv(w, H_VERSION, bytes_of(h->version, 2));
	tlv_u16(w, H_LENGTH, 0);
	if (h->has_signer_version)
		tlv(w, H_SIGNER_VERSION, bytes_of(h->signer_version, 2));
	if (write_signer_id(w, h->signer, e))
		return e->rc;
	write_signature_info(d, h->digest, num_u8((size_t)modulus));
	tlv(w, H_FILE_NAME, h->file_name);
	tlv(w, H_TIMESTAMP, bytes_of(stamp, sizeof stamp));
	while (w->n % 4 && !w->bad)
		write_u8(w, H_PAD);
	patch_u16(w, 2 * TLV_HEAD + 2, w->n);
	return RC_OK;
}

static enum rc write_certificate(struct writer *w, const struct record *r, struct err *e)
{
	uint8_t CLEANUP(openssl_free) *der = NULL;
	uint8_t digest[SHA1_LEN];
	int n = i2d_X509(r->cert, &der);

	if (n <= 0)
		return err_set(e, RC_ERROR, "write certificate", "cannot be encoded", NULL,
			       "a record of the list");
	if (r->whole) {
		tlv(w, R_CERT, bytes_of(der, num_size(n)));
		return RC_OK;
	}
	itl_sha1(bytes_of(der, num_size(n)), digest);
	tlv(w, R_HASH, bytes_of(digest, sizeof digest));
	tlv_u8(w, R_HASH_ALGORITHM, ITL_SHA1);
	return RC_OK;
}

/* The format has room for uncompressed points only. */
static bool key_fits(X509 *cert)
{
	struct bytes key = itl_public_key(cert);
	EVP_PKEY *pkey = X509_get0_pubkey(cert);

	return pkey && key.n && (!EVP_PKEY_is_a(pkey, "EC") || key.p[0] == 0x04);
}

static enum rc write_record(struct writer *w, const struct record *r, struct err *e)
{
	char subject[ITL_MAX_NAME], issuer[ITL_MAX_NAME];
	size_t start = w->n, nsubject, nissuer;
	uint8_t buf[ITL_MAX_SERIAL];
	struct bytes serial;

	if (itl_name(X509_get_subject_name(r->cert), subject, &nsubject, e) ||
	    itl_name(X509_get_issuer_name(r->cert), issuer, &nissuer, e))
		return e->rc;
	if (!itl_serial(r->cert, buf, &serial))
		return err_set(e, RC_ERROR, "write serial", "longer than any list's", NULL,
			       "%s", subject);
	if (!key_fits(r->cert))
		return err_set(e, RC_REFUSED, "write key",
			       "it is unreadable, or a compressed EC point", NULL, "%s",
			       subject);
	tlv_u16(w, R_LENGTH, 0);
	if (r->dns.n)
		tlv(w, R_DNS, r->dns);
	tlv(w, R_SUBJECT, bytes_of(subject, nsubject));
	tlv_u16(w, R_ROLE, r->role);
	tlv(w, R_ISSUER, bytes_of(issuer, nissuer));
	tlv(w, R_SERIAL, serial);
	tlv(w, R_KEY, itl_public_key(r->cert));
	tlv(w, R_SIGNATURE, itl_cert_signature(r->cert));
	if (write_certificate(w, r, e))
		return e->rc;
	if (r->address.n)
		tlv(w, R_ADDRESS, r->address);
	patch_u16(w, start + TLV_HEAD, w->n - start);
	return RC_OK;
}

static enum rc too_long(struct err *e, bool store, size_t record, size_t of)
{
	if (store)
		return err_set(e, RC_REFUSED, "build list",
			       "over what a trust store may hold: 1048576 bytes, 1024 records",
			       "remove certificates that nobody needs any more",
			       "record %zu of %zu", record, of);
	return err_set(e, RC_REFUSED, "build list",
		       "over 65535 bytes, which takes phones out of service",
		       "about 39 whole certificates fit: list fewer nodes, or use "
		       "smaller keys",
		       "record %zu of %zu", record, of);
}

static enum rc sign_draft(struct draft *d, unsigned digest, const struct bytes *content,
			  const struct itl_signer *with, struct err *e)
{
	size_t after = d->signature_at + TLV_HEAD + d->signature_n;
	uint8_t signature[ITL_MAX_SIGNATURE];
	struct bytes parts[3] = {
		bytes_of(d->w.p, d->signature_at),
		bytes_of(d->w.p + after, d->w.n - after),
	};

	if (content)
		parts[2] = *content;
	if (with->sign(with->arg, (enum itl_digest)digest, parts, content ? 3 : 2,
		       signature, d->signature_n, e))
		return e->rc;
	memcpy(d->w.p + d->signature_at + TLV_HEAD, signature, d->signature_n);
	return RC_OK;
}

static struct head head_of(const struct itl_plan *plan)
{
	struct head h = {
		.version = {1, 2},
		.has_signer_version = plan->has_signer_version,
		.signer = plan->signer,
		.digest = plan->digest,
		.file_name = bytes_of(plan->file_name, strlen(plan->file_name) + 1),
		.timestamp = plan->timestamp,
	};

	memcpy(h.signer_version, plan->signer_version, sizeof h.signer_version);
	return h;
}

static struct record record_of(const struct itl_entry *entry)
{
	static const uint8_t nuls[2];
	struct record r = {
		.role = entry->role,
		.cert = entry->cert,
		.whole = entry->whole,
		.dns = entry->dns ? bytes_of(entry->dns, strlen(entry->dns) + 1)
				  : bytes_of(nuls, sizeof nuls),
	};

	if (entry->has_address)
		r.address = bytes_of(entry->address, sizeof entry->address);
	return r;
}

/* The signed bytes are final but for the signature: sign, and hand over. */
static enum rc finish(struct draft *d, unsigned digest, const struct itl_signer *with,
		      uint8_t **buf, uint8_t **out, size_t *n, struct err *e)
{
	if (sign_draft(d, digest, NULL, with, e))
		return e->rc;
	*out = *buf;
	*n = d->w.n;
	*buf = NULL;
	return RC_OK;
}

enum rc itl_build(const struct itl_plan *plan, const struct itl_signer *signer,
		  uint8_t **out, size_t *n, struct err *e)
{
	const size_t cap = plan->store ? ITL_MAX_STORE : ITL_MAX;
	const size_t most = plan->store ? ITL_MAX_STORE_RECORDS : ITL_MAX_RECORDS;
	uint8_t CLEANUP_FREE *buf = malloc(cap);
	struct draft d = {.w = writer_of(buf, cap)};
	struct head h = head_of(plan);

	if (!buf)
		return err_errno(e, RC_ERROR, "malloc", NULL, "list");
	if (plan->nentries > most)
		return too_long(e, plan->store, most + 1, plan->nentries);
	if (write_header(&d, &h, e))
		return e->rc;
	for (size_t i = 0; i < plan->nentries; i++) {
		struct record r = record_of(&plan->entries[i]);

		if (write_record(&d.w, &r, e))
			return e->rc;
		if (d.w.bad)
			return too_long(e, plan->store, i + 1, plan->nentries);
	}
	return finish(&d, plan->digest, signer, &buf, out, n, e);
}

static bool ends_in_tlv(const char *name)
{
	size_t n = strlen(name);

	return n >= 4 && strcasecmp(name + n - 4, ".tlv") == 0;
}

enum rc itl_build_sgn(const struct itl_plan *plan, struct bytes content,
		      const struct itl_signer *signer, uint8_t *header, size_t cap,
		      size_t *n, struct err *e)
{
	uint8_t buf[ITL_MAX_SGN_HEADER];
	struct draft d = {.w = writer_of(buf, sizeof buf)};
	struct head h = head_of(plan);

	/* A phone must never take a signed file for a list. */
	if (ends_in_tlv(plan->file_name))
		return err_set(e, RC_REFUSED, "sign file",
			       "a signed file cannot have a list's name", NULL,
			       "%.100s", plan->file_name);
	h.version[1] = 0;
	h.has_signer_version = false;
	if (write_header(&d, &h, e))
		return e->rc;
	if (d.w.bad || d.w.n > cap)
		return err_set(e, RC_ERROR, "sign file", "its header does not fit", NULL,
			       "%.100s", plan->file_name);
	if (sign_draft(&d, plan->digest, &content, signer, e))
		return e->rc;
	memcpy(header, d.w.p, d.w.n);
	*n = d.w.n;
	return RC_OK;
}

/* The one SAST record that holds this certificate. */
static enum rc find_replaced(const struct itl *l, X509 *replaced,
			     const struct itl_record **out, struct err *e)
{
	uint8_t CLEANUP(openssl_free) *der = NULL;
	int n = i2d_X509(replaced, &der);
	const struct itl_record *found = NULL;

	for (size_t i = 0; n > 0 && i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];

		if (!itl_is_sast(r) ||
		    !bytes_equal(r->cert, bytes_of(der, num_size(n))))
			continue;
		if (found)
			return err_set(e, RC_REFUSED, "replace record",
				       "two SAST records hold the certificate to be replaced",
				       NULL, "records %zu and %zu",
				       itl_record_number(l, found), i + 1);
		found = r;
	}
	if (!found)
		return err_set(e, RC_NOTFOUND, "replace record",
			       "no SAST record holds the certificate to be replaced",
			       "show itl lists what it holds", "the list");
	*out = found;
	return RC_OK;
}

/* Records byte for byte, but for `old`, whose place `replace` takes. */
static enum rc copy_records(struct draft *d, const struct itl *source,
			    const struct itl_record *old, X509 *replace, struct err *e)
{
	for (size_t i = 0; i < source->nrecords; i++) {
		const struct itl_record *r = &source->records[i];
		struct record new = {ITL_SAST, replace, true, r->dns, r->address};

		if (r != old)
			write_bytes(&d->w,
				    bytes_of(source->file.p + r->offset, r->length));
		else if (write_record(&d->w, &new, e))
			return e->rc;
		if (d->w.bad)
			return too_long(e, false, i + 1, source->nrecords);
	}
	return RC_OK;
}

enum rc itl_resign(const struct itl *source, X509 *signer, unsigned digest,
		   uint32_t timestamp, X509 *replaced, X509 *replace,
		   const struct itl_signer *with, uint8_t **out, size_t *n, struct err *e)
{
	uint8_t CLEANUP_FREE *buf = malloc(ITL_MAX);
	struct draft d = {.w = writer_of(buf, ITL_MAX)};
	const struct itl_record *old = NULL;
	struct head h = {
		.has_signer_version = source->has_signer_version,
		.signer = signer,
		.digest = digest,
		.file_name = source->file_name,
		.timestamp = timestamp,
	};

	memcpy(h.version, source->version, sizeof h.version);
	memcpy(h.signer_version, source->signer_version, sizeof h.signer_version);
	if (!buf)
		return err_errno(e, RC_ERROR, "malloc", NULL, "list");
	if (source->version[0] == 1 && source->version[1] == 0)
		return err_set(e, RC_REFUSED, "sign list", "is a signed file, not a list",
			       NULL, "the reset list's source");
	if (replace && find_replaced(source, replaced, &old, e))
		return e->rc;
	if (write_header(&d, &h, e) || copy_records(&d, source, old, replace, e))
		return e->rc;
	return finish(&d, digest, with, &buf, out, n, e);
}

size_t itl_entries(X509 *callmanager, X509 *capf, X509 *tvs, X509 *recovery,
		   X509 *const *others, size_t nothers, struct itl_entry *entries)
{
	const struct itl_entry own[] = {
		{.role = ITL_SAST, .cert = callmanager, .whole = true},
		{.role = ITL_TFTP, .cert = callmanager, .whole = true},
		{.role = ITL_CAPF, .cert = capf},
		{.role = ITL_TVS, .cert = tvs},
		{.role = ITL_SAST, .cert = recovery, .whole = true},
	};
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(own); i++)
		if (own[i].cert)
			entries[n++] = own[i];
	for (size_t i = 0; i < nothers; i++)
		entries[n++] = (struct itl_entry){.role = ITL_TVS, .cert = others[i]};
	return n;
}
