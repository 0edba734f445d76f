/* A distinguished name as lists spell it, whatever its parts are encoded in. */
#include "support/support.h"
#include "base/num.h"
#include "itl/itl.h"
#include <string.h>

#define PARTS_MAX 40

static const struct {
	struct {
		const char *field;
		int type;
		const char *value;
		int n;
	} parts[4];
	const char *want; /* NULL: refused */
} rows[] = {
	/* The format's order, not the certificate's. */
	{{{"C", V_ASN1_PRINTABLESTRING, "US", 2}, {"O", V_ASN1_UTF8STRING, "cisco", 5},
	  {"CN", V_ASN1_UTF8STRING, "pub", 3}},
	 "CN=pub;O=cisco;C=US"},
	/* Of the same kind, the certificate's. */
	{{{"OU", V_ASN1_UTF8STRING, "b", 1}, {"CN", V_ASN1_UTF8STRING, "x", 1},
	  {"OU", V_ASN1_UTF8STRING, "a", 1}},
	 "CN=x;OU=b;OU=a"},
	/* What the format has no label for is left out. */
	{{{"CN", V_ASN1_UTF8STRING, "x", 1}, {"serialNumber", V_ASN1_PRINTABLESTRING, "7", 1}},
	 "CN=x"},
	{{{"CN", V_ASN1_UTF8STRING, "M\xc3\xbcller", 7}}, "CN=M\xc3\xbcller"},
	{{{"CN", V_ASN1_T61STRING, "M\xfcller", 6}}, "CN=M\xc3\xbcller"},
	{{{"CN", V_ASN1_IA5STRING, "ia5", 3}}, "CN=ia5"},
	{{{"CN", V_ASN1_BMPSTRING, "\0b\0m", 4}}, "CN=bm"},
	{{{"CN", V_ASN1_BMPSTRING, "bm", 2}}, "CN=\xe6\x89\xad"},
	{{{"CN", V_ASN1_UTF8STRING, "a\tb", 3}}, "CN=a\tb"},
	{{{"CN", V_ASN1_UTF8STRING, "a\x7f", 2}}, "CN=a\x7f"},
	{{{"CN", V_ASN1_UTF8STRING, "a\0b", 3}}, NULL},
	{{{"CN", V_ASN1_UTF8STRING, "a\xff", 2}}, NULL}, /* is no UTF-8 */
	{{{"CN", V_ASN1_UTF8STRING, "ok", 2}, {"O", V_ASN1_BMPSTRING, "odd", 3}}, NULL},
	{{{NULL, 0, NULL, 0}}, ""},
};

/* As it comes in a certificate: nothing is checked. */
static void add(X509_NAME *name, const char *field, int type, const char *value, int n)
{
	ASN1_STRING *text;

	assert_int_equal(X509_NAME_add_entry_by_txt(name, field, V_ASN1_UTF8STRING,
						    (const unsigned char *)"x", 1, -1, 0),
			 1);
	text = X509_NAME_ENTRY_get_data(
		X509_NAME_get_entry(name, X509_NAME_entry_count(name) - 1));
	assert_int_equal(ASN1_STRING_set(text, value, n), 1);
	text->type = type;
}

static void names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509_NAME *name = X509_NAME_new();
		char text[ITL_MAX_NAME] = "";
		struct err e;
		size_t n = 0;
		enum rc rc;

		for (size_t p = 0; p < COUNT_OF(rows[i].parts) && rows[i].parts[p].field; p++)
			add(name, rows[i].parts[p].field, rows[i].parts[p].type,
			    rows[i].parts[p].value, rows[i].parts[p].n);
		rc = itl_name(name, text, &n, &e);
		if (!rows[i].want ? rc != RC_ERROR
				  : rc != RC_OK || n != strlen(rows[i].want) + 1 ||
					    strcmp(text, rows[i].want) != 0)
			fail_msg("row %zu: rc %d, \"%s\"", i, rc, text);
		X509_NAME_free(name);
	}
}

static void too_many_parts(void **state)
{
	X509_NAME *name = X509_NAME_new();
	char text[ITL_MAX_NAME];
	struct err e;
	size_t n;

	(void)state;
	for (int i = 0; i < PARTS_MAX; i++) {
		enum rc rc = itl_name(name, text, &n, &e);

		if (rc != (i <= 32 ? RC_OK : RC_ERROR))
			fail_msg("%d parts: rc %d", i, rc);
		add(name, "OU", V_ASN1_UTF8STRING, "a", 1);
	}
	X509_NAME_free(name);
}

static void too_long(void **state)
{
	X509_NAME *name = X509_NAME_new();
	char text[ITL_MAX_NAME], value[ITL_MAX_NAME];
	struct err e;
	size_t n;

	(void)state;
	memset(value, 'v', sizeof value);
	add(name, "O", V_ASN1_UTF8STRING, value, ITL_MAX_NAME - 3); /* "O=", NUL */
	assert_ok(itl_name(name, text, &n, &e), &e);
	assert_int_equal(n, ITL_MAX_NAME);
	add(name, "OU", V_ASN1_UTF8STRING, "a", 1);
	assert_int_equal(itl_name(name, text, &n, &e), RC_ERROR);
	X509_NAME_free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(too_many_parts),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
