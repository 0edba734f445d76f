#include "itlbench.h"
#include "audit/verify.h"
#include "base/proc.h"
#include "x509/x509.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTRIES 1000000u
#define PIECE 1000u /* entries that are made, then verified; a checkpoint each */
#define GOAL 5.0    /* seconds */

struct run {
	struct audit_chain chain;
	struct audit_verifier *verifier;
	EVP_PKEY *key;
	X509 *cert;
	uint8_t cert_hash[32];
	char *text; /* of a piece */
	size_t n;
	double making, verifying; /* seconds */
	uint64_t bytes;
};

static void run_clear(struct run *r)
{
	audit_verifier_free(r->verifier);
	EVP_PKEY_free(r->key);
	X509_free(r->cert);
	free(r->text);
}

static enum rc run_make(struct run *r, struct err *e)
{
	const struct x509_subject subject = {.cn = "AUDIT_bench"};
	struct audit_wanted w = {.certs = &r->cert, .ncerts = 1, .covered = true};

	audit_chain_start(&r->chain);
	r->key = EVP_RSA_gen(2048);
	r->text = malloc((size_t)(PIECE + 1) * AUDIT_LINE_MAX);
	if (!r->key || !r->text)
		return err_set(e, RC_ERROR, "make", "out of memory", NULL, "a key");
	if (x509_self_sign(X509_AUDIT, &subject, r->key, r->key, NULL, "SHA256",
			   (int64_t)time(NULL), 1, &r->cert, e))
		return e->rc;
	(void)X509_digest(r->cert, EVP_sha256(), r->cert_hash, NULL);
	r->verifier = audit_verifier_new(&w);
	return r->verifier ? RC_OK
			   : err_errno(e, RC_ERROR, "calloc", NULL, "a verifier");
}

/* As keyd's entries about lists. */
static void make_entries(struct run *r)
{
	static const uint8_t digest[32] = {1, 2, 3};
	struct audit_entry entry = {
		.time = (int64_t)time(NULL), .who = "front", .uid = 991, .pid = 4711,
		.event = "itl", .key = "CallManager/n1/1",
		.digest = bytes_of(digest, sizeof digest), .rc = "ok",
	};
	double began = proc_now();

	r->n = 0;
	for (unsigned i = 0; i < PIECE - 1; i++)
		r->n += audit_format(&r->chain, &entry, r->text + r->n);
	r->making += proc_now() - began;
}

static enum rc make_checkpoint(struct run *r, struct err *e)
{
	struct audit_checkpoint c = {.time = (int64_t)time(NULL), .cluster = "bench",
				     .key = "Audit/bench/1",
				     .upto = audit_chain_point(&r->chain)};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[AUDIT_SIGNATURE_MAX];
	size_t n = sizeof signature;
	char text[AUDIT_TEXT_MAX];
	bool good;

	memcpy(c.cert, r->cert_hash, sizeof c.cert);
	good = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, r->key) == 1 &&
	       EVP_DigestSign(ctx, signature, &n, (const unsigned char *)text,
			      audit_checkpoint_text(&c, text)) == 1;
	EVP_MD_CTX_free(ctx);
	if (!good)
		return err_set(e, RC_ERROR, "EVP_DigestSign", "failed", NULL,
			       "a fresh RSA-2048 key");
	c.signature = bytes_of(signature, n);
	r->n += audit_format_checkpoint(&r->chain, &c, r->text + r->n);
	return RC_OK;
}

static enum rc verify(struct run *r, struct err *e)
{
	double began = proc_now();
	enum rc rc = audit_verifier_feed(r->verifier, bytes_of(r->text, r->n), e);

	r->verifying += proc_now() - began;
	r->bytes += r->n;
	return rc;
}

static void print(const struct run *r, const struct audit_report *report)
{
	double n = (double)report->entries;

	(void)printf("audit log                              : %.0f entries, %.1f MB, %llu checkpoints\n",
		     n, (double)r->bytes / 1e6,
		     (unsigned long long)report->checkpoints);
	(void)printf("made (without signing, without a disk) : %.2f s, %.1f entries/s\n",
		     r->making, n / r->making);
	(void)printf("verified                               : %.2f s, %.1f entries/s; goal: at most %.0f s\n",
		     r->verifying, n / r->verifying, GOAL);
}

enum rc measure_audit(const struct settings *s, struct err *e)
{
	struct audit_report report;
	struct run r = {0};
	enum rc rc = run_make(&r, e);

	(void)s;
	for (unsigned i = 0; i < ENTRIES / PIECE && rc == RC_OK; i++) {
		make_entries(&r);
		rc = make_checkpoint(&r, e);
		if (rc == RC_OK)
			rc = verify(&r, e);
	}
	if (rc == RC_OK)
		rc = audit_verifier_end(r.verifier, &report, e);
	if (rc == RC_OK)
		print(&r, &report);
	run_clear(&r);
	return rc;
}
