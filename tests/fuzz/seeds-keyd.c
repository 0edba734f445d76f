/* seeds-keyd FOLDER: writes the corpus of fuzz-keyd anew, after make-token.bash. */
#include "base/file.h"
#include "base/num.h"
#include "itl/trust.h"
#include "keyd-world.h"
#include "support/ca.h"
#include "x509/x509.h"
#include <string.h>

#define FRONT 1u
#define TVS 2u
#define ADMIN 3u
#define ROOT 4u
#define TICKET (1u << 3)
#define ANOTHERS (2u << 3)
#define OTHER (3u << 3)
#define MEMFD 32u
#define OTHER_OP (OTHER | 64u)

static uint8_t input[64u << 10], body[48u << 10], list[8u << 10];
static size_t list_n;
static struct writer in, b;
static const char *folder;

static void seed(char mode)
{
	in = writer_of(input, sizeof input);
	write_u8(&in, (uint8_t)mode);
}

static void begin(void)
{
	b = writer_of(body, sizeof body);
}

/* The ticket's place, and the uid behind it. */
static void begin_ticketed(void)
{
	begin();
	memset(body, 0, KEYD_TICKET_LEN);
	b.n = KEYD_TICKET_LEN;
	write_u32(&b, WORLD_UID);
}

static void begin_own(void)
{
	begin_ticketed();
	b.n = KEYD_TICKET_LEN;
}

static void put(unsigned what, unsigned how)
{
	write_u8(&in, (uint8_t)what);
	write_u8(&in, (uint8_t)how);
	write_bytes16(&in, writer_bytes(&b));
}

static void save(const char *name)
{
	char path[PATH_MAX];
	struct err e;

	if (in.bad || b.bad || file_path(path, sizeof path, folder, name, &e) != RC_OK ||
	    file_replace(path, writer_bytes(&in), 0644, &e) != RC_OK)
		abort();
}

static void fill(uint8_t byte, size_t n)
{
	while (n--)
		write_u8(&b, byte);
}

static struct bytes cert(enum unit unit, const char *node)
{
	struct held_key *k;
	struct err e;

	if (keyring_current(&world.keys, unit, node, &k, &e) != RC_OK)
		abort();
	return bytes_of(k->der, k->der_len);
}

/* n1's own, as keyd signs it. */
static void make_list(void)
{
	static uint8_t out[16u << 10];
	struct conn conn = {.role = ROLE_FRONT};
	struct request q = {.service = &world, .conn = &conn, .what = KEYD_ITL, .fd = -1,
			    .out = writer_of(out, sizeof out)};
	struct reader answer;
	struct bytes got;
	struct err e;

	begin();
	write_text(&b, "n1");
	write_u32(&b, 1393439067);
	q.in = reader_of(writer_bytes(&b));
	if (request_handle(&q, &e) != RC_OK)
		abort();
	answer = reader_of(writer_bytes(&q.out));
	got = read_bytes32(&answer);
	memcpy(list, got.p, got.n);
	list_n = got.n;
}

/* ---- the seeds ---- */

static void questions(void)
{
	static const uint8_t what[] = {KEYD_STATUS, KEYD_SALT, KEYD_SECURITY_SALT};

	seed('1');
	for (size_t i = 0; i < COUNT_OF(what); i++) {
		begin();
		put(what[i], ADMIN);
	}
	begin();
	write_u32(&b, 2);
	put(KEYD_KEYS, TVS);
	put(KEYD_INCOMPLETE, FRONT);
	save("questions");
	seed('1');
	begin();
	fill(WORLD_CLAIM, KEYD_CLAIM_LEN);
	write_u32(&b, WORLD_UID);
	put(KEYD_PROOF, FRONT);
	put(KEYD_PROOF, FRONT);
	begin();
	write_u8(&b, UNIT_TVS);
	write_text(&b, "n2");
	put(KEYD_CSR_SHOW, FRONT);
	begin();
	write_text(&b, "event");
	write_text(&b, "what=\"front says\"");
	put(KEYD_NOTE, FRONT);
	save("front-asks");
}

static void routine(void)
{
	seed('0');
	begin();
	write_text(&b, "n2");
	write_u32(&b, 1393439067);
	put(KEYD_ITL, FRONT);
	save("itl");
	for (int large = 0; large <= 1; large++) {
		seed('0');
		begin();
		write_text(&b, "n1");
		write_text(&b, "SEP001122334455.cnf.xml");
		write_u8(&b, large ? 3 : 1);
		write_u32(&b, 1393439067);
		if (!large)
			write_bytes32(&b, bytes_of_text("<device/>\n"));
		put(KEYD_SGN, FRONT | (large ? MEMFD : 0));
		save(large ? "sgn-memfd" : "sgn");
	}
}

static void lists(void)
{
	static const struct {
		const char *name;
		unsigned what, how;
		uint8_t remote;
	} rows[] = {
		{"reset", KEYD_RESET, FRONT | TICKET, 0},
		{"reset-remote", KEYD_RESET, FRONT | TICKET, 1},
		{"preview", KEYD_PREVIEW, FRONT | TICKET, 0},
		{"reset-of-another", KEYD_RESET, FRONT | ANOTHERS, 0},
		{"reset-for-other", KEYD_RESET, FRONT | OTHER, 0},
		{"reset-for-another-op", KEYD_RESET, FRONT | OTHER_OP, 0},
		{"reset-as-admin", KEYD_RESET, ADMIN | TICKET, 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		seed('1');
		begin_ticketed();
		write_u8(&b, rows[i].remote);
		write_u32(&b, 1393439068);
		write_bytes32(&b, bytes_of(list, list_n));
		put(rows[i].what, rows[i].how);
		save(rows[i].name);
	}
	seed('1');
	begin_ticketed();
	write_u32(&b, 1393439067);
	put(KEYD_CTL, FRONT | TICKET);
	save("ctl");
	seed('1');
	begin_ticketed();
	write_text(&b, "n1");
	fill(7, 20);
	write_text(&b, "n2");
	fill(8, 20);
	put(KEYD_ROLLBACK, FRONT | TICKET);
	save("rollback");
}

/* What an authority made of the pair that waits, and itself. */
static struct bytes issued(void)
{
	const struct x509_subject subject = {.cn = "n2.lab"};
	struct hsm_key CLEANUP(hsm_key_free) *pair = NULL;
	struct ca root = ca_new("root", NULL);
	const struct ca_whim whim = {0};
	EVP_PKEY *any = EVP_RSA_gen(1024);
	static uint8_t out[4096];
	X509_REQ *req = NULL;
	X509 *chain[2];
	struct bytes der;
	struct err e;

	if (hsm_pair_find(NULL, world.waiting.p[0].id, "", &pair, &e) != RC_OK ||
	    x509_request(X509_TVS, &subject, any, any, NULL, &req, &e) != RC_OK)
		abort();
	chain[0] = ca_issue(&root, req, pair->public_key, &whim);
	chain[1] = root.cert;
	der = ca_chain(chain, 2);
	if (der.n > sizeof out)
		abort();
	memcpy(out, der.p, der.n);
	free((void *)(uintptr_t)der.p);
	X509_free(chain[0]);
	X509_REQ_free(req);
	EVP_PKEY_free(any);
	ca_clear(&root);
	return bytes_of(out, der.n);
}

static void cert_import(const char *name, struct bytes certificates)
{
	seed('1');
	begin_ticketed();
	write_u8(&b, UNIT_TVS);
	write_text(&b, "n2");
	write_bytes32(&b, certificates);
	put(KEYD_CERT_IMPORT, FRONT | TICKET);
	save(name);
}

static void keys(void)
{
	static const struct {
		const char *name;
		unsigned what;
		uint8_t unit;
		const char *node;
	} rows[] = {
		{"generate", KEYD_GENERATE, UNIT_CALLMANAGER, "n1"},
		{"generate-recovery", KEYD_GENERATE, UNIT_ITLRECOVERY, ""},
		{"csr", KEYD_CSR, UNIT_CAPF, ""},
		{"csr-again", KEYD_CSR, UNIT_TVS, "n2"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		seed('1');
		begin_ticketed();
		write_u8(&b, rows[i].unit);
		write_text(&b, rows[i].node);
		put(rows[i].what, FRONT | TICKET);
		save(rows[i].name);
	}
	cert_import("cert-import", issued());
	cert_import("cert-import-of-another-key", cert(UNIT_TVS, "n2"));
	seed('1');
	begin_ticketed();
	write_text(&b, "CAPF/t/1");
	put(KEYD_REMOVE, FRONT | TICKET);
	save("remove");
	seed('1');
	begin_own();
	fill(9, HSM_ID_LEN); /* the ninth of the token's is the half */
	write_u8(&b, 1);
	put(KEYD_TIDY, ADMIN | TICKET);
	save("tidy");
}

/* A key from elsewhere. */
static struct bytes new_cert(void)
{
	static uint8_t der[2048];
	const struct x509_subject subject = {.cn = "CAPF-elsewhere"};
	EVP_PKEY *key = EVP_RSA_gen(1024);
	uint8_t *p = der;
	X509 *x = NULL;
	struct err e;
	int n;

	if (x509_self_sign(X509_CAPF, &subject, key, key, NULL, "SHA1", 1393439067, 20, &x,
			   &e) != RC_OK)
		abort();
	n = i2d_X509(x, &p);
	X509_free(x);
	EVP_PKEY_free(key);
	return bytes_of(der, num_size(n));
}

static void import(const char *name, struct bytes der, uint8_t wrapped)
{
	seed('1');
	begin_own();
	write_u8(&b, UNIT_CAPF);
	write_text(&b, "");
	write_u8(&b, 1);
	fill(3, WRAPPED_KEK_LEN + WRAPPED_IV_LEN);
	write_u32(&b, 4);
	fill(wrapped, 4);
	write_bytes32(&b, der);
	put(KEYD_IMPORT, ADMIN | TICKET);
	begin();
	write_u32(&b, 0);
	put(KEYD_KEYS, ADMIN);
	save(name);
}

static void recovery(void)
{
	seed('1');
	begin_own();
	fill(WORLD_DERIVED, KEYD_DERIVED_LEN);
	fill(2, WRAPPED_KEK_LEN + WRAPPED_IV_LEN);
	put(KEYD_EXPORT, ADMIN | TICKET);
	begin_own();
	put(KEYD_SEAL, ADMIN | TICKET);
	save("export-seal");
	seed('1');
	begin_own();
	write_u8(&b, 1);
	fill(WORLD_DERIVED, KEYD_DERIVED_LEN);
	fill(3, KEYD_CLAIM_LEN + WRAPPED_KEK_LEN + WRAPPED_IV_LEN);
	write_u32(&b, 4);
	fill(4, 4);
	write_bytes32(&b, cert(UNIT_ITLRECOVERY, NULL));
	put(KEYD_PROVE, ADMIN | TICKET);
	save("prove");
	import("import", new_cert(), 4);
	import("import-damaged", new_cert(), 5);
	import("import-of-another-unit", cert(UNIT_AUDIT, NULL), 4);
	import("import-present", cert(UNIT_CAPF, NULL), 4);
}

static void trust(const char *name, unsigned how, struct bytes der, uint32_t roles)
{
	seed('1');
	begin_ticketed();
	write_u32(&b, 1763900000);
	write_text(&b, "added=1");
	write_u32(&b, 1);
	write_u32(&b, roles);
	write_u32(&b, TRUST_TTL);
	write_bytes32(&b, der);
	put(KEYD_TRUST, how);
	save(name);
}

static void trusts(void)
{
	const uint32_t roles = TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP);

	trust("trust", FRONT | TICKET, new_cert(), roles);
	trust("trust-no-role", FRONT | TICKET, new_cert(), 0);
	trust("trust-own", FRONT | TICKET, cert(UNIT_TVS, "n2"), roles);
	trust("trust-other-ticket", FRONT | OTHER, new_cert(), roles);
	trust("trust-tvs-asks", TVS | TICKET, new_cert(), roles);
}

static void passwords(void)
{
	static const struct {
		const char *name;
		char mode;
		uint8_t old, derived;
		unsigned how;
	} rows[] = {
		{"password", '1', 1, WORLD_DERIVED, ADMIN},
		{"password-wrong", '1', 1, 0, ADMIN},
		{"password-root", '1', 0, 0, ADMIN | ROOT},
		{"password-first", '0', 0, 0, ADMIN},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		seed(rows[i].mode);
		for (int security = 0; security <= 1; security++) {
			if (security)
				begin_own();
			else
				begin();
			write_u8(&b, rows[i].old);
			fill(rows[i].derived, KEYD_DERIVED_LEN);
			fill(5, KEYD_SALT_LEN);
			write_u64(&b, 3);
			write_u64(&b, 64u << 20);
			fill(WORLD_DERIVED, KEYD_DERIVED_LEN);
			put(security ? KEYD_SECURITY : KEYD_PASSWORD, rows[i].how | TICKET);
		}
		save(rows[i].name);
	}
	seed('1');
	begin();
	write_u8(&b, KEYD_OP_SEAL);
	fill(0x11, 32);
	fill(WORLD_DERIVED, KEYD_DERIVED_LEN);
	put(KEYD_TICKET, ADMIN);
	save("ticket");
	seed('1');
	begin_own();
	write_text(&b, "op=x node=n1 overrode=\"y\"");
	put(KEYD_OVERRIDE, ADMIN | TICKET);
	begin_ticketed();
	write_text(&b, "op=x node=n1 overrode=\"y\"");
	put(KEYD_OVERRIDE, FRONT | TICKET);
	save("override");
}

/* A block of 128 bytes for TLS 1.2; `byte` in its middle. */
static void padding(const char *name, uint8_t byte, uint8_t minor)
{
	seed('T');
	write_u8(&in, 0);
	write_u8(&in, 3);
	write_bytes(&in, bytes_of("\x00\x02", 2));
	for (int i = 0; i < 128 - 2 - 49; i++)
		write_u8(&in, i == 40 ? byte : 0xff);
	write_bytes(&in, bytes_of("\x00\x03", 2));
	write_u8(&in, minor);
	for (int i = 0; i < 46; i++)
		write_u8(&in, 0x66);
	save(name);
}

static void tls(void)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";

	for (int verify = 0; verify <= 1; verify++) {
		seed('0');
		begin();
		write_text(&b, "TVS/n1/1");
		write_text(&b, "SHA256");
		write_u8(&b, (uint8_t)verify);
		write_u32(&b, verify ? 64 + sizeof context + 32 : 64 + 4 + 65);
		fill(0x20, 64);
		if (verify) {
			write_bytes(&b, bytes_of(context, sizeof context));
			fill(1, 32);
		} else {
			write_bytes(&b, bytes_of("\x03\x00\x17\x41\x04", 5));
			fill(1, 64);
		}
		put(KEYD_TLS_SIGN, TVS);
		save(verify ? "tls-verify" : "tls-ecdhe");
		/* the same message to the functions themselves */
		seed('T');
		write_u8(&in, 1);
		write_u8(&in, (uint8_t)verify);
		write_bytes(&in, bytes_of(body + 2 + 8 + 2 + 6 + 1 + 4, b.n - 23));
		save(verify ? "shape-verify" : "shape-ecdhe");
	}
	seed('0');
	begin();
	write_text(&b, "TVS/n2/1");
	write_u16(&b, 0x0303);
	write_u32(&b, 128);
	fill(6, 128);
	put(KEYD_TLS_DECRYPT, TVS);
	save("tls-decrypt");
	padding("shape-padding", 0xff, 3);
	padding("shape-padding-zero", 0, 3);
	padding("shape-padding-version", 0xff, 2);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	folder = argv[1];
	world_start(true);
	make_list();
	questions();
	routine();
	lists();
	keys();
	recovery();
	passwords();
	trusts();
	tls();
	return 0;
}
