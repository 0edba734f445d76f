/* Writing the log's lines, and going on behind the last one. */
#include "internal.h"
#include "base/hex.h"
#include "base/num.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Escaped bytes of each text; what is longer is cut. */
#define WORD_MAX 96    /* who, event, key, rc */
#define DIGEST_MAX 128 /* hex of the longest digest */
#define DETAIL_MAX 1000

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

_Static_assert(4 * WORD_MAX + 2 * DIGEST_MAX + DETAIL_MAX + 200 +
			       HASH_TAIL_LEN <
		       AUDIT_LINE_MAX,
	       "the longest entry fits a line");
_Static_assert(2 * WORD_MAX + 2 * 64 + BASE64_LEN(AUDIT_CERT_MAX) +
			       BASE64_LEN(AUDIT_SIGNATURE_MAX) + 240 +
			       HASH_TAIL_LEN <
		       AUDIT_LINE_MAX,
	       "the longest certificate fits a line");

/* A line being written; its room is checked once, at the end. */
struct line {
	char *p;
	size_t n;
};

static void add(struct line *l, const char *text)
{
	size_t n = strlen(text);

	memcpy(l->p + l->n, text, n);
	l->n += n;
}

/* A byte that is no printable ASCII becomes \u00XX: the line stays JSON and
 * readable, whatever the text's encoding was. */
static void add_escaped(struct line *l, const char *text, size_t max)
{
	for (size_t left = max; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
		size_t width = plain ? 1 : 6;

		if (width > left)
			return;
		left -= width;
		if (plain)
			l->p[l->n] = (char)c;
		else
			(void)sprintf(l->p + l->n, "\\u%04x", c);
		l->n += width;
	}
}

static void add_member(struct line *l, const char *name, const char *text,
		       size_t max)
{
	if (!text)
		return;
	add(l, ",\"");
	add(l, name);
	add(l, "\":\"");
	add_escaped(l, text, max);
	add(l, "\"");
}

static void add_hex(struct line *l, const char *name, struct bytes b)
{
	char hex[DIGEST_MAX + 1];

	if (b.n)
		add_member(l, name, hex_of(b, hex, sizeof hex), DIGEST_MAX);
}

static void add_number(struct line *l, const char *name, uint64_t v)
{
	char text[48];

	(void)snprintf(text, sizeof text, ",\"%s\":%llu", name,
		       (unsigned long long)v);
	add(l, text);
}

/* At most AUDIT_CERT_MAX bytes: the callers' bound. */
static void add_base64(struct line *l, const char *name, struct bytes b)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	char text[BASE64_LEN(AUDIT_CERT_MAX) + 1];

	if (!b.n)
		return;
	add(l, ",\"");
	add(l, name);
	add(l, "\":\"");
	add(l, sodium_bin2base64(text, sizeof text, b.p, b.n, variant));
	add(l, "\"");
}

/* The begin of every entry: number, time, who. */
static struct line begin(const struct audit_chain *c, int64_t time,
			 const char *who, unsigned uid, char *text)
{
	struct line l = {.p = text};
	char number[64];

	(void)snprintf(number, sizeof number, "{\"n\":%llu,\"t\":%lld",
		       (unsigned long long)c->next, (long long)time);
	add(&l, number);
	add_member(&l, "who", who, WORD_MAX);
	add_number(&l, "uid", uid);
	return l;
}

static size_t end_with_hash(struct line *l, const uint8_t head[AUDIT_HASH_LEN])
{
	char hex[AUDIT_HASH_HEX];

	add(l, HASH_MARK);
	add(l, hex_of(bytes_of(head, AUDIT_HASH_LEN), hex, sizeof hex));
	add(l, "\"}\n");
	l->p[l->n] = '\0';
	return l->n;
}

static size_t end(struct audit_chain *c, struct line *l)
{
	audit_chain_hash(c->head, l->p, l->n, c->head);
	c->next++;
	return end_with_hash(l, c->head);
}

void audit_chain_hash(const uint8_t head[AUDIT_HASH_LEN], const char *text,
		      size_t n, uint8_t out[AUDIT_HASH_LEN])
{
	crypto_generichash_state s;

	crypto_generichash_init(&s, NULL, 0, AUDIT_HASH_LEN);
	crypto_generichash_update(&s, head, AUDIT_HASH_LEN);
	crypto_generichash_update(&s, (const uint8_t *)text, n);
	crypto_generichash_final(&s, out, AUDIT_HASH_LEN);
}

void audit_chain_start(struct audit_chain *c)
{
	*c = (struct audit_chain){.next = 1};
}

struct audit_point audit_chain_point(const struct audit_chain *c)
{
	struct audit_point p = {.entry = c->next - 1};

	memcpy(p.head, c->head, sizeof p.head);
	return p;
}

char *audit_point_text(const struct audit_point *p, char to[AUDIT_POINT_MAX])
{
	char hex[AUDIT_HASH_HEX];

	(void)snprintf(to, AUDIT_POINT_MAX, "%llu:%s", (unsigned long long)p->entry,
		       hex_of(bytes_of(p->head, sizeof p->head), hex, sizeof hex));
	return to;
}

size_t audit_format(struct audit_chain *c, const struct audit_entry *entry,
		    char text[AUDIT_LINE_MAX])
{
	struct line l = begin(c, entry->time, entry->who, entry->uid, text);

	if (entry->pid)
		add_number(&l, "pid", entry->pid);
	add_member(&l, "event", entry->event, WORD_MAX);
	add_member(&l, "key", entry->key, WORD_MAX);
	add_hex(&l, "digest", entry->digest);
	add_hex(&l, "ticket", entry->ticket);
	add_member(&l, "detail", entry->detail, DETAIL_MAX);
	add_member(&l, "rc", entry->rc, WORD_MAX);
	return end(c, &l);
}

size_t audit_format_continues(const struct audit_chain *c,
			      char text[AUDIT_LINE_MAX])
{
	struct line l = {.p = text};
	char number[48];

	(void)snprintf(number, sizeof number, "{\"continues\":%llu",
		       (unsigned long long)(c->next - 1));
	add(&l, number);
	return end_with_hash(&l, c->head);
}

/* ---- signed entries ---- */

void audit_sha256(struct bytes b, uint8_t to[32])
{
	(void)crypto_hash_sha256(to, b.p, b.n);
}

size_t audit_checkpoint_text(const struct audit_checkpoint *c,
			     char to[AUDIT_TEXT_MAX])
{
	char cert[65], head[AUDIT_HASH_HEX];

	return (size_t)snprintf(
		to, AUDIT_TEXT_MAX,
		"itlkeeper audit checkpoint 1\ncluster=%.64s\ncertificate=%s\n"
		"entry=%llu\nhead=%s\ntime=%lld\n",
		c->cluster, hex_of(bytes_of(c->cert, 32), cert, sizeof cert),
		(unsigned long long)c->upto.entry,
		hex_of(bytes_of(c->upto.head, AUDIT_HASH_LEN), head, sizeof head),
		(long long)c->time);
}

size_t audit_certificate_text(const struct audit_certificate *c,
			      char to[AUDIT_TEXT_MAX])
{
	uint8_t sha256[32];
	char hex[65];

	audit_sha256(c->der, sha256);
	return (size_t)snprintf(
		to, AUDIT_TEXT_MAX,
		"itlkeeper audit certificate 1\ncluster=%.64s\ncertificate=%s\n",
		c->cluster, hex_of(bytes_of(sha256, 32), hex, sizeof hex));
}

size_t audit_format_checkpoint(struct audit_chain *c,
			       const struct audit_checkpoint *p,
			       char text[AUDIT_LINE_MAX])
{
	struct line l = begin(c, p->time, "keyd", p->uid, text);

	add_member(&l, "event", AUDIT_CHECKPOINT, WORD_MAX);
	add_member(&l, "key", p->key, WORD_MAX);
	add_hex(&l, "digest", bytes_of(p->cert, sizeof p->cert));
	add_member(&l, "cluster", p->cluster, WORD_MAX);
	add_number(&l, "upto", p->upto.entry);
	add_hex(&l, "head", bytes_of(p->upto.head, sizeof p->upto.head));
	add_base64(&l, "signature", p->signature);
	add_member(&l, "rc", "ok", WORD_MAX);
	return end(c, &l);
}

size_t audit_format_certificate(struct audit_chain *c,
				const struct audit_certificate *p,
				char text[AUDIT_LINE_MAX])
{
	struct line l = begin(c, p->time, "keyd", p->uid, text);
	uint8_t sha256[32];

	audit_sha256(p->der, sha256);
	add_member(&l, "event", AUDIT_CERTIFICATE, WORD_MAX);
	add_member(&l, "key", p->key, WORD_MAX);
	add_hex(&l, "digest", bytes_of(sha256, sizeof sha256));
	add_member(&l, "cluster", p->cluster, WORD_MAX);
	add_base64(&l, "certificate", p->der);
	if (p->signature.n)
		add_hex(&l, "by", bytes_of(p->by, sizeof p->by));
	add_base64(&l, "signature", p->signature);
	add_member(&l, "rc", "ok", WORD_MAX);
	return end(c, &l);
}

/* ---- reading ---- */

/* A number as snprintf() writes it; *p moves behind it. */
static bool read_number(const char **p, const char *end, uint64_t *out)
{
	const char *start = *p;
	uint64_t v = 0;

	for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(**p - '0');
	}
	*out = v;
	return *p > start && (*start != '0' || *p == start + 1);
}

bool audit_point_read(const char *text, struct audit_point *out)
{
	const char *colon = strchr(text, ':'), *p = text;
	struct audit_point point;

	if (!colon || !read_number(&p, colon, &point.entry) || p != colon ||
	    !hex_read(colon + 1, point.head, sizeof point.head))
		return false;
	*out = point;
	return true;
}

static bool read_word(const char **p, const char *end, const char *word)
{
	size_t n = strlen(word);

	if (num_size(end - *p) < n || memcmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool read_time(const char **p, const char *end, int64_t *out)
{
	bool negative = read_word(p, end, "-");
	uint64_t v;

	if (!read_number(p, end, &v) || v > INT64_MAX)
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

static bool is_printable(const char *p, size_t n)
{
	unsigned odd = 0;

	for (size_t i = 0; i < n; i++)
		odd |= (unsigned char)(p[i] - ' ') > '~' - ' ';
	return !odd;
}

static bool is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
			return false;
	return true;
}

const char *audit_line_read(const char *line, size_t n, struct audit_line *out)
{
	const char *p = line, *end;

	if (n <= HASH_TAIL_LEN || n > AUDIT_LINE_MAX)
		return "the line's length is none of an entry";
	end = line + n - HASH_TAIL_LEN;
	*out = (struct audit_line){.text = line, .n = n - HASH_TAIL_LEN};
	out->hex = end + sizeof HASH_MARK - 1;
	if (memcmp(end, HASH_MARK, sizeof HASH_MARK - 1) != 0 ||
	    memcmp(line + n - 3, "\"}\n", 3) != 0 ||
	    !is_hex(out->hex, 2 * AUDIT_HASH_LEN))
		return "the line does not end in its hash";
	if (!is_printable(line, n - 1))
		return "the line has bytes that no entry has";
	out->continues = read_word(&p, end, "{\"continues\":");
	if (out->continues)
		return read_number(&p, end, &out->number) && p == end
			       ? NULL
			       : "the line is not an entry";
	if (!read_word(&p, end, "{\"n\":") || !read_number(&p, end, &out->number) ||
	    out->number < 1 || !read_word(&p, end, ",\"t\":") ||
	    !read_time(&p, end, &out->time) || !read_word(&p, end, ",\"who\":\""))
		return "the line is not an entry";
	return NULL;
}

enum rc audit_chain_resume(struct audit_chain *c, struct bytes tail,
			   size_t *torn, struct err *e)
{
	const uint8_t *last = tail.n ? memrchr(tail.p, '\n', tail.n) : NULL;
	size_t n = last ? num_size(last - tail.p) + 1 : 0, cut = tail.n - n;
	const uint8_t *before;
	char hex[AUDIT_HASH_HEX] = "";
	struct audit_line l;
	const char *why;

	if (n == 0 && cut < AUDIT_LINE_MAX) { /* nothing but a torn first line */
		audit_chain_start(c);
		*torn = cut;
		return RC_OK;
	}
	before = n > 1 ? memrchr(tail.p, '\n', n - 1) : NULL;
	if (before) {
		n -= num_size(before - tail.p) + 1;
		before++;
	} else {
		before = tail.p;
	}
	why = audit_line_read((const char *)before, n, &l);
	if (why)
		return err_set(e, RC_VERIFY, "resume", why,
			       "keep the file, look at its end, move it aside",
			       "the audit log's last line");
	memcpy(hex, l.hex, sizeof hex - 1);
	c->next = l.number + 1;
	(void)hex_read(hex, c->head, sizeof c->head);
	*torn = cut;
	return RC_OK;
}
