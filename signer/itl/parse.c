/* Structure: tags, lengths, padding. Certificates stay bytes. */
#include "base/num.h"
#include "itl/itl.h"
#include "tags.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct parser {
	struct reader r; /* over the whole file: its offsets are the messages' */
	unsigned flags;
	const struct section *section;
	size_t record; /* 1..; 0 in the header */
	bool seen[256];
	size_t nunknown;
	struct err *e;
};

/* A list and its records are one allocation. */
struct parsed {
	struct itl list;
	struct itl_record records[];
};

struct tlv {
	uint8_t tag;
	const struct tag_rule *rule; /* NULL: unknown, and the reader is lenient */
	struct bytes value;
};

static enum rc __attribute__((format(printf, 4, 5)))
bad(struct parser *p, size_t at, const char *hint, const char *fmt, ...)
{
	char why[200], where[40] = "";
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	if (p->record)
		(void)snprintf(where, sizeof where, "record %zu, ", p->record);
	return err_set(p->e, RC_VERIFY, "parse list", why, hint,
		       "%soffset %zu (itl-format, %s)", where, at, p->section->name);
}

/* One NUL byte, at the end. */
static bool is_text(struct bytes v)
{
	return memchr(v.p, 0, v.n) == v.p + v.n - 1;
}

static enum rc check_known(struct parser *p, size_t at, uint8_t parent,
			   const struct tlv *t)
{
	const struct tag_rule *rule = t->rule;

	if (rule->parent != parent)
		return bad(p, at, NULL, "tag %u (%s) is not where it belongs", t->tag,
			   rule->name);
	if (t->value.n < rule->min || t->value.n > rule->max)
		return bad(p, at, NULL, "tag %u (%s) has an impossible length: %zu",
			   t->tag, rule->name, t->value.n);
	if (rule->text && !is_text(t->value))
		return bad(p, at, NULL, "tag %u (%s) does not end in its only NUL byte",
			   t->tag, rule->name);
	return RC_OK;
}

/* The next TLV, which must end at `end` or before. */
static enum rc next_tlv(struct parser *p, uint8_t parent, size_t end, struct tlv *t)
{
	size_t at = p->r.pos;
	struct bytes head;
	size_t n;

	if (end - at < TLV_HEAD)
		return bad(p, at, NULL, "cut off within a tag");
	head = read_bytes(&p->r, TLV_HEAD); /* one call: lists are parsed by thousands */
	t->tag = head.p[0];
	n = (size_t)head.p[1] << 8 | head.p[2];
	t->rule = itl_rule(p->section, t->tag);
	if (!t->rule && !(p->flags & ITL_LENIENT))
		return bad(p, at, "--lenient shows it nevertheless", "unknown tag %u",
			   t->tag);
	if (n > end - p->r.pos)
		return bad(p, at, NULL, "tag %u says %zu bytes, but %zu follow", t->tag, n,
			   end - p->r.pos);
	t->value = read_bytes(&p->r, n);
	if (p->seen[t->tag])
		return bad(p, at, NULL, "tag %u is doubled", t->tag);
	p->seen[t->tag] = true;
	if (!t->rule) {
		p->nunknown++;
		return RC_OK;
	}
	return check_known(p, at, parent, t);
}

static void keep_header(struct itl *l, const struct tlv *t)
{
	struct reader r = reader_of(t->value);

	l->tags[l->ntags].tag = t->tag;
	l->tags[l->ntags++].value = t->value;
	switch (t->tag) {
	case H_VERSION:
		memcpy(l->version, t->value.p, sizeof l->version);
		break;
	case H_LENGTH:
		l->header_length = read_u16(&r);
		break;
	case H_SIGNER_NAME:
		l->signer_name = t->value;
		break;
	case H_SERIAL:
		l->signer_serial = t->value;
		break;
	case H_ISSUER:
		l->signer_issuer = t->value;
		break;
	case H_DIGEST:
		l->digest = read_u8(&r);
		break;
	case H_ALGORITHM:
		l->signature_algo = read_u8(&r);
		break;
	case H_MODULUS:
		l->modulus = read_u8(&r);
		break;
	case H_SIGNATURE:
		l->signature = t->value;
		l->signature_offset = (size_t)(t->value.p - l->file.p) - TLV_HEAD;
		break;
	case H_FILE_NAME:
		l->file_name = t->value;
		break;
	case H_TIMESTAMP:
		l->timestamp = read_u32(&r);
		break;
	case H_SIGNER_VERSION:
		l->has_signer_version = true;
		memcpy(l->signer_version, t->value.p, sizeof l->signer_version);
		break;
	default:
		break;
	}
}

/* What a container holds, or the header after its first two tags. A tag's
 * parent is fixed, so the recursion is as deep as the containers: three. */
static enum rc header_tags(struct parser *p, struct itl *l, uint8_t parent, size_t end)
{
	struct tlv t = {0};

	while (p->r.pos < end) {
		size_t at = p->r.pos;

		if (parent == 0 && p->r.p[at] == H_PAD) {
			(void)read_u8(&p->r);
			continue;
		}
		if (l->ntags == COUNT_OF(l->tags))
			return bad(p, at, NULL, "too many tags");
		if (next_tlv(p, parent, end, &t))
			return p->e->rc;
		keep_header(l, &t);
		if (t.rule && t.rule->container) {
			p->r.pos = at + TLV_HEAD; /* into it */
			if (header_tags(p, l, t.tag, at + TLV_HEAD + t.value.n))
				return p->e->rc;
		}
	}
	return RC_OK;
}

/* Version and HeaderLength come first, in this order. */
static enum rc header_start(struct parser *p, struct itl *l)
{
	static const uint8_t first[] = {H_VERSION, H_LENGTH};
	struct tlv t = {0};

	for (size_t i = 0; i < COUNT_OF(first); i++) {
		size_t at = p->r.pos;

		if (at < p->r.n && p->r.p[at] != first[i])
			return bad(p, at, "is this a trust list at all?",
				   "tag %u (%s) must come %s", first[i],
				   itl_rule(p->section, first[i])->name,
				   i ? "second" : "first");
		if (next_tlv(p, 0, p->r.n, &t))
			return p->e->rc;
		keep_header(l, &t);
	}
	if (l->header_length > p->r.n || l->header_length < p->r.pos)
		return bad(p, 2 * TLV_HEAD + 2, NULL,
			   "the header's length is %u, but the file has %zu bytes",
			   l->header_length, p->r.n);
	return RC_OK;
}

static enum rc check_header(struct parser *p, const struct itl *l)
{
	bool sgn_version = l->version[0] == 1 && l->version[1] == 0;

	for (uint8_t tag = 0; tag < p->section->nrules; tag++) {
		const struct tag_rule *rule = itl_rule(p->section, tag);

		if (rule && !rule->optional && !p->seen[tag])
			return bad(p, 0, NULL, "tag %u (%s) is missing", tag, rule->name);
	}
	if (l->modulus > 3 || l->signature.n != (size_t)64 << l->modulus)
		return bad(p, l->signature_offset, NULL,
			   "a signature of %zu bytes does not fit modulus %u",
			   l->signature.n, l->modulus);
	/* The versions keep a signed file from being taken for a list. */
	if (p->flags & ITL_SGN && !sgn_version)
		return bad(p, 0, NULL, "version %u.%u: a signed file has 1.0",
			   l->version[0], l->version[1]);
	if (!(p->flags & ITL_SGN) && sgn_version)
		return bad(p, 0, NULL, "version 1.0 is a signed file's, not a list's");
	if (p->flags & ITL_SGN && l->header_length > ITL_MAX_SGN_HEADER)
		return bad(p, 0, NULL, "a header of %u bytes; at most %u",
			   l->header_length, ITL_MAX_SGN_HEADER);
	return RC_OK;
}

static enum rc parse_header(struct parser *p, struct itl *l)
{
	p->section = &itl_header;
	if (header_start(p, l) || header_tags(p, l, 0, l->header_length))
		return p->e->rc;
	return check_header(p, l);
}

/* From a record's start: its length, which is within the file. */
static enum rc record_length(struct parser *p, size_t *n)
{
	struct reader r = p->r;
	size_t at = r.pos;
	uint8_t tag = read_u8(&r);
	uint16_t width = read_u16(&r);
	size_t length = read_u16(&r);

	if (r.bad)
		return bad(p, at, NULL, "cut off within a record's start");
	if (tag != R_LENGTH || width != 2)
		return bad(p, at, NULL,
			   "a record begins with tag 1 of 2 bytes, not tag %u of %u", tag,
			   width);
	if (length < RECORD_HEAD || length > reader_left(&p->r))
		return bad(p, at, NULL, "the record's length is %zu, but %zu bytes follow",
			   length, reader_left(&p->r));
	*n = length;
	return RC_OK;
}

/* Hops from record to record up to the file's last byte. */
static enum rc count_records(struct parser *p, size_t *count)
{
	struct reader start = p->r;
	size_t n = 0, length;

	const unsigned most = p->flags & ITL_STORE ? ITL_MAX_STORE_RECORDS
						   : ITL_MAX_RECORDS;

	p->section = &itl_record_section;
	for (; reader_left(&p->r); n++) {
		p->record = n + 1;
		if (n == most)
			return bad(p, p->r.pos, NULL, "more than %u records", most);
		if (record_length(p, &length))
			return p->e->rc;
		(void)read_bytes(&p->r, length);
	}
	p->r = start;
	*count = n;
	return RC_OK;
}

static void keep_record(struct itl_record *rec, const struct tlv *t)
{
	struct reader r = reader_of(t->value);

	rec->tags[rec->ntags].tag = t->tag;
	rec->tags[rec->ntags++].value = t->value;
	switch (t->tag) {
	case R_DNS:
		rec->dns = t->value;
		break;
	case R_SUBJECT:
		rec->subject = t->value;
		break;
	case R_ROLE:
		rec->has_role = true;
		rec->role = read_u16(&r);
		break;
	case R_ISSUER:
		rec->issuer = t->value;
		break;
	case R_SERIAL:
		rec->serial = t->value;
		break;
	case R_KEY:
		rec->key = t->value;
		break;
	case R_SIGNATURE:
		rec->signature = t->value;
		break;
	case R_CERT:
		rec->cert = t->value;
		break;
	case R_ADDRESS:
		rec->address = t->value;
		break;
	case R_HASH:
		rec->hash = t->value;
		break;
	default:
		break;
	}
}

static enum rc parse_record(struct parser *p, struct itl_record *rec)
{
	size_t length;
	struct tlv t = {0};

	if (record_length(p, &length))
		return p->e->rc;
	rec->offset = p->r.pos;
	rec->length = num_u16(length);
	memset(p->seen, 0, sizeof p->seen);
	while (p->r.pos < rec->offset + length) {
		if (rec->ntags == COUNT_OF(rec->tags))
			return bad(p, p->r.pos, NULL, "too many tags");
		if (next_tlv(p, 0, rec->offset + length, &t))
			return p->e->rc;
		keep_record(rec, &t);
	}
	if (rec->cert.n && rec->hash.n)
		return bad(p, rec->offset, NULL, "both a certificate and a hash");
	if (p->seen[R_HASH] != p->seen[R_HASH_ALGORITHM])
		return bad(p, rec->offset, NULL,
			   "a hash without its algorithm, or the reverse");
	return RC_OK;
}

static enum rc check_size(struct bytes file, unsigned flags, struct err *e)
{
	if (flags & ITL_SGN || file.n <= ITL_MAX)
		return RC_OK;
	if (!(flags & ITL_STORE))
		return err_set(e, RC_VERIFY, "parse list",
			       "phones cannot load more than 65535 bytes", NULL,
			       "a list of %zu bytes (itl-format, Limits)", file.n);
	if (file.n > ITL_MAX_STORE)
		return err_set(e, RC_VERIFY, "parse list",
			       "a trust store has at most 1048576 bytes", NULL,
			       "a list of %zu bytes", file.n);
	return RC_OK;
}

enum rc itl_parse(struct bytes file, unsigned flags, struct itl **out, struct err *e)
{
	struct parser p = {.r = reader_of(file), .flags = flags, .e = e};
	struct itl head = {.file = file};
	struct parsed CLEANUP_FREE *l = NULL;

	if (check_size(file, flags, e) || parse_header(&p, &head))
		return e->rc;
	if (flags & ITL_SGN)
		head.content = read_bytes(&p.r, reader_left(&p.r));
	else if (count_records(&p, &head.nrecords))
		return e->rc;
	l = calloc(1, sizeof *l + head.nrecords * sizeof l->records[0]);
	if (!l)
		return err_errno(e, RC_ERROR, "calloc", NULL, "list");
	for (size_t i = 0; i < head.nrecords; i++) {
		p.record = i + 1;
		if (parse_record(&p, &l->records[i]))
			return e->rc;
	}
	head.nunknown = p.nunknown;
	head.records = l->records;
	l->list = head;
	*out = &l->list;
	l = NULL;
	return RC_OK;
}

void itl_free(struct itl *l)
{
	free(l); /* the first member of its struct parsed */
}

static bool is_named(const struct itl *l, const char *name)
{
	return bytes_equal(l->file_name, bytes_of(name, strlen(name) + 1));
}

bool itl_is_itl(const struct itl *l)
{
	return is_named(l, ITL_FILE);
}

bool itl_is_ctl(const struct itl *l)
{
	return is_named(l, CTL_FILE);
}
