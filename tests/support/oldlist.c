/*
 * An ITL as a call manager without a token signs it: from keys and certificates in
 * PEM files.
 *
 *   oldlist OUT SIGNER.pem CALLMANAGER.pem CAPF.pem TVS.pem RECOVERY.pem [OTHER-TVS.pem]
 */
#include "base/file.h"
#include "support/software.h"
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

static X509 *cert_of(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (f)
		(void)fclose(f);
	return cert;
}

static EVP_PKEY *key_of(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f)
		(void)fclose(f);
	return key;
}

int main(int argc, char **argv)
{
	X509 *certs[6] = {0};
	struct itl_entry entries[6];
	uint8_t *list = NULL;
	EVP_PKEY *key = NULL;
	struct itl_plan plan = {.file_name = ITL_FILE,
				.digest = ITL_SHA1,
				.timestamp = (uint32_t)time(NULL),
				.entries = entries};
	struct itl_signer signer;
	struct err e = {0};
	char text[1200];
	size_t n = 0;

	for (int i = 2; i < argc && i < 8; i++)
		if (!(certs[i - 2] = cert_of(argv[i]))) {
			(void)fprintf(stderr, "oldlist: no certificate: %s\n", argv[i]);
			return 2;
		}
	if (argc < 7 || argc > 8 || !(key = key_of(argv[2]))) {
		(void)fprintf(stderr, "usage: oldlist OUT SIGNER CALLMANAGER CAPF TVS RECOVERY [OTHER-TVS]\n");
		return 2;
	}
	signer = software_signer(key);
	plan.signer = certs[0];
	plan.nentries = itl_entries(certs[1], certs[2], certs[3], certs[4], &certs[5],
				    argc == 8, entries);
	if (itl_build(&plan, &signer, &list, &n, &e) != RC_OK ||
	    file_replace(argv[1], bytes_of(list, n), 0644, &e) != RC_OK) {
		(void)fprintf(stderr, "oldlist: %s\n", err_text(&e, text, sizeof text));
		return 1;
	}
	free(list);
	EVP_PKEY_free(key);
	for (size_t i = 0; i < 6; i++)
		X509_free(certs[i]);
	return 0;
}
