#include "wrapped/pkcs8.h"
#include <string.h>

enum { INTEGER = 0x02, OCTETS = 0x04, NOTHING = 0x05, OID = 0x06,
       SEQUENCE = 0x30, ATTRIBUTES = 0xa0 };

/* 1.2.840.113549.1.1.1, rsaEncryption */
static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1};

size_t pkcs8_length(const uint8_t head[PKCS8_HEAD])
{
	/* SEQUENCE, two bytes of length; INTEGER 0; SEQUENCE of 11 or 13 bytes (with
	 * a NULL), the OID's begin */
	static const uint8_t version[] = {INTEGER, 1, 0, SEQUENCE};
	size_t n = (size_t)head[2] << 8 | head[3];

	if (head[0] != SEQUENCE || head[1] != 0x82 || n < 256 ||
	    memcmp(head + 4, version, sizeof version) != 0 ||
	    (head[8] != 11 && head[8] != 13) || head[9] != OID ||
	    head[10] != sizeof rsa || memcmp(head + 11, rsa, 5) != 0)
		return 0;
	return 4 + n;
}

/* The contents of the next value, which must have this tag. */
static struct reader open_value(struct reader *r, uint8_t tag)
{
	bool good = read_u8(r) == tag;
	size_t n = read_u8(r);

	if (n == 0x81)
		n = read_u8(r);
	else if (n == 0x82)
		n = read_u16(r);
	else if (n > 0x7f)
		good = false;
	if (!good)
		r->bad = true;
	struct reader inside = reader_of(read_bytes(r, n));

	inside.bad = r->bad;
	return inside;
}

static bool is_zero(struct reader *r)
{
	struct reader value = open_value(r, INTEGER);

	return read_u8(&value) == 0 && reader_done(&value);
}

/* An OID, and with it NULL or nothing. RFC 5208's other algorithms have what they
 * like there. */
static enum pkcs8 read_algorithm(struct reader *r)
{
	struct reader algorithm = open_value(r, SEQUENCE);
	struct reader oid = open_value(&algorithm, OID);

	if (algorithm.bad)
		return PKCS8_NONE;
	if (!bytes_equal(bytes_of(oid.p, oid.n), bytes_of(rsa, sizeof rsa)))
		return PKCS8_OTHER;
	if (reader_left(&algorithm) > 0) {
		struct reader null = open_value(&algorithm, NOTHING);

		if (!reader_done(&null))
			return PKCS8_NONE;
	}
	return reader_done(&algorithm) ? PKCS8_RSA : PKCS8_NONE;
}

/* RSAPrivateKey (RFC 8017 A.1.2): version 0 and the numbers. */
static bool read_rsa_key(struct reader *octets,
			 struct bytes numbers[PKCS8_NUMBERS])
{
	struct reader key = open_value(octets, SEQUENCE);

	if (!reader_done(octets) || !is_zero(&key))
		return false;
	for (int i = 0; i < PKCS8_NUMBERS; i++) {
		struct reader number = open_value(&key, INTEGER);

		if (number.bad || number.n == 0)
			return false;
		numbers[i] = bytes_of(number.p, number.n);
	}
	return reader_done(&key);
}

enum pkcs8 pkcs8_read_numbers(struct bytes der,
			      struct bytes numbers[PKCS8_NUMBERS])
{
	struct reader r = reader_of(der);
	struct reader info = open_value(&r, SEQUENCE);
	enum pkcs8 kind;

	if (!reader_done(&r) || !is_zero(&info))
		return PKCS8_NONE;
	kind = read_algorithm(&info);
	struct reader octets = open_value(&info, OCTETS);

	if (reader_left(&info) > 0) /* attributes, which nobody needs */
		(void)open_value(&info, ATTRIBUTES);
	if (!reader_done(&info))
		return PKCS8_NONE;
	if (kind != PKCS8_RSA)
		return kind;
	return read_rsa_key(&octets, numbers) ? PKCS8_RSA : PKCS8_NONE;
}

enum pkcs8 pkcs8_read(struct bytes der, struct pkcs8_public *out)
{
	struct bytes numbers[PKCS8_NUMBERS];
	enum pkcs8 kind = pkcs8_read_numbers(der, numbers);

	if (kind == PKCS8_RSA && out)
		*out = (struct pkcs8_public){numbers[PKCS8_N], numbers[PKCS8_E]};
	return kind;
}
