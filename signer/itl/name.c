/* Distinguished names as lists spell them (spec: itl-format, Record, Names). */
#include "base/num.h"
#include "internal.h"
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The format's fixed order. */
static const struct {
	int nid;
	const char *label;
} parts[] = {
	{NID_commonName, "CN"},	  {NID_organizationalUnitName, "OU"},
	{NID_organizationName, "O"}, {NID_localityName, "L"},
	{NID_stateOrProvinceName, "ST"}, {NID_countryName, "C"},
};

#define MAX_ENTRIES 32 /* parts of a name; real ones have six */

static int entry_nid(const X509_NAME_ENTRY *entry)
{
	return OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
}

/* The entry's place in the format's order; COUNT_OF(parts): it has none. */
static size_t rank_of(const X509_NAME_ENTRY *entry)
{
	int nid = entry_nid(entry);
	size_t i = 0;

	while (i < COUNT_OF(parts) && parts[i].nid != nid)
		i++;
	return i;
}

/* The entry's value, if it is ASCII that is UTF-8 as it stands, as nearly all are; else
 * of length 0. */
static struct bytes plain_text(const X509_NAME_ENTRY *entry)
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	struct bytes text = bytes_of(ASN1_STRING_get0_data(value),
				     num_size(ASN1_STRING_length(value)));
	int type = ASN1_STRING_type(value);

	if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING)
		return bytes_of(NULL, 0);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return bytes_of(NULL, 0);
	return text;
}

/* The entry's value in UTF-8, OPENSSL_free() it; NULL if it is no text. */
static uint8_t *entry_text(const X509_NAME_ENTRY *entry, size_t *n)
{
	uint8_t *text = NULL;
	int got = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));

	if (got < 0) {
		ERR_clear_error();
		return NULL;
	}
	*n = (size_t)got;
	return text;
}

static bool put_part(struct writer *w, const char *label, const X509_NAME_ENTRY *entry)
{
	struct bytes text = plain_text(entry);
	uint8_t CLEANUP(openssl_free) *copy = NULL;

	if (!text.n)
		text.p = copy = entry_text(entry, &text.n);
	/* A NUL within would cut the name short for its readers. */
	if (!text.p || memchr(text.p, 0, text.n))
		return false;
	if (w->n)
		write_u8(w, ';');
	write_bytes(w, bytes_of_text(label));
	write_u8(w, '=');
	write_bytes(w, text);
	return true;
}

enum rc itl_name(const X509_NAME *name, char to[ITL_MAX_NAME], size_t *n, struct err *e)
{
	struct writer w = writer_of(to, ITL_MAX_NAME);
	int count = X509_NAME_entry_count(name);
	bool fits = count <= MAX_ENTRIES, ok = true;
	size_t rank[MAX_ENTRIES];

	for (int j = 0; fits && j < count; j++)
		rank[j] = rank_of(X509_NAME_get_entry(name, j));
	for (size_t i = 0; fits && i < COUNT_OF(parts); i++)
		for (int j = 0; j < count; j++)
			if (rank[j] == i)
				ok = ok && put_part(&w, parts[i].label,
						    X509_NAME_get_entry(name, j));
	write_u8(&w, 0);
	if (!fits || !ok || w.bad)
		return err_set(e, RC_ERROR, "write name",
			       ok ? "longer than a list's names can be"
				  : "a part of it is no text",
			       "make the certificate with another subject", "a certificate");
	*n = w.n;
	return RC_OK;
}

/* Takes `want` from the front of *text; letters' case matters unless `fold`. */
static bool take(struct bytes *text, struct bytes want, bool fold)
{
	if (text->n < want.n)
		return false;
	if (fold ? strncasecmp((const char *)text->p, (const char *)want.p, want.n) != 0
		 : want.n && memcmp(text->p, want.p, want.n) != 0)
		return false;
	*text = bytes_of(text->p + want.n, text->n - want.n);
	return true;
}

static bool at_separator(struct bytes text)
{
	return text.n == 0 || text.p[0] == ';' || text.p[0] == ',';
}

/* The length of LABEL=value at the front of text, or 0. Old writers put quotes
 * around values, and forget the closing one. */
static size_t match_part(struct bytes text, const X509_NAME_ENTRY *entry)
{
	const char *label = OBJ_nid2sn(entry_nid(entry));
	size_t all = text.n, n = 0;
	uint8_t CLEANUP(openssl_free) *value = entry_text(entry, &n);

	if (!value || !take(&text, bytes_of_text(label), true) ||
	    !take(&text, bytes_of_text("="), false))
		return 0;
	bool quoted = take(&text, bytes_of_text("\""), false);

	if (!take(&text, bytes_of(value, n), false))
		return 0;
	if (quoted)
		(void)take(&text, bytes_of_text("\""), false);
	return at_separator(text) ? all - text.n : 0;
}

/* The longest match first: a value may hold what looks like a separator. */
static size_t match_any(struct bytes text, const X509_NAME *name, bool *used)
{
	size_t best = 0;
	int which = -1;

	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		size_t n = used[i] ? 0 : match_part(text, X509_NAME_get_entry(name, i));

		if (n > best) {
			best = n;
			which = i;
		}
	}
	if (which >= 0)
		used[which] = true;
	return best;
}

bool itl_name_is(struct bytes text, const X509_NAME *name)
{
	bool used[MAX_ENTRIES] = {false};
	int count = X509_NAME_entry_count(name);

	if (count > MAX_ENTRIES)
		return false;
	if (text.n && text.p[text.n - 1] == '\0')
		text.n--;
	while (text.n) {
		size_t n = match_any(text, name, used);

		if (n == 0)
			return false;
		text = bytes_of(text.p + n, text.n - n);
		if (text.n == 1)
			return false; /* a separator that separates nothing */
		if (text.n)
			text = bytes_of(text.p + 1, text.n - 1);
		while (text.n && text.p[0] == ' ')
			text = bytes_of(text.p + 1, text.n - 1);
	}
	/* Parts that the format does not know may be left out. */
	for (int i = 0; i < count; i++)
		if (!used[i] && rank_of(X509_NAME_get_entry(name, i)) < COUNT_OF(parts))
			return false;
	return true;
}

char *itl_printable(struct bytes text, char *to, size_t cap)
{
	size_t at = 0;

	if (text.n && text.p[text.n - 1] == '\0')
		text.n--;
	to[0] = '\0';
	for (size_t i = 0; i < text.n && at + 5 <= cap; i++) {
		bool plain = text.p[i] >= 0x20 && text.p[i] < 0x7f;

		at += (size_t)snprintf(to + at, cap - at, plain ? "%c" : "\\x%02X",
				       text.p[i]);
	}
	return to;
}

void itl_put_name(FILE *f, struct bytes text)
{
	char plain[4 * ITL_MAX_NAME + 1];

	fputs(itl_printable(text, plain, sizeof plain), f);
}

void itl_put_serial(FILE *f, struct bytes serial)
{
	for (size_t i = 0; i < serial.n; i++)
		fprintf(f, "%s%02X", i ? ":" : "", serial.p[i]);
}
