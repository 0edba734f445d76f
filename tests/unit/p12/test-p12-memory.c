/*
 * What is left in this process's memory after a backup and a restore: neither the
 * password nor the private key. Both are made by other programs, so that this one
 * has them from the boxes alone.
 */
#include "support/softhsm.h"
#include "base/file.h"
#include "envelope/envelope.h"
#include "p12/p12.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0 /* clang's */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SCANS false /* the sanitizer maps terabytes */
#else
#define SCANS true
/* Nothing freed is used again, in OpenSSL neither: what was not zeroed is seen. */
void free(void *p)
{
	(void)p;
}
#endif

/* The key, its certificate, a password, and the patterns to look for: the password
 * in UTF-8 and as PKCS#12 has it, the primes as DER and as big numbers have them. */
static const char make[] =
	"import base64, datetime, os\n"
	"from cryptography import x509\n"
	"from cryptography.hazmat.primitives.asymmetric import rsa\n"
	"from cryptography.hazmat.primitives.hashes import SHA256\n"
	"from cryptography.hazmat.primitives.serialization import *\n"
	"key = rsa.generate_private_key(65537, 2048)\n"
	"name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'x')])\n"
	"day = datetime.datetime(2024, 1, 1)\n"
	"cert = x509.CertificateBuilder().subject_name(name).issuer_name(name)"
	".public_key(key.public_key()).serial_number(1).not_valid_before(day)"
	".not_valid_after(day.replace(2040)).sign(key, SHA256())\n"
	"open('key.pem', 'wb').write(key.private_bytes(Encoding.PEM,"
	" PrivateFormat.PKCS8, NoEncryption()))\n"
	"open('cert.pem', 'wb').write(cert.public_bytes(Encoding.PEM))\n"
	"pw = base64.b64encode(os.urandom(24))\n"
	"os.umask(0o077)\n"
	"open('pw', 'wb').write(pw)\n"
	"with open('patterns', 'w') as f:\n"
	"    print('control', b'present in every process'.hex(), file=f)\n"
	"    print('password', pw.hex(), file=f)\n"
	"    print('password-utf16', pw.decode().encode('utf-16-be').hex(), file=f)\n"
	"    for n in 'pq':\n"
	"        b = getattr(key.private_numbers(), n).to_bytes(128, 'big')\n"
	"        print(n, b[8:72].hex(), file=f)\n"
	"        print(n + '-reversed', b[::-1][8:72].hex(), file=f)\n";

static const char control[] = "present in every process";
static char said[65536];

static void must_run(const char *const argv[])
{
	if (support_run(argv, said, sizeof said) != 0)
		fail_msg("%s %s: %s", argv[0], argv[1], said);
}
#define MUST(...) must_run((const char *const[]){__VA_ARGS__, NULL})

static struct secret *read_password(void)
{
	struct secret *s = NULL;
	struct err e;

	assert_ok(secret_read_file("pw", &s, &e), &e);
	return s;
}

static struct p12 *open_file(const char *name, const struct secret *password)
{
	uint8_t CLEANUP_FREE *file = NULL;
	struct p12 *p = NULL;
	size_t n = 0;
	struct err e;

	assert_ok(file_read(name, P12_MAX, &file, &n, &e), &e);
	assert_ok(p12_open(bytes_of(file, n), password, &p, &e), &e);
	return p;
}

/* From their file to ours, into an envelope, and back. */
static void backup_and_restore(const char *name)
{
	struct secret CLEANUP(secret_free) *password = read_password();
	struct p12 CLEANUP(p12_free) *theirs = open_file(name, password);
	struct p12 CLEANUP(p12_free) *ours = NULL;
	struct envelope CLEANUP(envelope_free) *v = NULL;
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	struct envelope_manifest manifest = {.name = "a"};
	uint8_t CLEANUP_FREE *file = NULL;
	uint8_t CLEANUP_FREE *sealed = NULL;
	struct p12_kdf kdf;
	size_t n = 0, sealed_n = 0;
	struct err e;

	assert_ok(p12_begin(password, 10, &kdf, &w, &e), &e);
	w.n = theirs->key.n;
	memcpy(w.bytes, theirs->key.bytes, w.n);
	assert_ok(p12_build(password, &kdf, &w, theirs->cert, "x", &file, &n, &e), &e);
	assert_ok(envelope_seal(password, &envelope_minimum, &manifest, bytes_of(file, n),
				NULL, 0, &sealed, &sealed_n, &e),
		  &e);
	assert_ok(envelope_open(bytes_of(sealed, sealed_n), password, &v, &e), &e);
	assert_ok(p12_open(v->p12, password, &ours, &e), &e);
}

static int scan(void)
{
	char pid[32];

	(void)snprintf(pid, sizeof pid, "%d", getpid());
	return support_run((const char *const[]){MEMSCAN, "patterns", pid, NULL}, said,
			   sizeof said);
}

static void leaves_no_secret(void **state)
{
	char *dir = support_tmpdir();
	struct err e;

	(void)state;
	if (!SCANS || geteuid() != 0) {
		support_tmpdir_remove(dir);
		skip();
	}
	assert_int_equal(chdir(dir), 0);
	assert_ok(file_replace("make.py", bytes_of_text(make), 0600, &e), &e);
	MUST("/usr/bin/python3", "make.py");
	MUST("openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-legacy",
	     "-passout", "file:pw", "-out", "legacy.p12");
	MUST("openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-keypbe",
	     "AES-128-CBC", "-passout", "file:pw", "-out", "aes128.p12");
	assert_int_equal(strlen(control), 24);

	struct secret *held = read_password();

	assert_int_equal(scan(), 1); /* where a password is, one is found */
	assert_non_null(strstr(said, "found password in"));
	secret_free(held);
	backup_and_restore("legacy.p12");
	backup_and_restore("aes128.p12");
	if (scan() != 0)
		fail_msg("%s", said);
	assert_int_equal(chdir("/"), 0);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
