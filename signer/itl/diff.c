/*
 * The difference of two lists: a line for each field of the header and for each
 * record, then the longest common subsequence of both texts' lines.
 */
#include "base/num.h"
#include "internal.h"
#include <stdio.h>
#include <string.h>

#define MAX_LINES (16 + ITL_MAX_STORE_RECORDS) /* the longest that parses */

struct text {
	char *all; /* lines that end in NULs, malloc()ed */
	const char *line[MAX_LINES];
	size_t n;
};

static void text_clear_at(struct text *t)
{
	free(t->all);
}

static void put_header(FILE *f, const struct itl *l)
{
	const char *digest = itl_digest_name(l->digest);

	fprintf(f, "version %u.%u", l->version[0], l->version[1]);
	if (l->has_signer_version)
		fprintf(f, ", signer version %u.%u", l->signer_version[0],
			l->signer_version[1]);
	fputs("\nsigner ", f);
	itl_put_name(f, l->signer_name);
	fputs("\nserial number ", f);
	itl_put_serial(f, l->signer_serial);
	fputs("\nissuer ", f);
	itl_put_name(f, l->signer_issuer);
	fprintf(f, "\nsignature %s, %zu bits\nfile name ",
		digest ? digest : "of an unknown digest", 8 * l->signature.n);
	itl_put_name(f, l->file_name);
	fprintf(f, "\ntimestamp %u\n", l->timestamp);
}

/* Equal lines must be equal records, so the record's own hash ends the line. */
static void put_record(FILE *f, const struct itl *l, const struct itl_record *r)
{
	const char *role = r->has_role ? itl_role_name(r->role) : "no role";
	char hex[SHA1_HEX];

	if (role)
		fprintf(f, "record %s ", role);
	else
		fprintf(f, "record of role %u ", r->role);
	itl_put_name(f, r->subject);
	fputs(", serial number ", f);
	itl_put_serial(f, r->serial);
	if (r->cert.n)
		fprintf(f, ", certificate SHA-1 %s", itl_sha1_hex(r->cert, hex));
	if (r->hash.n)
		fprintf(f, ", hash %s", hex_of(r->hash, hex, sizeof hex));
	fprintf(f, ", record SHA-1 %s\n",
		itl_sha1_hex(bytes_of(l->file.p + r->offset, r->length), hex));
}

static bool text_of(const struct itl *l, struct text *t)
{
	size_t n = 0;
	FILE *f = open_memstream(&t->all, &n);

	if (!f)
		return false;
	put_header(f, l);
	for (size_t i = 0; i < l->nrecords; i++)
		put_record(f, l, &l->records[i]);
	if (fclose(f) != 0)
		return false;
	for (char *at = t->all, *end; (end = strchr(at, '\n')); at = end + 1) {
		*end = '\0';
		assert(t->n < MAX_LINES);
		t->line[t->n++] = at;
	}
	return true;
}

/* common[i][j]: how many lines the rests from i of a and from j of b share. */
struct table {
	uint16_t *cell;
	size_t width;
};

static uint16_t *at(const struct table *t, size_t i, size_t j)
{
	return &t->cell[i * t->width + j];
}

static void fill(const struct table *t, const struct text *a, const struct text *b)
{
	for (size_t i = a->n; i-- > 0;)
		for (size_t j = b->n; j-- > 0;) {
			uint16_t down = *at(t, i + 1, j), right = *at(t, i, j + 1);

			if (!strcmp(a->line[i], b->line[j]))
				*at(t, i, j) = (uint16_t)(*at(t, i + 1, j + 1) + 1);
			else
				*at(t, i, j) = down > right ? down : right;
		}
}

static void put_diff(FILE *f, const struct table *t, const struct text *a,
		     const struct text *b)
{
	size_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		if (i < a->n && j < b->n && !strcmp(a->line[i], b->line[j])) {
			fprintf(f, "  %s\n", a->line[i]);
			i++, j++;
		} else if (i < a->n &&
			   (j == b->n || *at(t, i + 1, j) >= *at(t, i, j + 1))) {
			fprintf(f, "- %s\n", a->line[i++]);
		} else {
			fprintf(f, "+ %s\n", b->line[j++]);
		}
	}
}

static bool same_signed_bytes(const struct itl *a, const struct itl *b)
{
	struct bytes pa[2], pb[2];

	itl_signed_parts(a, pa);
	itl_signed_parts(b, pb);
	return bytes_equal(pa[0], pb[0]) && bytes_equal(pa[1], pb[1]);
}

char *itl_diff(const struct itl *a, const struct itl *b, bool *same)
{
	struct text CLEANUP(text_clear) ta = {0};
	struct text CLEANUP(text_clear) tb = {0};
	uint16_t CLEANUP_FREE *cells = NULL;
	char *out = NULL;
	size_t n = 0;
	FILE *f;

	if (!text_of(a, &ta) || !text_of(b, &tb))
		return NULL;
	cells = calloc((ta.n + 1) * (tb.n + 1), sizeof *cells);
	f = cells ? open_memstream(&out, &n) : NULL;
	if (!f)
		return NULL;
	struct table t = {cells, tb.n + 1};

	fill(&t, &ta, &tb);
	put_diff(f, &t, &ta, &tb);
	if (fclose(f) != 0) {
		free(out);
		return NULL;
	}
	*same = same_signed_bytes(a, b);
	return out;
}
