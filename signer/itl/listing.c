/* The listing of `show itl` (spec: itl-format, The listing; transcripts). */
#include "base/num.h"
#include "internal.h"
#include "tags.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COLUMNS                                                                \
	"BYTEPOS TAG                 LENGTH VALUE\n"                           \
	"------- ---                 ------ -----\n"
#define VALUE_AT 35   /* the column of VALUE, for the further lines of one */
#define ON_A_LINE 16  /* bytes of a hash */
#define SIGNATURE_ROW 8

static void put_hash(FILE *f, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (i && i % ON_A_LINE == 0)
			fprintf(f, "\n%*s", VALUE_AT, "");
		fprintf(f, "%s%02X", i % ON_A_LINE ? " " : "", b.p[i]);
	}
}

/* Rows of hex without leading zeros, as the original prints them. */
static void put_signature(FILE *f, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		fprintf(f, "%s%x", i % SIGNATURE_ROW ? " " : "\n", b.p[i]);
}

static void put_row(FILE *f, const struct section *s, uint8_t tag, size_t length)
{
	const struct tag_rule *rule = itl_rule(s, tag);

	fprintf(f, "%-7u %-19s %-6zu ", tag, rule ? rule->name : "(unknown)", length);
}

static void put_header_tag(FILE *f, uint8_t tag, struct bytes v)
{
	const struct tag_rule *rule = itl_rule(&itl_header, tag);
	bool container = rule && rule->container;

	if (tag == H_VERSION || tag == H_LENGTH)
		return; /* above the table */
	/* A container shows the size of its length field, then its length. */
	put_row(f, &itl_header, tag, container ? 2 : v.n);
	if (container)
		fprintf(f, "%zu", v.n);
	else if (tag == H_SIGNER_NAME || tag == H_ISSUER)
		itl_put_name(f, v);
	else if (tag == H_SERIAL)
		itl_put_serial(f, v);
	else if (tag == H_SIGNATURE)
		put_signature(f, v);
	else if (tag == H_SIGNER_VERSION)
		fprintf(f, "%u.%u", v.p[0], v.p[1]);
	fputs(tag == H_SERIAL ? "\n\n" : "\n", f);
}

static void put_role(FILE *f, unsigned role)
{
	const char *name = itl_role_name(role);

	if (name)
		fputs(name, f);
	else
		fprintf(f, "(unknown: %u)", role);
}

static void put_cert_hash(FILE *f, struct bytes cert)
{
	uint8_t digest[SHA1_LEN];

	itl_sha1(cert, digest);
	put_hash(f, bytes_of(digest, sizeof digest));
	fputs(" (SHA1 Hash HEX)", f);
}

static void put_record_tag(FILE *f, const struct itl_record *r, uint8_t tag,
			   struct bytes v)
{
	put_row(f, &itl_record_section, tag, v.n);
	switch (tag) {
	case R_LENGTH:
		fprintf(f, "%u", r->length);
		break;
	case R_DNS:
		if (v.n > 2) /* an ITL's two bytes are no name */
			itl_put_name(f, v);
		break;
	case R_SUBJECT:
	case R_ISSUER:
		itl_put_name(f, v);
		break;
	case R_ROLE:
		put_role(f, r->role);
		break;
	case R_SERIAL:
		itl_put_serial(f, v);
		break;
	case R_CERT:
		put_cert_hash(f, v);
		break;
	case R_ADDRESS:
		fprintf(f, "%u.%u.%u.%u", v.p[0], v.p[1], v.p[2], v.p[3]);
		break;
	case R_HASH:
		put_hash(f, v);
		break;
	case R_HASH_ALGORITHM:
		if (v.p[0] == ITL_SHA1)
			fputs("SHA-1", f);
		else
			fprintf(f, "(unknown: %u)", v.p[0]);
		break;
	default:
		break;
	}
	fputc('\n', f);
}

static void put_record(FILE *f, const struct itl *l, const struct itl_record *r,
		       const struct itl_record *signer, const char *kind)
{
	fprintf(f, "\n%s Record #:%zu\n----\n" COLUMNS, kind,
		itl_record_number(l, r));
	for (size_t i = 0; i < r->ntags; i++)
		put_record_tag(f, r, r->tags[i].tag, r->tags[i].value);
	if (r->has_role && r->role == ITL_SAST)
		fprintf(f, "This etoken was %sused to sign the %s file.\n",
			r == signer ? "" : "not ", kind);
}

static void put_facts(FILE *f, const struct itl *l, const struct itl_file_facts *facts)
{
	char hex[SHA1_HEX], when[64] = "(unknown)";
	uint8_t md5[16] = {0};
	time_t t = facts->modified;
	size_t n = 0;
	struct tm tm;

	(void)EVP_Q_digest(NULL, "MD5", NULL, l->file.p, l->file.n, md5, &n);
	if (localtime_r(&t, &tm))
		(void)strftime(when, sizeof when, "%a %b %e %H:%M:%S %Z %Y", &tm);
	fprintf(f, "The checksum value of the %s file:\n", facts->kind);
	fprintf(f, "%s(MD5)\n", hex_of(bytes_of(md5, sizeof md5), hex, sizeof hex));
	fprintf(f, "%s(SHA1)\n\n", itl_sha1_hex(l->file, hex));
	fprintf(f, "Length of %s file: %zu\n", facts->kind, l->file.n);
	fprintf(f, "The %s File was last modified on %s\n\n", facts->kind, when);
}

static void put_list(FILE *f, const struct itl *l, const struct itl_file_facts *facts,
		     const struct err *reason)
{
	const struct itl_record *signer = itl_find_signer(l, l);
	char text[1024];

	put_facts(f, l, facts);
	fprintf(f, "Parse %s File\n----------------\n\n", facts->kind);
	fprintf(f, "Version: %u.%u\n", l->version[0], l->version[1]);
	fprintf(f, "HeaderLength: %u (BYTES)\n\n" COLUMNS, l->header_length);
	for (size_t i = 0; i < l->ntags; i++)
		put_header_tag(f, l->tags[i].tag, l->tags[i].value);
	for (size_t i = 0; i < l->nrecords; i++)
		put_record(f, l, &l->records[i], signer, facts->kind);
	if (reason)
		fprintf(f, "\nThe %s file could not be verified: %s\n", facts->kind,
			err_text(reason, text, sizeof text));
	else
		fprintf(f, "\nThe %s file was verified successfully.\n", facts->kind);
}

char *itl_listing(const struct itl *l, const struct itl_file_facts *facts,
		  const struct err *reason)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	if (l)
		put_list(f, l, facts, reason);
	else
		fprintf(f, "Length of %s file: 0\n%s File not found.\n"
			   "Error parsing the %s File.\n",
			facts->kind, facts->kind, facts->kind);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
