#include "support/support.h"
#include "base/num.h"
#include "hsm/token.h"
#include <stdio.h>
#include <string.h>

static const struct {
	const char *uri;
	const char *says; /* a part of the message; NULL: good */
} rows[] = {
	{"pkcs11:", NULL},
	{"pkcs11:token=a", NULL},
	{"pkcs11:token=prod%20a", NULL},
	{"pkcs11:token=a;serial=1234;model=m;manufacturer=x", NULL},
	{"pkcs11:token=a;slot-id=3", NULL},
	{"pkcs11:library-manufacturer=SoftHSM;token=a", NULL},
	{"pkcs11:library-version=2.6;slot-description=d;slot-manufacturer=m",
	 NULL},
	{"", "begin with pkcs11:"},
	{"token=a", "begin with pkcs11:"},
	{"PKCS11:token=a", "begin with pkcs11:"},
	{" pkcs11:token=a", "begin with pkcs11:"},
	{"/usr/lib/softhsm/libsofthsm2.so", "begin with pkcs11:"},
	{"pkcs11:token", "no value"},
	{"pkcs11:token=a;", "separator"},
	{"pkcs11:;token=a", "no value"},
	{"pkcs11:token=a;;serial=1", "no value"},
	{"pkcs11:=a", "unknown"},
	{"pkcs11:tokn=a", "\"tokn\""},
	{"pkcs11:Token=a", "unknown"},
	{"pkcs11:tok%65n=a", "unknown"},
	{"pkcs11:x-vendor=1", "\"x-vendor\""},
	{"pkcs11:to ken=a", "blank"},
	{"pkcs11:token=a\n", "blank"},
	{"pkcs11:token=\xc3\xa4", "non-ASCII"},
	{"pkcs11:token=%zz", "on the URI"},
	{"pkcs11:token=a;token=a", "\"token\": the attribute stands twice"},
	{"pkcs11:serial=1;token=a;serial=2", "\"serial\""},
	{"pkcs11:token=123456789012345678901234567890123", "too long"},
	{"pkcs11:serial=12345678901234567", "too long"},
	{"pkcs11:slot-id=3", "slots change their numbers"},
	{"pkcs11:serial=1;slot-id=3", "slots change their numbers"},
	{"pkcs11:token=a;slot-id=x", "on the URI"},
	{"pkcs11:token=a;object=k", "CKA_ID"},
	{"pkcs11:token=a;id=%01", "CKA_ID"},
	{"pkcs11:token=a;type=private", "CKA_ID"},
	{"pkcs11:token=a;pin-value=s3cr3t", "\"pin-value\""},
	{"pkcs11:token=a?pin-value=s3cr3t", "\"pin-value\""},
	{"pkcs11:pin-value=s3cr3t", "\"pin-value\""},
	{"pkcs11:token=a?x=1&pin-value=s3cr3t", "unknown"},
	{"pkcs11:token=a?pin-source=file:/s3cr3t", "\"pin-source\""},
	{"pkcs11:token=a?pinfile=/s3cr3t", "\"pinfile\""},
	{"pkcs11:token=a?module-path=/x.so", "\"module-path\""},
	{"pkcs11:token=a?module-name=x", "\"module-name\""},
	{"pkcs11:token=a?token=a", "twice"},
	{"pkcs11:token=a?serial=1", "no query"},
	{"pkcs11:token=a?", "no query"},
};

static void test_uris(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e = {0};
		enum rc rc = hsm_uri_check(rows[i].uri, &e);
		char text[1200];

		err_text(&e, text, sizeof text);
		if (rc != (rows[i].says ? RC_USAGE : RC_OK))
			fail_msg("%s: %s: %s", rows[i].uri, rc_name(rc), text);
		if (rows[i].says && !strstr(text, rows[i].says))
			fail_msg("%s: no \"%s\" in: %s", rows[i].uri,
				 rows[i].says, text);
		/* A PIN is never repeated. */
		assert_null(strstr(text, "s3cr3t"));
	}
}

static void test_long_uri(void **state)
{
	char uri[3000] = "pkcs11:token=";
	struct err e;

	(void)state;
	memset(uri + strlen(uri), 'a', 2000);
	assert_int_equal(hsm_uri_check(uri, &e), RC_USAGE);
	assert_non_null(strstr(e.why, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_long_uri),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
