/* audit verify. */
#include "base/file.h"
#include "base/hex.h"
#include "itlctl/answer.h"
#include "itlctl/auditlog.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "itlctl/keyfile.h"
#include "recovery/recovery.h"
#include <string.h>
#include <time.h>

/* An Audit certificate of this age has signed something. keyd waits an hour for a
 * checkpoint at most. */
#define COVERED_AFTER (2 * 3600)
#define CERT_FILE_MAX (1u << 20)

/* What the log is compared with. */
struct comparison {
	X509 *certs[AUDIT_CERTS_MAX];
	size_t ncerts;
	bool covered; /* there must be a checkpoint */
	struct audit_known *known;
	size_t nknown;
	struct err front; /* rc: why front could not be asked */
};

static void comparison_clear_at(struct comparison *k)
{
	for (size_t i = 0; i < k->ncerts; i++)
		X509_free(k->certs[i]);
	free(k->known);
}

static enum rc add_known(struct comparison *k, const char *point, const char *from,
			 struct err *e)
{
	struct audit_known *more =
		reallocarray(k->known, k->nknown + 1, sizeof *more);

	if (!more)
		return err_errno(e, RC_ERROR, "realloc", NULL, "%s", from);
	k->known = more;
	more[k->nknown] = (struct audit_known){0};
	if (!audit_point_read(point, &more[k->nknown].at))
		return err_set(e, RC_USAGE, NULL, "is not N:HEX",
			       "an entry's number, a colon, and the 64 digits of its head",
			       "%s: %.100s", from, point);
	(void)snprintf(more[k->nknown].from, sizeof more->from, "%s", from);
	k->nknown++;
	return RC_OK;
}

/* ---- certificates ---- */

static enum rc cert_of_file(struct comparison *k, const char *path, struct err *e)
{
	uint8_t CLEANUP_FREE *text = NULL;
	size_t n;

	if (file_read(path, CERT_FILE_MAX, &text, &n, e) != RC_OK)
		return e->rc;
	k->certs[0] = certs_read(bytes_of(text, n));
	if (!k->certs[0])
		return err_set(e, RC_USAGE, NULL, "is no certificate (PEM or DER)",
			       "itlctl show cert list own names the cluster's", "%s", path);
	k->ncerts = 1;
	k->covered = true;
	return RC_OK;
}

static void cert_of_cluster(struct comparison *k, const json_t *cert)
{
	const char *pem = json_string_value(json_object_get(cert, "pem"));
	int64_t since = answer_int(cert, "not_before");

	if (strcmp(answer_text(cert, "unit"), "Audit") != 0 || !pem ||
	    k->ncerts == AUDIT_CERTS_MAX)
		return;
	k->certs[k->ncerts] = certs_read(bytes_of_text(pem));
	k->covered |= since && since < (int64_t)time(NULL) - COVERED_AFTER;
	k->ncerts += k->certs[k->ncerts] != NULL;
}

/* ---- heads ---- */

static enum rc heads_of_front(struct ctl *c, struct comparison *k, struct err *e)
{
	json_auto_t *answer = NULL;
	const json_t *list;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "audit"), NULL, NULL, &answer, e) !=
	    RC_OK)
		return e->rc;
	json_array_foreach(json_object_get(answer, "lists"), i, list) {
		char from[AUDIT_NAME_MAX], point[AUDIT_POINT_MAX];

		(void)snprintf(point, sizeof point, "%lld:%.64s",
			       (long long)answer_int(list, "entry"),
			       answer_text(list, "head"));
		(void)snprintf(from, sizeof from, "with the list %.40s (%s)",
			       answer_text(list, "sha1"), answer_text(list, "kind"));
		if (add_known(k, point, from, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

/* The heads come first: a log that is read later has them. */
static enum rc ask_front(struct ctl *c, struct comparison *k, struct err *e)
{
	json_auto_t *answer = NULL;
	const json_t *cert;
	size_t i;

	if (ctl_open(c, NEED_FRONT, e) != RC_OK || heads_of_front(c, k, e) != RC_OK)
		return e->rc;
	if (k->ncerts)
		return RC_OK;
	if (ctl_call(c, json_pack("{s:s}", "do", "certs"), NULL, NULL, &answer, e) !=
	    RC_OK)
		return e->rc;
	json_array_foreach(json_object_get(answer, "certs"), i, cert)
		cert_of_cluster(k, cert);
	return RC_OK;
}

static enum rc head_of_vault(struct ctl *c, struct comparison *k, const char *vault,
			     struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = NULL;
	struct ask_vault CLEANUP(ask_vault_clear) access = ctl_vault(c);
	struct secret CLEANUP(secret_free) *security = NULL;
	char from[AUDIT_NAME_MAX], point[AUDIT_POINT_MAX];
	struct keyfile file;

	if (ctl_open(c, NEED_CLUSTER | NEED_VAULTS, e) != RC_OK ||
	    keyfile_of_vault(c->vaults, vault, &file, e) != RC_OK ||
	    ctl_security_password(c, &security, e) != RC_OK ||
	    keyfile_open(c, &file, &access, security, &f, e) != RC_OK)
		return e->rc;
	(void)snprintf(from, sizeof from, "in the backup %s", file.name);
	for (size_t i = 0; f->envelope && i < f->envelope->nitems; i++) {
		const struct envelope_item *item = &f->envelope->items[i];

		if (strcmp(item->name, RECOVERY_AUDIT_HEAD) != 0)
			continue;
		(void)snprintf(point, sizeof point, "%.*s",
			       item->content.n < sizeof point
				       ? (int)item->content.n
				       : 0,
			       (const char *)item->content.p);
		return add_known(k, point, from, e);
	}
	return err_set(e, RC_NOTFOUND, "audit verify",
		       "it holds no head of the audit log: it is a bare p12, or older than such",
		       "make a backup (itlvault backup), and compare with that", "%s",
		       file.name);
}

static enum rc prepare(struct ctl *c, struct comparison *k, struct err *e)
{
	const char *cert = c->opt.value[OPT_CERT], *head = c->opt.value[OPT_HEAD];
	const char *vault = c->opt.value[OPT_VAULT];

	if ((cert && cert_of_file(k, cert, e) != RC_OK) ||
	    (head && add_known(k, head, "--head", e) != RC_OK) ||
	    (vault && head_of_vault(c, k, vault, e) != RC_OK))
		return e->rc;
	/* Files from elsewhere are verified where there is no cluster, too; and the
	 * cluster's where front is gone. */
	if (c->nargs)
		return RC_OK;
	if (ctl_open(c, NEED_CLUSTER, e) != RC_OK)
		return e->rc;
	(void)!ask_front(c, k, &k->front);
	return RC_OK;
}

/* ---- the report ---- */

static void tell_checkpoints(struct ctl *c, const struct comparison *k,
			     const struct audit_report *r)
{
	char when[24], hex[65];

	if (r->checkpoint) {
		(void)fprintf(c->out,
			      "Covered up to entry %llu by the checkpoint in entry %llu, %s\n",
			      (unsigned long long)r->covered,
			      (unsigned long long)r->checkpoint,
			      auditlog_time(r->checkpoint_time, when));
		(void)fprintf(c->out, "Signed by the %s %s\n",
			      k->ncerts ? "Audit certificate"
					: "certificate in the log itself, which nobody vouched for,",
			      hex_of(bytes_of(r->cert, sizeof r->cert), hex, sizeof hex));
		(void)fprintf(c->out, r->behind ? "Not yet covered: %llu entries\n"
						: "Nothing is behind it\n",
			      (unsigned long long)r->behind);
	} else {
		(void)fprintf(c->out, "No checkpoint covers it: only the chain was checked\n");
	}
	if (r->strange)
		(void)fprintf(c->out,
			      "%llu checkpoints are of certificates that are not linked to a named one\n",
			      (unsigned long long)r->strange);
	if (k->front.rc != RC_OK)
		(void)fprintf(c->out,
			      "The cluster's certificate and recorded heads could not be asked for: %s\n",
			      k->front.why);
}

static void tell(struct ctl *c, const struct audit_files *f,
		 const struct comparison *k, const struct audit_report *r)
{
	char head[AUDIT_POINT_MAX], first[24], last[24];
	struct audit_point p = {.entry = r->last};

	memcpy(p.head, r->head, sizeof p.head);
	(void)fprintf(c->out, "%s: %llu entries, the chain is whole\n",
		      f->paths[f->n - 1], (unsigned long long)r->entries);
	if (f->n > 1)
		(void)fprintf(c->out, "In %zu files, from %s\n", f->n, f->paths[0]);
	if (r->first > 1)
		(void)fprintf(c->out, "It begins with entry %llu: what was before is not here\n",
			      (unsigned long long)r->first);
	if (r->entries)
		(void)fprintf(c->out, "From %s to %s\nHead: %s\n",
			      auditlog_time(r->first_time, first),
			      auditlog_time(r->last_time, last),
			      audit_point_text(&p, head));
	tell_checkpoints(c, k, r);
	if (r->known)
		(void)fprintf(c->out, "%zu heads recorded elsewhere are in it\n", r->known);
	if (r->torn)
		(void)fprintf(c->out, "An unfinished last line of %zu bytes, which was never answered for, is left out.\n",
			      r->torn);
}

static json_t *report_json(const struct audit_files *f, const struct comparison *k,
			   const struct audit_report *r)
{
	char head[AUDIT_HASH_HEX], cert[65];
	json_t *files = json_array();

	for (size_t i = 0; i < f->n; i++)
		(void)json_array_append_new(files, json_string(f->paths[i]));
	return json_pack(
		"{s:s, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s?, s:b, s:I, s:I, s:I, s:I, s:s?}",
		"file", f->paths[f->n - 1], "files", files, "verified", 1, "entries",
		(json_int_t)r->entries, "first", (json_int_t)r->first, "last",
		(json_int_t)r->last, "first_time", (json_int_t)r->first_time,
		"last_time", (json_int_t)r->last_time, "head",
		hex_of(bytes_of(r->head, sizeof r->head), head, sizeof head),
		"checkpoints", (json_int_t)r->checkpoints, "covered",
		(json_int_t)r->covered, "checkpoint", (json_int_t)r->checkpoint,
		"checkpoint_time", (json_int_t)r->checkpoint_time, "not_covered",
		(json_int_t)r->behind, "certificate",
		r->checkpoint ? hex_of(bytes_of(r->cert, sizeof r->cert), cert,
				       sizeof cert)
			      : NULL,
		"trusted", r->checkpoint && k->ncerts, "strange",
		(json_int_t)r->strange, "heads", (json_int_t)r->known,
		"heads_before", (json_int_t)r->unreached, "torn",
		(json_int_t)r->torn, "unasked", k->front.rc ? k->front.why : NULL);
}

enum rc audit_verify_log(struct ctl *c, struct err *e)
{
	struct audit_files CLEANUP(audit_files_clear) files = {0};
	struct comparison CLEANUP(comparison_clear) k = {0};
	struct audit_verifier CLEANUP(audit_verifier_free) *v = NULL;
	struct auditlog_reader r = {0};
	struct audit_report report;
	struct audit_wanted w;

	if (prepare(c, &k, e) != RC_OK || auditlog_find(c, &files, e) != RC_OK)
		return e->rc;
	w = (struct audit_wanted){.certs = k.certs, .ncerts = k.ncerts,
				  .covered = k.covered, .known = k.known,
				  .nknown = k.nknown,
				  .cluster = c->nargs == 0 ? c->cluster->name : NULL};
	r.verifier = v = audit_verifier_new(&w);
	if (!v)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the audit log");
	if (auditlog_read(&r, &files, e) != RC_OK ||
	    audit_verifier_end(v, &report, e) != RC_OK)
		return e->rc;
	if (c->json)
		return ctl_result(c, report_json(&files, &k, &report), e);
	tell(c, &files, &k, &report);
	return RC_OK;
}
