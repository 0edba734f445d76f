/*
 * Other people's programs: all of them open our files and give back the very key,
 * none does with a wrong password; and we read what they write.
 */
#include "make.h"
#include "base/file.h"
#include "base/num.h"
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Latin, Cyrillic, a euro sign, and a treble clef, which is beyond the BMP. */
#define OTHER_SCRIPTS "P\xc3\xa4ssword \xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 \xe2\x82\xac \xf0\x9d\x84\x9e"
#define PYTHON "/usr/bin/python3"     /* Debian's, which has its packages */

static struct party party;
static char *dir;

static void put(const char *name, struct bytes content)
{
	struct err e;

	assert_ok(file_replace(name, content, 0600, &e), &e);
}

static void put_text(const char *name, const char *text)
{
	put(name, bytes_of_text(text));
}

static struct bytes get(const char *name)
{
	uint8_t *p = NULL;
	size_t n = 0;
	struct err e;

	assert_ok(file_read(name, P12_MAX, &p, &n, &e), &e);
	return bytes_of(p, n);
}

static void put_pem(void)
{
	BIO *key = BIO_new_file("key.pem", "w"), *cert = BIO_new_file("cert.pem", "w");

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(key, party.key, NULL, NULL, 0, NULL,
						       NULL),
			 1);
	assert_int_equal(PEM_write_bio_X509(cert, party.cert), 1);
	BIO_free(key);
	BIO_free(cert);
}

static int setup(void **state)
{
	(void)state;
	party = party_make(2048);
	dir = support_tmpdir();
	assert_int_equal(chdir(dir), 0);
	put_pem();
	put_text("open.py",
		 "import sys\n"
		 "from cryptography.hazmat.primitives.serialization import *\n"
		 "from cryptography.hazmat.primitives.serialization.pkcs12 import *\n"
		 "pw = open('pw', 'rb').read()\n"
		 "key, cert, more = load_key_and_certificates(\n"
		 "    open('ours.p12', 'rb').read(), pw)\n"
		 "assert not more\n"
		 "open('out.pem', 'wb').write(key.private_bytes(\n"
		 "    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) +\n"
		 "    cert.public_bytes(Encoding.PEM))\n");
	put_text("make.py",
		 "import sys\n"
		 "from cryptography.x509 import load_pem_x509_certificate\n"
		 "from cryptography.hazmat.primitives.hashes import *\n"
		 "from cryptography.hazmat.primitives.serialization import *\n"
		 "from cryptography.hazmat.primitives.serialization.pkcs12 import *\n"
		 "pw = open('pw', 'rb').read()\n"
		 "key = load_pem_private_key(open('key.pem', 'rb').read(), None)\n"
		 "cert = load_pem_x509_certificate(open('cert.pem', 'rb').read())\n"
		 "how = BestAvailableEncryption(pw)\n"
		 "if len(sys.argv) > 1:\n"
		 "    how = (PrivateFormat.PKCS12.encryption_builder().kdf_rounds(50)\n"
		 "        .key_cert_algorithm(getattr(PBES, sys.argv[1]))\n"
		 "        .hmac_hash(SHA1()).build(pw))\n"
		 "open('theirs.p12', 'wb').write(serialize_key_and_certificates(\n"
		 "    b'" FRIENDLY "', key, cert, None, how))\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	party_clear(&party);
	assert_int_equal(chdir("/"), 0);
	support_tmpdir_remove(dir);
	return 0;
}

#define RUN(...) support_run((const char *const[]){__VA_ARGS__, NULL}, said, sizeof said)
static char said[65536];

static void must_run(const char *const argv[])
{
	if (support_run(argv, said, sizeof said) != 0)
		fail_msg("%s %s: %s", argv[0], argv[1], said);
}
#define MUST(...) must_run((const char *const[]){__VA_ARGS__, NULL})

/* ---- ours, opened by others ---- */

static int openssl_opens(const char *password)
{
	(void)password;
	return RUN("openssl", "pkcs12", "-in", "ours.p12", "-passin", "file:pw", "-nodes",
		   "-out", "out.pem");
}

static int python_opens(const char *password)
{
	(void)password;
	return RUN(PYTHON, "open.py");
}

static int gnutls_opens(const char *password)
{
	if (RUN("certtool", "--p12-info", "--inder", "--infile", "ours.p12", "--password",
		password, "--outfile", "info.pem") != 0)
		return 1;
	MUST("sh", "-c", "sed -n '/-BEGIN CERT/,/-END CERT/p' info.pem >out.pem");
	MUST("certtool", "--key-info", "--pkcs8", "--infile", "info.pem", "--password",
	     password, "--outfile", "key-info.pem");
	MUST("sh", "-c", "cat key-info.pem >>out.pem");
	return 0;
}

/* Into a database of its own, and from there to a file that openssl opens. */
static int nss_opens(const char *password)
{
	(void)password;
	MUST("sh", "-c", "rm -rf nss && mkdir nss");
	MUST("certutil", "-N", "-d", "sql:nss", "--empty-password");
	if (RUN("pk12util", "-l", "ours.p12", "-d", "sql:nss", "-w", "pw") != 0)
		return 1;
	MUST("pk12util", "-i", "ours.p12", "-d", "sql:nss", "-w", "pw");
	MUST("pk12util", "-o", "back.p12", "-n", FRIENDLY, "-d", "sql:nss", "-w", "pw");
	MUST("openssl", "pkcs12", "-in", "back.p12", "-passin", "file:pw", "-nodes", "-out",
	     "out.pem");
	return 0;
}

static const struct {
	const char *name;
	int (*opens)(const char *password); /* ours.p12 to out.pem; 0 if it did */
} others[] = {
	{"openssl", openssl_opens},
	{"Python's cryptography", python_opens},
	{"GnuTLS", gnutls_opens},
	{"NSS", nss_opens},
};

static bool is_given_back(void)
{
	BIO *in = BIO_new_file("out.pem", "r");
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	X509 *cert;
	bool same;

	assert_int_equal(BIO_reset(in), 0);
	cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
	same = party_is_key(&party, key) && cert && X509_cmp(cert, party.cert) == 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(in);
	return same;
}

static void others_open_ours(void **state)
{
	static const struct {
		const char *password;
		unsigned iterations;
	} rows[] = {
		{PASSWORD, P12_ITERATIONS},
		{OTHER_SCRIPTS, 1000},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes file = party_file(&party, rows[i].password, rows[i].iterations,
					       FRIENDLY);

		put("ours.p12", file);
		free((void *)(uintptr_t)file.p);
		for (size_t j = 0; j < COUNT_OF(others); j++) {
			(void)unlink("out.pem");
			put_text("pw", rows[i].password);
			if (others[j].opens(rows[i].password) != 0)
				fail_msg("%s does not open it: %s", others[j].name, said);
			if (!is_given_back())
				fail_msg("%s gives another key", others[j].name);
			put_text("pw", WRONG);
			if (others[j].opens(WRONG) == 0)
				fail_msg("%s opens it with a wrong password", others[j].name);
		}
	}
}

/* ---- theirs, opened by us ---- */

#define EXPORT                                                                         \
	"openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-name",    \
		FRIENDLY, "-passout", "file:pw", "-out", "theirs.p12"
#define CERTTOOL                                                                       \
	"certtool", "--to-p12", "--load-privkey", "key.pem", "--load-certificate",         \
		"cert.pem", "--outder", "--outfile", "theirs.p12", "--password", PASSWORD,  \
		"--p12-name", FRIENDLY

static const struct {
	const char *argv[28];
	const char *encryption;
} writers[] = {
	{{EXPORT}, "PBES2 AES-256-CBC"},
	{{EXPORT, "-iter", "1"}, "PBES2 AES-256-CBC"},
	{{EXPORT, "-macalg", "sha1"}, "PBES2 AES-256-CBC"},
	{{EXPORT, "-macalg", "sha512", "-certpbe", "NONE"}, "PBES2 AES-256-CBC"},
	{{EXPORT, "-legacy"}, "PBE-SHA1-3DES"}, /* the certificate: RC2-40 */
	{{EXPORT, "-legacy", "-keypbe", "PBE-SHA1-RC2-40"}, "PBE-SHA1-RC2-40"},
	{{EXPORT, "-legacy", "-keypbe", "PBE-SHA1-RC2-128"}, "PBE-SHA1-RC2-128"},
	{{EXPORT, "-keypbe", "PBE-SHA1-2DES"}, "PBE-SHA1-2DES"},
	{{EXPORT, "-keypbe", "AES-128-CBC", "-certpbe", "AES-128-CBC"}, "PBES2 AES-128-CBC"},
	{{EXPORT, "-keypbe", "AES-192-CBC"}, "PBES2 AES-192-CBC"},
	{{EXPORT, "-keypbe", "DES-EDE3-CBC"}, "PBES2 3DES-CBC"},
	{{PYTHON, "make.py"}, "PBES2 AES-256-CBC"},
	{{PYTHON, "make.py", "PBESv1SHA1And3KeyTripleDESCBC"}, "PBE-SHA1-3DES"},
	{{CERTTOOL}, "PBES2 AES-128-CBC"},
	{{CERTTOOL, "--pkcs-cipher", "aes-256"}, "PBES2 AES-256-CBC"},
	{{CERTTOOL, "--pkcs-cipher", "3des"}, "PBES2 3DES-CBC"},
};

static void check_theirs(const char *name, const char *encryption, const char *password)
{
	struct bytes file = get(name);
	struct p12 *p = must_open(file, password);

	assert_string_equal(p->encryption, encryption);
	assert_int_equal(p->converted, strcmp(encryption, "PBES2 AES-256-CBC") != 0);
	assert_int_equal(X509_cmp(p->cert, party.cert), 0);
	assert_true(party_is_wrapped(&party, &p->key));
	p12_free(p);
	free((void *)(uintptr_t)file.p);
}

static void we_open_theirs(void **state)
{
	(void)state;
	put_text("pw", PASSWORD);
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		(void)unlink("theirs.p12");
		must_run(writers[i].argv);
		check_theirs("theirs.p12", writers[i].encryption, PASSWORD);
	}
}

static void their_other_scripts(void **state)
{
	static const char *const rows[][20] = {
		{EXPORT}, {EXPORT, "-legacy"}, {PYTHON, "make.py"}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		put_text("pw", OTHER_SCRIPTS);
		must_run(rows[i]);
		check_theirs("theirs.p12", i == 1 ? "PBE-SHA1-3DES" : "PBES2 AES-256-CBC",
			     OTHER_SCRIPTS);
	}
}

/* NSS writes indefinite lengths, and the certificate under AES-128-CBC. */
static void we_open_nss(void **state)
{
	struct bytes file = party_file(&party, PASSWORD, 1, FRIENDLY);

	(void)state;
	put("ours.p12", file);
	free((void *)(uintptr_t)file.p);
	put_text("pw", PASSWORD);
	assert_int_equal(nss_opens(PASSWORD), 0);
	check_theirs("back.p12", "PBES2 AES-256-CBC", PASSWORD);
}

static void what_we_refuse_of_theirs(void **state)
{
	static const struct {
		const char *argv[28];
		const char *why;
	} rows[] = {
		{{EXPORT, "-nomac"}, "it has no MAC"},
		{{EXPORT, "-keypbe", "NONE"}, "not encrypted"},
		{{EXPORT, "-nokeys"}, "no private key"},
		{{EXPORT, "-legacy", "-macalg", "md5"}, "MAC is of a kind"},
		{{EXPORT, "-legacy", "-keypbe", "PBE-SHA1-RC4-128"}, "not supported"},
		{{EXPORT, "-keypbe", "AES-256-CFB"}, "cipher is not supported"},
		{{"sh", "-c", "head -c 2000 key.pem >theirs.p12"}, "no PKCS#12 file"},
	};

	(void)state;
	put_text("pw", PASSWORD);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e;

		must_run(rows[i].argv);
		struct bytes file = get("theirs.p12");

		assert_int_not_equal(open_rc(file, PASSWORD, &e), RC_OK);
		if (!strstr(e.why, rows[i].why))
			fail_msg("\"%s\" instead of \"%s\"", e.why, rows[i].why);
		free((void *)(uintptr_t)file.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_open_ours),
		cmocka_unit_test(we_open_theirs),
		cmocka_unit_test(their_other_scripts),
		cmocka_unit_test(we_open_nss),
		cmocka_unit_test(what_we_refuse_of_theirs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
