#include "audit/audit.h"
#include "base/hex.h"
#include "base/num.h"
#include <jansson.h>
#include <sodium.h>
#include <string.h>

/* What follows a line's own text: ,"h":"<64 hex>"} and a newline. */
#define HASH_MARK ",\"h\":\""
#define HASH_TAIL_LEN (sizeof HASH_MARK - 1 + 2 * AUDIT_HASH_LEN + 3)

/* Escaped bytes of each text; what is longer is cut. */
#define WORD_MAX 96    /* who, event, key, rc */
#define DIGEST_MAX 128 /* hex of the longest digest */
#define DETAIL_MAX 1000

_Static_assert(4 * WORD_MAX + 2 * DIGEST_MAX + DETAIL_MAX + 160 +
			       HASH_TAIL_LEN <
		       AUDIT_LINE_MAX,
	       "the longest entry fits a line");

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

static void chain_hash(const uint8_t head[AUDIT_HASH_LEN], const char *text,
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

size_t audit_format(struct audit_chain *c, const struct audit_entry *entry,
		    char text[AUDIT_LINE_MAX])
{
	char number[96], hex[2 * AUDIT_HASH_LEN + 1];
	struct line l = {.p = text};

	(void)snprintf(number, sizeof number, "{\"n\":%llu,\"t\":%lld",
		       (unsigned long long)c->next, (long long)entry->time);
	add(&l, number);
	add_member(&l, "who", entry->who, WORD_MAX);
	(void)snprintf(number, sizeof number, ",\"uid\":%u", entry->uid);
	add(&l, number);
	add_member(&l, "event", entry->event, WORD_MAX);
	add_member(&l, "key", entry->key, WORD_MAX);
	add_hex(&l, "digest", entry->digest);
	add_hex(&l, "ticket", entry->ticket);
	add_member(&l, "detail", entry->detail, DETAIL_MAX);
	add_member(&l, "rc", entry->rc, WORD_MAX);
	chain_hash(c->head, l.p, l.n, c->head);
	add(&l, HASH_MARK);
	add(&l, hex_of(bytes_of(c->head, sizeof c->head), hex, sizeof hex));
	add(&l, "\"}\n");
	l.p[l.n] = '\0';
	c->next++;
	return l.n;
}

/* A line apart: what is hashed, what it says of itself. */
struct parsed {
	const char *text;
	size_t n; /* hashed bytes */
	uint64_t number;
	int64_t time;
	uint8_t hash[AUDIT_HASH_LEN];
};

/* NULL, or what is wrong with the line (n bytes, with its newline). */
static const char *parse(const char *line, size_t n, struct parsed *out)
{
	char hex[2 * AUDIT_HASH_LEN + 1], again[sizeof hex];
	const char *mark;
	json_t *j, *number, *time;

	if (n <= HASH_TAIL_LEN || n > AUDIT_LINE_MAX)
		return "the line's length is none of an entry";
	mark = line + n - HASH_TAIL_LEN;
	memcpy(hex, mark + sizeof HASH_MARK - 1, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	if (memcmp(mark, HASH_MARK, sizeof HASH_MARK - 1) != 0 ||
	    memcmp(line + n - 3, "\"}\n", 3) != 0 ||
	    !hex_read(hex, out->hash, sizeof out->hash) ||
	    strcmp(hex, hex_of(bytes_of(out->hash, sizeof out->hash), again,
			       sizeof again)) != 0)
		return "the line does not end in its hash";
	j = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	number = json_object_get(j, "n");
	time = json_object_get(j, "t");
	if (!json_is_integer(number) || json_integer_value(number) < 1 ||
	    !json_is_integer(time)) {
		json_decref(j);
		return "the line is not an entry";
	}
	out->text = line;
	out->n = n - HASH_TAIL_LEN;
	out->number = (uint64_t)json_integer_value(number);
	out->time = json_integer_value(time);
	json_decref(j);
	return NULL;
}

/* Bytes behind the last newline. */
static size_t torn_bytes(struct bytes log)
{
	const uint8_t *last = log.n ? memrchr(log.p, '\n', log.n) : NULL;

	return last ? num_size(log.p + log.n - last) - 1 : log.n;
}

enum rc audit_chain_resume(struct audit_chain *c, struct bytes tail,
			   size_t *torn, struct err *e)
{
	size_t cut = torn_bytes(tail), n = tail.n - cut;
	const uint8_t *before;
	struct parsed p;
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
	why = parse((const char *)before, n, &p);
	if (why)
		return err_set(e, RC_VERIFY, "resume", why,
			       "keep the file, look at its end, move it aside",
			       "the audit log's last line");
	c->next = p.number + 1;
	memcpy(c->head, p.hash, sizeof c->head);
	*torn = cut;
	return RC_OK;
}

static enum rc broken(struct err *e, uint64_t line, const char *why)
{
	return err_set(e, RC_VERIFY, "verify", why,
		       "the log was changed there: compare it with a copy",
		       "the audit log, line %llu", (unsigned long long)line);
}

enum rc audit_verify(struct bytes log, struct audit_report *out, struct err *e)
{
	struct audit_report r = {.torn = torn_bytes(log)};
	const char *p = (const char *)log.p, *end = p + (log.n - r.torn);
	uint8_t expected[AUDIT_HASH_LEN];

	while (p < end) {
		const char *stop = memchr(p, '\n', num_size(end - p));
		size_t n = num_size(stop - p) + 1;
		struct parsed l;
		const char *why = parse(p, n, &l);

		if (why)
			return broken(e, r.entries + 1, why);
		if (l.number != r.entries + 1)
			return broken(e, r.entries + 1,
				      "an entry is missing, added or moved");
		chain_hash(r.head, l.text, l.n, expected);
		if (memcmp(expected, l.hash, sizeof expected) != 0)
			return broken(e, r.entries + 1,
				      "the hash does not fit the line and the one before");
		memcpy(r.head, expected, sizeof r.head);
		if (r.entries++ == 0)
			r.first_time = l.time;
		r.last_time = l.time;
		p += n;
	}
	*out = r;
	return RC_OK;
}
