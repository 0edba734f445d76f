/* What a change of the trust store changes: for people, the audit log, and programs. */
#include "base/num.h"
#include "base/text.h"
#include "itlctl/trustset.h"
#include <string.h>

const struct trust_entry *trustset_find(const struct trust_entry *entries, size_t n,
				      const X509 *cert)
{
	for (size_t i = 0; i < n; i++)
		if (!X509_cmp(entries[i].cert, cert))
			return &entries[i];
	return NULL;
}

char *trustset_sha1(const X509 *cert, char hex[SHA1_HEX])
{
	uint8_t digest[SHA1_LEN] = {0};

	(void)X509_digest(cert, EVP_sha1(), digest, NULL);
	return hex_of(bytes_of(digest, sizeof digest), hex, SHA1_HEX);
}

char *trustset_subject(const X509 *cert, char name[ITL_MAX_NAME])
{
	struct err ignored;
	size_t n = 0;

	if (itl_name(X509_get_subject_name(cert), name, &n, &ignored) != RC_OK || n < 2)
		(void)snprintf(name, ITL_MAX_NAME, "-");
	return name;
}

enum how { SAME, ADDED, CHANGED, REMOVED, HOWS };

static const struct {
	char mark;
	const char *word;   /* in the audit log */
	const char *member; /* in JSON */
} hows[HOWS] = {
	[SAME] = {'=', NULL, NULL},
	[ADDED] = {'+', "add", "added"},
	[CHANGED] = {'~', "change", "changed"},
	[REMOVED] = {'-', "remove", "removed"},
};

/* Calls `tell` for each certificate that is not as it was; returns how many. */
static size_t each_change(const struct trustset *s,
			  void (*tell)(void *arg, enum how how,
				       const struct trust_entry *entry),
			  void *arg)
{
	size_t nwas = s->was ? s->was->n : 0, n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct trust_entry *now = &s->entries[i];
		const struct trust_entry *was =
			nwas ? trustset_find(s->was->entries, nwas, now->cert) : NULL;

		if (was && was->roles == now->roles && was->ttl == now->ttl)
			continue;
		n++;
		if (tell)
			tell(arg, was ? CHANGED : ADDED, now);
	}
	for (size_t i = 0; i < nwas; i++)
		if (!trustset_find(s->entries, s->n, s->was->entries[i].cert)) {
			n++;
			if (tell)
				tell(arg, REMOVED, &s->was->entries[i]);
		}
	return n;
}

static void print_change(void *arg, enum how how, const struct trust_entry *entry)
{
	const ASN1_TIME *end = X509_get0_notAfter(entry->cert);
	char name[ITL_MAX_NAME], hex[SHA1_HEX], roles[TRUST_ROLES_TEXT];
	bool expired = X509_cmp_current_time(end) < 0;
	struct tm tm = {0};
	FILE *out = arg;

	(void)ASN1_TIME_to_tm(end, &tm);
	(void)fprintf(out, "  %c %s\n    %s, for %u s; SHA-1 %s, %s %04d-%02d-%02d\n",
		      hows[how].mark, text_flatten(trustset_subject(entry->cert, name)),
		      trust_roles_text(entry->roles, roles), entry->ttl,
		      trustset_sha1(entry->cert, hex), expired ? "EXPIRED on" : "until",
		      tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

/* What stays, too: what was there before is front's word, who may have an older set of
 * this cluster's signature. */
static void print_same(const struct trustset *s, FILE *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct trust_entry *now = &s->entries[i], *was = NULL;

		if (s->was)
			was = trustset_find(s->was->entries, s->was->n, now->cert);
		if (was && was->roles == now->roles && was->ttl == now->ttl)
			print_change(out, SAME, now);
	}
}

void trustset_show(const struct trustset *s, FILE *out)
{
	(void)fprintf(out, "\nThe trust store will hold %zu certificate%s of elsewhere:\n",
		      s->n, s->n == 1 ? "" : "s");
	print_same(s, out);
	if (!each_change(s, print_change, out))
		(void)fprintf(out, "  the same as before, signed anew\n");
	(void)fprintf(out, "\n");
	(void)fflush(out);
}

struct words {
	char *to;
	size_t n, more;
};

static void add_words(void *arg, enum how how, const struct trust_entry *entry)
{
	char hex[SHA1_HEX], roles[TRUST_ROLES_TEXT], word[160];
	struct words *w = arg;
	int n = snprintf(word, sizeof word, "%s%s=%s:%s:%u", w->n ? " " : "", hows[how].word,
			 trustset_sha1(entry->cert, hex), trust_roles_text(entry->roles, roles),
			 entry->ttl);

	/* Room for " more=128" stays. */
	if (w->more || w->n + num_size(n) + 12 > KEYD_TRUST_CHANGE) {
		w->more++;
		return;
	}
	memcpy(w->to + w->n, word, num_size(n) + 1);
	w->n += num_size(n);
}

size_t trustset_changes(const struct trustset *s)
{
	return each_change(s, NULL, NULL);
}

/* For the audit log: what fits; keyd has the digest of all of it. */
void trustset_words(const struct trustset *s, char to[KEYD_TRUST_CHANGE])
{
	struct words w = {.to = to};

	to[0] = '\0';
	if (!each_change(s, add_words, &w))
		(void)snprintf(to, KEYD_TRUST_CHANGE, "renew=yes");
	if (w.more)
		(void)snprintf(to + w.n, KEYD_TRUST_CHANGE - w.n, " more=%zu", w.more);
}

static void add_member(void *arg, enum how how, const struct trust_entry *entry)
{
	char hex[SHA1_HEX];

	(void)json_array_append_new(json_object_get(arg, hows[how].member),
				    json_string(trustset_sha1(entry->cert, hex)));
}

json_t *trustset_json(const struct trustset *s)
{
	json_t *j = json_pack("{s:s, s:i, s:[], s:[], s:[]}", "file", s->file, "certificates",
			      num_int(s->n), "added", "changed", "removed");

	if (j)
		(void)each_change(s, add_member, j);
	return j;
}
