#include "tls.h"
#include "base/num.h"
#include <string.h>

static bool is_verify_of_tls13(const char *digest, bool pss, struct bytes m)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	static const struct {
		const char *digest;
		size_t transcripts[2]; /* the cipher suite's hash, not the signature's */
	} rows[] = {{"SHA256", {32, 48}}, {"SHA384", {32, 48}}, {"SHA512", {32, 48}}};
	size_t fixed = 64 + sizeof context; /* its NUL is the separator */

	if (!pss || m.n < fixed)
		return false;
	for (size_t i = 0; i < 64; i++)
		if (m.p[i] != 0x20)
			return false;
	if (memcmp(m.p + 64, context, sizeof context) != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (!strcmp(rows[i].digest, digest))
			return m.n - fixed == rows[i].transcripts[0] ||
			       m.n - fixed == rows[i].transcripts[1];
	return false;
}

static bool is_ecdhe_params(const char *digest, bool pss, struct bytes m)
{
	static const struct {
		uint16_t curve;
		uint8_t point;
		uint8_t form; /* first byte of the point; 0: any */
	} curves[] = {
		{23, 65, 4}, {24, 97, 4}, {25, 133, 4}, {29, 32, 0}, {30, 56, 0},
	};
	static const char *const digests[] = {"SHA1", "SHA256", "SHA384",
					      "SHA512", "MD5-SHA1"};
	struct reader r = reader_of(m);
	bool known = false;
	uint8_t type, length;
	uint16_t curve;
	struct bytes point;

	for (size_t i = 0; i < COUNT_OF(digests); i++)
		known |= !strcmp(digests[i], digest);
	if (!known || (pss && !strcmp(digest, "MD5-SHA1")))
		return false;
	(void)read_bytes(&r, 64);
	type = read_u8(&r);
	curve = read_u16(&r);
	length = read_u8(&r);
	point = read_bytes(&r, length);
	if (!reader_done(&r) || type != 3)
		return false;
	for (size_t i = 0; i < COUNT_OF(curves); i++)
		if (curves[i].curve == curve)
			return point.n == curves[i].point &&
			       (!curves[i].form || point.p[0] == curves[i].form);
	return false;
}

bool tls_message_fits(const char *digest, bool pss, struct bytes m)
{
	return is_verify_of_tls13(digest, pss, m) ||
	       is_ecdhe_params(digest, pss, m);
}

/* All ones if x is 0, for x below 2^31. */
static unsigned is_zero(unsigned x)
{
	return 0u - ((~x & (x - 1)) >> 31);
}

void tls_unpad(struct bytes block, unsigned client_version,
	       const uint8_t random[KEYD_PREMASTER_LEN],
	       uint8_t out[KEYD_PREMASTER_LEN])
{
	const uint8_t *em = block.p;
	size_t separator = block.n - KEYD_PREMASTER_LEN - 1;
	const uint8_t *secret = em + separator + 1;
	unsigned good = is_zero(em[0]) & is_zero(em[1] ^ 2u) &
			is_zero(em[separator]);

	/* The premaster has exactly 48 bytes, so the separator's place is known
	 * and every byte is looked at, whatever is found. */
	for (size_t i = 2; i < separator; i++)
		good &= ~is_zero(em[i]);
	good &= is_zero(((unsigned)secret[0] << 8 | secret[1]) ^ client_version);
	for (size_t i = 0; i < KEYD_PREMASTER_LEN; i++)
		out[i] = (uint8_t)((secret[i] & good) | (random[i] & ~good));
}
