/* Reading the log as a stranger's. */
#include "audit/verify.h"
#include "base/hex.h"
#include "base/num.h"
#include "internal.h"
#include "signers.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define EDITED "compare the log with a copy from elsewhere: it was changed"

struct audit_verifier {
	struct audit_report report;
	struct audit_chain chain;
	bool started;   /* something was read: the chain's place is known */
	uint64_t begin; /* the entry before the first that is read; 0: none */
	struct signers signers;
	bool covered;   /* must be */
	char cluster[64];
	struct audit_known *known; /* by entry */
	size_t nknown, at;         /* the next one to come */
	uint8_t (*heads)[AUDIT_HASH_LEN]; /* of the last AUDIT_COVER_MAX entries */
	char file[AUDIT_NAME_MAX];
	uint64_t line;             /* of the file, the last whole one */
	char part[AUDIT_LINE_MAX]; /* of a line whose rest comes with the next piece */
	size_t npart;
	struct err err;            /* of _new() or _feed(): it stays wrong */
};

static enum rc fail(struct audit_verifier *v, struct err *e, uint64_t number,
		    const char *why, const char *hint)
{
	char entry[48] = "";

	if (number)
		(void)snprintf(entry, sizeof entry, " (entry %llu)",
			       (unsigned long long)number);
	err_set(&v->err, RC_VERIFY, "verify", why, hint, "%s%sline %llu%s", v->file,
		v->file[0] ? ", " : "the audit log, ", (unsigned long long)v->line,
		entry);
	*e = v->err;
	return RC_VERIFY;
}

static int by_entry(const void *a, const void *b)
{
	uint64_t x = ((const struct audit_known *)a)->at.entry;
	uint64_t y = ((const struct audit_known *)b)->at.entry;

	return (x > y) - (x < y);
}

struct audit_verifier *audit_verifier_new(const struct audit_wanted *w)
{
	struct audit_verifier CLEANUP(audit_verifier_free) *v = calloc(1, sizeof *v);
	struct audit_verifier *done;

	if (!v)
		return NULL;
	audit_chain_start(&v->chain);
	v->covered = w->covered;
	v->heads = calloc(AUDIT_COVER_MAX, sizeof *v->heads);
	v->known = calloc(w->nknown + 1, sizeof *v->known);
	if (!v->heads || !v->known)
		return NULL;
	if (w->nknown)
		memcpy(v->known, w->known, w->nknown * sizeof *v->known);
	v->nknown = w->nknown;
	qsort(v->known, v->nknown, sizeof *v->known, by_entry);
	if (w->cluster)
		(void)snprintf(v->cluster, sizeof v->cluster, "%s", w->cluster);
	for (size_t i = 0; i < w->ncerts && v->err.rc == RC_OK; i++)
		if (signers_pin(&v->signers, w->certs[i], &v->err) != RC_OK)
			break;
	done = v;
	v = NULL;
	return done;
}

void audit_verifier_free(struct audit_verifier *v)
{
	if (!v)
		return;
	signers_clear(&v->signers);
	free(v->known);
	free(v->heads);
	free(v);
}

struct audit_point audit_verifier_point(const struct audit_verifier *v)
{
	return audit_chain_point(&v->chain);
}

/* ---- what stands in entries of keyd's own ---- */

static const char *check_cluster(struct audit_verifier *v, const char *cluster)
{
	if (!v->cluster[0])
		(void)snprintf(v->cluster, sizeof v->cluster, "%s", cluster);
	if (strcmp(v->cluster, cluster) != 0)
		return "the entry is another cluster's";
	(void)snprintf(v->report.cluster, sizeof v->report.cluster, "%s", cluster);
	return NULL;
}

/* The head that a checkpoint names, unless that lies before what is read. */
static const char *check_upto(const struct audit_verifier *v,
			      const struct audit_checkpoint *p, uint64_t number)
{
	const uint8_t *head = v->heads[p->upto.entry % AUDIT_COVER_MAX];

	if (p->upto.entry >= number)
		return "the checkpoint covers what comes after it";
	if (p->upto.entry < v->begin)
		return NULL;
	if (number - p->upto.entry >= AUDIT_COVER_MAX)
		return "the checkpoint covers too little of what is before it";
	return memcmp(head, p->upto.head, AUDIT_HASH_LEN) == 0
		       ? NULL
		       : "the checkpoint is one of another log";
}

static const char *read_checkpoint(struct audit_verifier *v, json_t *entry,
				   uint64_t number)
{
	struct audit_report *r = &v->report;
	const struct signer *signer;
	struct audit_checkpoint p;
	const char *why = signers_read_checkpoint(&v->signers, entry, &p, &signer);

	if (!why)
		why = check_upto(v, &p, number);
	if (why || p.upto.entry < v->begin)
		return why; /* what it covers was not read: it says nothing here */
	if (!signer || !signer->trusted) {
		r->strange++;
		return NULL;
	}
	why = check_cluster(v, p.cluster);
	if (why)
		return why;
	r->checkpoints++;
	r->covered = p.upto.entry;
	r->checkpoint = number;
	r->checkpoint_time = p.time;
	memcpy(r->cert, p.cert, sizeof r->cert);
	return NULL;
}

/* An entry that keyd made about the log itself. Quotes within texts are escaped, so
 * that a member's name stands nowhere else in a line. */
static const char *read_own(struct audit_verifier *v, const char *line, size_t n,
			    uint64_t number)
{
	static const char mark[] = ",\"event\":\"";
	const char *event = memmem(line, n, mark, sizeof mark - 1), *why = NULL;
	size_t left = event ? num_size(line + n - event) - (sizeof mark - 1) : 0;
	bool checkpoint, certificate;
	json_t *entry;

	if (event)
		event += sizeof mark - 1;
	checkpoint = left > sizeof AUDIT_CHECKPOINT &&
		     !memcmp(event, AUDIT_CHECKPOINT "\"", sizeof AUDIT_CHECKPOINT);
	certificate = left > sizeof AUDIT_CERTIFICATE &&
		      !memcmp(event, AUDIT_CERTIFICATE "\"",
			      sizeof AUDIT_CERTIFICATE);
	if (!checkpoint && !certificate)
		return NULL;
	entry = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	if (!entry)
		return "the line is no JSON";
	if (checkpoint)
		why = read_checkpoint(v, entry, number);
	else
		why = signers_read_certificate(&v->signers, entry);
	json_decref(entry);
	return why;
}

/* ---- lines ---- */

static enum rc check_known(struct audit_verifier *v, struct err *e)
{
	struct audit_point now = audit_chain_point(&v->chain);

	for (; v->at < v->nknown && v->known[v->at].at.entry <= now.entry; v->at++) {
		const struct audit_known *k = &v->known[v->at];
		char why[sizeof e->why];

		if (k->at.entry < now.entry) {
			v->report.unreached++;
			continue;
		}
		if (memcmp(k->at.head, now.head, AUDIT_HASH_LEN) != 0) {
			(void)snprintf(why, sizeof why,
				       "another head is recorded for this entry: %s",
				       k->from);
			return fail(v, e, now.entry, why,
				    "the log was replaced, or written anew up to here: look for a copy");
		}
		v->report.known++;
	}
	return RC_OK;
}

static enum rc continues(struct audit_verifier *v, const struct audit_line *l,
			 struct err *e)
{
	struct audit_point now = audit_chain_point(&v->chain);
	char hex[AUDIT_HASH_HEX];

	if (v->started && (l->number != now.entry ||
			   memcmp(hex_of(bytes_of(now.head, AUDIT_HASH_LEN), hex,
					 sizeof hex),
				  l->hex, 2 * AUDIT_HASH_LEN) != 0))
		return fail(v, e, 0,
			    "the file does not go on where the one before ended",
			    "give all files of the log, in their order");
	memcpy(hex, l->hex, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	v->chain.next = l->number + 1;
	if (!hex_read(hex, v->chain.head, AUDIT_HASH_LEN) || l->number == UINT64_MAX)
		return fail(v, e, 0, "the line is not an entry", EDITED);
	if (!v->started) {
		v->begin = l->number;
		memcpy(v->heads[l->number % AUDIT_COVER_MAX], v->chain.head,
		       AUDIT_HASH_LEN);
	}
	v->started = true;
	return check_known(v, e);
}

static enum rc read_line(struct audit_verifier *v, const char *line, size_t n,
			 struct err *e)
{
	struct audit_report *r = &v->report;
	char hex[AUDIT_HASH_HEX];
	struct audit_line l = {0};
	const char *why;

	v->line++;
	why = audit_line_read(line, n, &l);
	if (why)
		return fail(v, e, 0, why, EDITED);
	if (l.continues)
		return continues(v, &l, e);
	if (l.number != v->chain.next)
		return fail(v, e, l.number,
			    v->started ? "an entry is missing, added or moved"
				       : "the log does not begin with entry 1",
			    v->started ? EDITED
				       : "give the older files too, or compare with a copy");
	audit_chain_hash(v->chain.head, l.text, l.n, v->chain.head);
	(void)hex_of(bytes_of(v->chain.head, AUDIT_HASH_LEN), hex, sizeof hex);
	if (memcmp(hex, l.hex, 2 * AUDIT_HASH_LEN) != 0)
		return fail(v, e, l.number,
			    "the hash does not fit the line and the one before",
			    EDITED);
	memcpy(v->heads[l.number % AUDIT_COVER_MAX], v->chain.head, AUDIT_HASH_LEN);
	v->started = true;
	v->chain.next++;
	if (r->entries++ == 0) {
		r->first = l.number;
		r->first_time = l.time;
	}
	r->last = l.number;
	r->last_time = l.time;
	why = read_own(v, line, n, l.number);
	if (why)
		return fail(v, e, l.number, why, EDITED);
	return check_known(v, e);
}

enum rc audit_verifier_file(struct audit_verifier *v, const char *name,
			    struct err *e)
{
	if (v->npart) {
		v->line++;
		return fail(v, e, 0, "the file ends within a line, and is not the last",
			    EDITED);
	}
	(void)snprintf(v->file, sizeof v->file, "%s", name);
	v->line = 0;
	return RC_OK;
}

/* A line whose begin came with an earlier piece; *p moves behind it. */
static enum rc join(struct audit_verifier *v, const char **p, const char *end,
		    struct err *e)
{
	const char *stop = memchr(*p, '\n', num_size(end - *p));
	size_t n = stop ? num_size(stop - *p) + 1 : num_size(end - *p);

	if (n > sizeof v->part - v->npart) {
		v->line++;
		return fail(v, e, 0, "the line's length is none of an entry", EDITED);
	}
	memcpy(v->part + v->npart, *p, n);
	v->npart += n;
	*p += n;
	if (!stop)
		return RC_OK;
	n = v->npart;
	v->npart = 0;
	return read_line(v, v->part, n, e);
}

enum rc audit_verifier_feed(struct audit_verifier *v, struct bytes piece,
			    struct err *e)
{
	const char *p = (const char *)piece.p, *end = p + piece.n;

	if (v->err.rc != RC_OK) {
		*e = v->err;
		return e->rc;
	}
	while (p < end) {
		const char *stop = v->npart ? NULL
					    : memchr(p, '\n', num_size(end - p));

		if (!stop) {
			if (join(v, &p, end, e) != RC_OK)
				return e->rc;
			continue;
		}
		if (read_line(v, p, num_size(stop - p) + 1, e) != RC_OK)
			return e->rc;
		p = stop + 1;
	}
	return RC_OK;
}

/* ---- the end ---- */

static enum rc short_of(struct audit_verifier *v, struct err *e)
{
	const struct audit_known *k = &v->known[v->nknown - 1];
	char why[sizeof e->why];

	(void)snprintf(why, sizeof why,
		       "the log ends there, but entry %llu was in it: %.150s",
		       (unsigned long long)k->at.entry, k->from);
	return fail(v, e, v->report.last, why,
		    "its end was cut off, or it is another log: look for a copy");
}

enum rc audit_verifier_end(struct audit_verifier *v, struct audit_report *out,
			   struct err *e)
{
	struct audit_report *r = &v->report;

	memcpy(r->head, v->chain.head, sizeof r->head);
	r->torn = v->npart;
	r->behind = r->checkpoint ? r->last - r->covered - 1 : r->entries;
	*out = *r;
	if (v->err.rc != RC_OK)
		*e = v->err;
	else if (v->at < v->nknown)
		return short_of(v, e);
	else if (v->covered && !r->checkpoints)
		return fail(v, e, 0,
			    r->strange ? "all checkpoints are of other certificates than the one named"
				       : "no checkpoint of the named certificate is in the log",
			    "name the cluster's Audit certificate; if it is this one, the log is another one");
	return v->err.rc;
}
