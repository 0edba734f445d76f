/*
 * An audit log from a stranger. The first byte says how: as it is, in pieces, or with
 * its lines' numbers and hashes made anew, so that what only a forger reaches is
 * read too: checkpoints, certificates, and lines that lead from file to file.
 */
#include "audit/verify.h"
#include "internal.h"
#include "base/hex.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void verify(struct bytes log, size_t piece)
{
	struct audit_wanted nothing = {0};
	struct audit_verifier *v = audit_verifier_new(&nothing);
	struct audit_report r;
	struct err e;
	enum rc rc = RC_OK;

	if (!v)
		abort();
	for (size_t at = 0; at < log.n && rc == RC_OK; at += piece)
		rc = audit_verifier_feed(v,
					 bytes_of(log.p + at,
						  log.n - at < piece ? log.n - at : piece),
					 &e);
	if (rc != RC_OK && rc != RC_VERIFY)
		abort();
	if (audit_verifier_end(v, &r, &e) != rc || r.covered > r.last ||
	    r.checkpoint > r.last || r.checkpoints > r.entries)
		abort();
	audit_verifier_free(v);
}

/* Each line of the input is what stands between number and hash. */
static void forge(struct bytes input)
{
	static char out[LOG_MAX + 256];
	struct audit_chain c;
	size_t n = 0;

	audit_chain_start(&c);
	for (size_t at = 0; at < input.n;) {
		const uint8_t *line = input.p + at;
		const uint8_t *stop = memchr(line, '\n', input.n - at);
		size_t length = stop ? (size_t)(stop - line) : input.n - at;
		char *text = out + n, hex[AUDIT_HASH_HEX];
		size_t m;

		at += length + 1;
		if (length > 3000 || n + length + 200 > LOG_MAX)
			break;
		m = (size_t)sprintf(text, "{\"n\":%llu,\"t\":1,\"who\":\"",
				    (unsigned long long)c.next);
		memcpy(text + m, line, length);
		m += length;
		audit_chain_hash(c.head, text, m, c.head);
		c.next++;
		n += m + (size_t)sprintf(text + m, HASH_MARK "%s\"}\n",
					 hex_of(bytes_of(c.head, sizeof c.head), hex,
						sizeof hex));
	}
	verify(bytes_of(out, n), LOG_MAX);
}

static void resume(struct bytes tail)
{
	struct audit_chain c = {0};
	size_t torn = 0;
	struct err e;

	if (audit_chain_resume(&c, tail, &torn, &e) == RC_OK && torn > tail.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes log = bytes_of(data + 1, n ? n - 1 : 0);

	if (n == 0 || n > LOG_MAX)
		return 0;
	if (data[0] == 'f')
		forge(log);
	else
		verify(log, data[0] == 'p' ? 7 : LOG_MAX);
	resume(log);
	return 0;
}
