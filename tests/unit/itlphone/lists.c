#include "support/support.h"
#include "lists.h"
#include "base/num.h"
#include "support/software.h"
#include "x509/x509.h"
#include <string.h>
#include <time.h>

static struct signing make(enum x509_profile profile, const char *cn)
{
	struct x509_subject subject = {.cn = cn, .o = "test", .c = "US"};
	struct signing s = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
						     (size_t)1024)};
	struct err e;

	assert_non_null(s.key);
	assert_ok(x509_self_sign(profile, &subject, s.key, s.key, NULL, "SHA256",
				 time(NULL), 5, &s.cert, &e),
		  &e);
	return s;
}

void keys_new(struct keys *k, const char *host)
{
	k->callmanager = make(X509_CALLMANAGER, host);
	k->tvs = make(X509_TVS, host);
	k->capf = make(X509_CAPF, "CAPF-0a1b2c3d");
	k->recovery = make(X509_RECOVERY, "ITLRECOVERY_test");
}

void keys_free(struct keys *k)
{
	struct signing *all[] = {&k->callmanager, &k->tvs, &k->capf,
				 &k->recovery};

	for (size_t i = 0; i < COUNT_OF(all); i++) {
		EVP_PKEY_free(all[i]->key);
		X509_free(all[i]->cert);
	}
}

static struct bytes build(const struct itl_plan *plan, EVP_PKEY *key)
{
	struct itl_signer signer = software_signer(key);
	uint8_t *out = NULL;
	size_t n;
	struct err e;

	assert_ok(itl_build(plan, &signer, &out, &n, &e), &e);
	return bytes_of(out, n);
}

struct bytes list_itl(const struct keys *k, uint32_t timestamp)
{
	struct itl_entry entries[5];
	struct itl_plan plan = {
		.file_name = "ITLFile.tlv",
		.signer = k->callmanager.cert,
		.digest = ITL_SHA1,
		.timestamp = timestamp,
		.entries = entries,
	};

	plan.nentries = itl_entries(k->callmanager.cert, k->capf.cert,
				    k->tvs.cert, k->recovery.cert, NULL, 0,
				    entries);
	return build(&plan, k->callmanager.key);
}

struct bytes list_ctl(const struct keys *k, uint32_t timestamp)
{
	struct itl_entry entries[] = {
		{.role = ITL_SAST, .cert = k->callmanager.cert, .whole = true,
		 .dns = "test", .has_address = true, .address = {127, 0, 0, 1}},
		{.role = ITL_CCM_TFTP, .cert = k->callmanager.cert, .whole = true,
		 .dns = "test", .has_address = true, .address = {127, 0, 0, 1}},
		{.role = ITL_SAST, .cert = k->recovery.cert, .whole = true,
		 .dns = "test", .has_address = true, .address = {127, 0, 0, 1}},
	};
	struct itl_plan plan = {
		.file_name = "CTLFile.tlv",
		.signer = k->callmanager.cert,
		.digest = ITL_SHA1,
		.timestamp = timestamp,
		.entries = entries,
		.nentries = COUNT_OF(entries),
	};

	return build(&plan, k->callmanager.key);
}

struct bytes list_reset(const struct keys *k, struct bytes source,
			uint32_t timestamp)
{
	struct itl_signer signer = software_signer(k->recovery.key);
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t *out = NULL;
	size_t n;
	struct err e;

	assert_ok(itl_parse(source, 0, &l, &e), &e);
	assert_ok(itl_resign(l, k->recovery.cert, ITL_SHA1, timestamp, NULL,
			     NULL, &signer, &out, &n, &e),
		  &e);
	return bytes_of(out, n);
}

struct bytes list_sgn(const struct keys *k, const char *name,
		      const char *content)
{
	struct itl_signer signer = software_signer(k->callmanager.key);
	struct itl_plan plan = {
		.file_name = name,
		.signer = k->callmanager.cert,
		.digest = ITL_SHA1,
		.timestamp = 1,
	};
	uint8_t *out = malloc(ITL_MAX_SGN_HEADER + strlen(content));
	size_t n;
	struct err e;

	assert_non_null(out);
	assert_ok(itl_build_sgn(&plan, bytes_of_text(content), &signer, out,
				ITL_MAX_SGN_HEADER, &n, &e),
		  &e);
	memcpy(out + n, content, strlen(content));
	return bytes_of(out, n + strlen(content));
}
