#include "support/phone.h"
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* One tag's value; n == 0: it is not there. */
struct value {
	const uint8_t *p;
	size_t n;
};

/* A header or a record, by tag. */
struct tags {
	struct value of[32];
};

/* Reads TLVs of [p, end); containers are gone into. False if they do not fit. */
static bool read_tags(const uint8_t *p, const uint8_t *end, struct tags *t,
		      bool header)
{
	memset(t, 0, sizeof *t);
	while (p < end) {
		uint8_t tag = *p++;
		size_t n;

		if (header && tag == 13)
			continue; /* a lone pad byte */
		if (end - p < 2)
			return false;
		n = (size_t)p[0] << 8 | p[1];
		p += 2;
		if (header && (tag == 3 || tag == 7 || tag == 9))
			continue;
		if ((size_t)(end - p) < n)
			return false;
		if (tag < 32)
			t->of[tag] = (struct value){p, n};
		p += n;
	}
	return true;
}

static bool same(struct value a, struct value b)
{
	return a.n && a.n == b.n && !memcmp(a.p, b.p, a.n);
}

static unsigned number(struct value v)
{
	return v.n == 2 ? (unsigned)v.p[0] << 8 | v.p[1] : 0xffff;
}

static bool read_header(struct bytes list, struct tags *t, size_t *length)
{
	/* tag 1 (version), then tag 2: the whole header's length */
	if (list.n < 10 || list.n > 65535 || list.p[0] != 1 || list.p[5] != 2)
		return false;
	*length = (size_t)list.p[8] << 8 | list.p[9];
	return *length <= list.n && read_tags(list.p, list.p + *length, t, true);
}

/* Calls `look` for each record until one says true. */
typedef bool looker(void *arg, const struct tags *record);

static bool any_record(struct bytes list, looker *look, void *arg)
{
	struct tags t;
	size_t at;

	if (!read_header(list, &t, &at))
		return false;
	while (at + 5 <= list.n) {
		size_t n = (size_t)list.p[at + 3] << 8 | list.p[at + 4];

		if (list.p[at] != 1 || n < 5 || n > list.n - at ||
		    !read_tags(list.p + at, list.p + at + n, &t, false))
			return false;
		if (look(arg, &t))
			return true;
		at += n;
	}
	return false;
}

static X509 *read_cert(struct value v)
{
	const uint8_t *p = v.p;

	return v.n ? d2i_X509(NULL, &p, (long)v.n) : NULL;
}

/* The signature over everything but its own TLV. */
static bool signed_by(struct bytes list, const struct tags *header, X509 *cert)
{
	static const char *const digests[] = {NULL, "SHA1", "SHA256", "SHA512"};
	struct value s = header->of[12], d = header->of[8];
	const uint8_t *after = s.p + s.n;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = s.n && d.n == 1 && d.p[0] >= 1 && d.p[0] <= 3 &&
		  EVP_DigestVerifyInit_ex(ctx, NULL, digests[d.p[0]], NULL, NULL,
					  X509_get0_pubkey(cert), NULL) == 1 &&
		  EVP_DigestVerifyUpdate(ctx, list.p, (size_t)(s.p - 3 - list.p)) == 1 &&
		  EVP_DigestVerifyUpdate(ctx, after,
					 (size_t)(list.p + list.n - after)) == 1 &&
		  EVP_DigestVerifyFinal(ctx, s.p, s.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

struct offer {
	struct bytes list;
	struct tags header;
	const uint8_t *tls; /* the SHA-1 that is looked for */
};

/* A SAST record of the serial and issuer that the header names, whose key fits. */
static bool is_signer(void *arg, const struct tags *r)
{
	struct offer *o = arg;
	X509 *cert;
	bool ok;

	if (number(r->of[4]) != 0 || !same(r->of[6], o->header.of[5]) ||
	    !same(r->of[5], o->header.of[6]))
		return false;
	cert = read_cert(r->of[9]);
	ok = cert && signed_by(o->list, &o->header, cert);
	X509_free(cert);
	return ok;
}

static bool is_tvs(void *arg, const struct tags *r)
{
	const struct offer *o = arg;

	uint8_t of_cert[SHA_DIGEST_LENGTH];
	struct value held = r->of[11];

	if (number(r->of[4]) != 21)
		return false;
	if (r->of[9].n) /* the certificate itself, not its hash */
		held = (struct value){SHA1(r->of[9].p, r->of[9].n, of_cert),
				      sizeof of_cert};
	return same(held, (struct value){o->tls, SHA_DIGEST_LENGTH});
}

/* TVS's side of a QUERY: the signer's certificate, by its serial. */
static bool vouches(const struct phone_tvs *tvs, const struct offer *o)
{
	for (size_t i = 0; i < tvs->nsast; i++) {
		const ASN1_INTEGER *serial = X509_get0_serialNumber(tvs->sast[i]);
		struct value v = {ASN1_STRING_get0_data(serial),
				  (size_t)ASN1_STRING_length(serial)};

		if (same(v, o->header.of[5]) &&
		    signed_by(o->list, &o->header, tvs->sast[i]))
			return true;
	}
	return false;
}

enum phone_says phone_would(const struct phone *p, struct bytes list,
			    const struct phone_tvs *tvs, size_t ntvs)
{
	struct bytes held = {p->itl, p->n};
	struct offer o = {.list = list};
	size_t length;

	if (!read_header(list, &o.header, &length))
		return PHONE_REJECTS;
	if (!p->itl)
		return PHONE_FIRST;
	if (held.n == list.n && !memcmp(held.p, list.p, list.n))
		return PHONE_SAME;
	if (any_record(held, is_signer, &o))
		return PHONE_KNOWS;
	for (size_t i = 0; i < ntvs; i++) {
		uint8_t sha1[SHA_DIGEST_LENGTH];
		unsigned n;

		/* The handshake: an unknown TVS is not listened to; the first that is
		 * has the word. */
		o.tls = sha1;
		if (X509_digest(tvs[i].tls, EVP_sha1(), sha1, &n) == 1 &&
		    any_record(held, is_tvs, &o))
			return vouches(&tvs[i], &o) ? PHONE_ASKED : PHONE_REJECTS;
	}
	return PHONE_REJECTS;
}

enum phone_says phone_fetch(struct phone *p, struct bytes list,
			    const struct phone_tvs *tvs, size_t ntvs)
{
	enum phone_says says = phone_would(p, list, tvs, ntvs);
	uint8_t *copy;

	if (says == PHONE_SAME || says == PHONE_REJECTS)
		return says;
	copy = malloc(list.n);
	if (!copy)
		abort();
	memcpy(copy, list.p, list.n);
	free(p->itl);
	*p = (struct phone){copy, list.n};
	return says;
}

void phone_clear(struct phone *p)
{
	free(p->itl);
	*p = (struct phone){0};
}

const char *phone_file_fault(struct bytes sgn, const char *name, struct bytes content,
			     X509 *signer)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(signer);
	struct value own = {ASN1_STRING_get0_data(serial),
			    (size_t)ASN1_STRING_length(serial)};
	struct tags t;
	size_t length;

	if (sgn.n < 10 || sgn.p[0] != 1 || sgn.p[5] != 2)
		return "has no header";
	length = (size_t)sgn.p[8] << 8 | sgn.p[9];
	if (length > sgn.n || !read_tags(sgn.p, sgn.p + length, &t, true))
		return "has a header that is none";
	if (t.of[1].n != 2 || t.of[1].p[0] != 1 || t.of[1].p[1] != 0)
		return "has another version";
	if (t.of[14].n != strlen(name) + 1 || memcmp(t.of[14].p, name, t.of[14].n) != 0)
		return "has another name";
	if (sgn.n - length != content.n || memcmp(sgn.p + length, content.p, content.n) != 0)
		return "has another content";
	if (!same(own, t.of[5]) || !signed_by(sgn, &t, signer))
		return "is not signed by this signer";
	return NULL;
}
