#include "log.h"
#include "x509/x509.h"
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

static struct auditor all[4];

struct auditor *auditor(unsigned i)
{
	struct auditor *a = &all[i];
	char cn[] = "AUDIT_0";
	struct x509_subject subject = {.cn = cn, .o = "lab"};
	struct err e;
	unsigned len;
	int n;

	if (a->key)
		return a;
	cn[sizeof cn - 2] = (char)('0' + i);
	a->key = EVP_RSA_gen(2048);
	assert_non_null(a->key);
	assert_ok(x509_self_sign(X509_AUDIT, &subject, a->key, a->key, NULL, "SHA256",
				 LOG_TIME, 5, &a->cert, &e), &e);
	n = i2d_X509(a->cert, &a->der);
	assert_true(n > 0);
	a->n = (size_t)n;
	assert_int_equal(X509_digest(a->cert, EVP_sha256(), a->sha256, &len), 1);
	return a;
}

void auditors_free(void)
{
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		EVP_PKEY_free(all[i].key);
		X509_free(all[i].cert);
		OPENSSL_free(all[i].der);
		all[i] = (struct auditor){0};
	}
}

static struct bytes sign(struct auditor *a, const char *text, size_t n,
			 uint8_t to[AUDIT_SIGNATURE_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = AUDIT_SIGNATURE_MAX;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, a->key), 1);
	assert_int_equal(EVP_DigestSign(ctx, to, &len, (const unsigned char *)text, n),
			 1);
	EVP_MD_CTX_free(ctx);
	return bytes_of(to, len);
}

struct log *log_new(void)
{
	struct log *l = calloc(1, sizeof *l);

	assert_non_null(l);
	audit_chain_start(&l->chain);
	return l;
}

struct bytes log_bytes(const struct log *l)
{
	return bytes_of(l->text, l->n);
}

static void added(struct log *l, size_t n)
{
	assert_true(n < AUDIT_LINE_MAX && l->lines < LOG_LINES);
	l->n += n;
	l->at[++l->lines] = l->n;
}

void log_add(struct log *l, const char *detail)
{
	static const uint8_t digest[20] = {0xde, 0xad};
	struct audit_entry entry = {
		.time = LOG_TIME + (int64_t)l->chain.next - 1,
		.who = "front",
		.uid = 991,
		.event = "itl",
		.key = "CallManager/n1/1",
		.digest = bytes_of(digest, sizeof digest),
		.detail = detail,
		.rc = "ok",
	};

	added(l, audit_format(&l->chain, &entry, l->text + l->n));
}

void log_certificate(struct log *l, struct auditor *a, struct auditor *by)
{
	struct audit_certificate c = {.time = LOG_TIME, .uid = 990, .cluster = "lab",
				      .key = "Audit/lab/1",
				      .der = bytes_of(a->der, a->n)};
	uint8_t signature[AUDIT_SIGNATURE_MAX];
	char text[AUDIT_TEXT_MAX];

	if (by) {
		memcpy(c.by, by->sha256, sizeof c.by);
		c.signature = sign(by, text, audit_certificate_text(&c, text),
				   signature);
	}
	added(l, audit_format_certificate(&l->chain, &c, l->text + l->n));
}

void log_checkpoint(struct log *l, struct auditor *a, const struct audit_point *upto,
		    const char *cluster)
{
	struct audit_checkpoint c = {.time = LOG_TIME + 60, .uid = 990,
				     .cluster = cluster, .key = "Audit/lab/1",
				     .upto = upto ? *upto
						  : audit_chain_point(&l->chain)};
	uint8_t signature[AUDIT_SIGNATURE_MAX];
	char text[AUDIT_TEXT_MAX];

	memcpy(c.cert, a->sha256, sizeof c.cert);
	c.signature = sign(a, text, audit_checkpoint_text(&c, text), signature);
	added(l, audit_format_checkpoint(&l->chain, &c, l->text + l->n));
}

void log_forge(struct log *l, size_t i, const char *text)
{
	static const char mark[] = ",\"h\":\"";
	struct log *out = log_new();

	for (size_t k = 0; k < l->lines; k++) {
		const char *line = l->text + l->at[k];
		const char *h = memmem(line, l->at[k + 1] - l->at[k], mark,
				       sizeof mark - 1);
		const char *behind = strstr(line, ",\"t\":");
		char mine[AUDIT_LINE_MAX];
		size_t n;

		if (k == i && !text)
			continue;
		/* its number is that of its new place */
		n = (size_t)snprintf(mine, sizeof mine, "{\"n\":%llu%.*s",
				     (unsigned long long)out->chain.next,
				     k == i ? (int)strlen(text) : (int)(h - behind),
				     k == i ? text : behind);
		memcpy(out->text + out->n, mine, n);
		/* as audit.c does it: the one thing that needs no key */
		{
			uint8_t buf[AUDIT_HASH_LEN + AUDIT_LINE_MAX];
			char hex[AUDIT_HASH_HEX];

			memcpy(buf, out->chain.head, AUDIT_HASH_LEN);
			memcpy(buf + AUDIT_HASH_LEN, mine, n);
			(void)crypto_generichash(out->chain.head, AUDIT_HASH_LEN, buf,
						 AUDIT_HASH_LEN + n, NULL, 0);
			(void)sodium_bin2hex(hex, sizeof hex, out->chain.head,
					     AUDIT_HASH_LEN);
			n += (size_t)sprintf(out->text + out->n + n, "%s%s\"}\n", mark,
					     hex);
		}
		out->chain.next++;
		added(out, n);
	}
	*l = *out;
	free(out);
}
