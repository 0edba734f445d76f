#include "make.h"
#include "base/num.h"
#include "support/software.h"
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static struct party party_of(EVP_PKEY *key, enum x509_profile profile, const char *cn,
			     const char *hash)
{
	struct x509_subject subject = {cn, "tac", "cisco", "rtp", "nc", "US"};
	struct party p = {.key = key};
	struct err e;

	assert_non_null(key);
	assert_ok(x509_self_sign(profile, &subject, key, key, NULL, hash, MADE, 5, &p.cert,
				 &e),
		  &e);
	return p;
}

struct party party_rsa(unsigned bits, enum x509_profile profile, const char *cn,
		       const char *hash)
{
	return party_of(EVP_RSA_gen(bits), profile, cn, hash);
}

struct party party_ec(const char *cn)
{
	return party_of(EVP_EC_gen("P-256"), X509_TVS, cn, "SHA256");
}

void party_clear(struct party *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

struct itl_signer party_signer(struct party *p)
{
	return software_signer(p->key);
}

struct cluster10 cluster10_make(void)
{
	/* The recovery key was made under an older host name. */
	return (struct cluster10){
		party_rsa(1024, X509_CALLMANAGER, "test10pub.joemar2.lab", "SHA1"),
		party_rsa(1024, X509_CAPF, "CAPF-75638ad9", "SHA1"),
		party_rsa(1024, X509_TVS, "test10pub.joemar2.lab", "SHA1"),
		party_rsa(1024, X509_RECOVERY, "ITLRECOVERY_test10.joemar2.lab", "SHA1"),
		party_rsa(2048, X509_TVS, "test10sub.joemar2.lab", "SHA1"),
	};
}

void cluster10_clear(struct cluster10 *c)
{
	party_clear(&c->callmanager);
	party_clear(&c->capf);
	party_clear(&c->tvs);
	party_clear(&c->recovery);
	party_clear(&c->other_tvs);
}

struct bytes cluster10_itl(struct cluster10 *c, struct party *signer)
{
	struct itl_entry entries[6];
	size_t n = itl_entries(c->callmanager.cert, c->capf.cert, c->tvs.cert,
			       c->recovery.cert, &c->other_tvs.cert, 1, entries);

	assert_int_equal(n, COUNT_OF(entries));
	return make_list("ITLFile.tlv", signer, ITL_SHA1, entries, n);
}

struct bytes make_list(const char *name, struct party *signer, unsigned digest,
		       const struct itl_entry *entries, size_t n)
{
	struct itl_plan plan = {
		.file_name = name,
		.signer = signer->cert,
		.digest = digest,
		.timestamp = MADE,
		.entries = entries,
		.nentries = n,
	};
	struct itl_signer with = party_signer(signer);
	uint8_t *out = NULL;
	size_t length = 0;
	struct err e;

	assert_ok(itl_build(&plan, &with, &out, &length, &e), &e);
	return bytes_of(out, length);
}

void bytes_free(struct bytes b)
{
	free((void *)(uintptr_t)b.p);
}

struct itl *must_parse(struct bytes file, unsigned flags)
{
	struct itl *l = NULL;
	struct err e;

	assert_ok(itl_parse(file, flags, &l, &e), &e);
	return l;
}
