#include "itlctl/lists.h"
#include "itlctl/answer.h"
#include "base/file.h"
#include "base/hex.h"
#include <sys/stat.h>
#include <time.h>

/* A .sgn says so in its version, 1.0 (spec: itl-format, .sgn). */
static bool looks_like_sgn(struct bytes b)
{
	static const uint8_t start[] = {1, 0, 2, 1, 0};

	return b.n >= sizeof start &&
	       bytes_equal(bytes_of(b.p, sizeof start),
			   bytes_of(start, sizeof start));
}

enum rc list_file_parse(struct list_file *f, unsigned flags, struct err *e)
{
	struct bytes b = bytes_of(f->bytes, f->n);

	f->sgn = looks_like_sgn(b);
	return itl_parse(b, flags | (f->sgn ? ITL_SGN : 0), &f->itl, e);
}

enum rc list_file_read(const char *path, unsigned flags, struct list_file *out,
		       struct err *e)
{
	struct stat st;

	*out = (struct list_file){0};
	if (file_read(path, LISTS_FILE_MAX, &out->bytes, &out->n, e) != RC_OK)
		return e->rc;
	if (stat(path, &st) == 0)
		out->modified = st.st_mtime;
	if (list_file_parse(out, flags, e) == RC_OK)
		return RC_OK;
	return err_within(e, path); /* the parser knows only the offset */
}

void list_file_clear(struct list_file *f)
{
	itl_free(f->itl);
	free(f->bytes);
	*f = (struct list_file){0};
}

static const char *kind_of(const struct itl *l)
{
	return itl_is_ctl(l) ? "CTL" : "ITL";
}

static json_t *with(json_t *where, json_t *list)
{
	if (where && list && json_object_update(list, where) != 0) {
		json_decref(list);
		list = NULL;
	}
	json_decref(where);
	return list;
}

enum rc list_show_missing(struct ctl *c, const char *kind, json_t *where,
			  struct err *e)
{
	struct itl_file_facts facts = {.kind = kind};
	char CLEANUP_FREE *text = NULL;

	c->exit = err_exit_code(RC_NOTFOUND);
	if (c->json)
		return ctl_result(c, with(where, json_pack("{s:i, s:n}", "length", 0, "sha1")), e);
	json_decref(where);
	text = itl_listing(NULL, &facts, NULL);
	if (!text)
		return err_set(e, RC_ERROR, "show", "out of memory", NULL, "list");
	(void)fputs(text, c->out);
	return RC_OK;
}

static json_t *hex_or_null(struct bytes b)
{
	char hex[2 * ITL_MAX_SIGNATURE + 1];

	return b.n ? json_string(hex_of(b, hex, sizeof hex)) : json_null();
}

static json_t *address_json(struct bytes b)
{
	return b.n == 4 ? json_sprintf("%u.%u.%u.%u", b.p[0], b.p[1], b.p[2],
				       b.p[3])
			: json_null();
}

/* SHA-1 of the record's certificate, which it holds whole or as this hash. */
static json_t *record_hash(const struct itl_record *r)
{
	char sha1[SHA1_HEX];

	if (r->cert.n)
		return json_string(itl_sha1_hex(r->cert, sha1));
	return hex_or_null(r->hash);
}

static json_t *text_or_null(struct bytes b)
{
	return b.n ? answer_bytes(b) : json_null();
}

/* The label of the key that a record's certificate belongs to; NULL: the token has
 * none such. */
static const char *record_label(const json_t *certs, const struct itl_record *r)
{
	json_auto_t *hash = record_hash(r);
	const char *sha1 = json_string_value(hash);
	const json_t *cert;
	size_t i;

	json_array_foreach(certs, i, cert)
		if (sha1 && !strcmp(answer_text(cert, "sha1"), sha1))
			return answer_text(cert, "label");
	return NULL;
}

static void tell_token(FILE *out, const struct list_file *f)
{
	(void)fprintf(out, "\nIn the token:\n");
	for (size_t i = 0; i < f->itl->nrecords; i++) {
		const char *label = record_label(f->certs, &f->itl->records[i]);

		(void)fprintf(out, "record %zu: %s\n", i + 1,
			      label ? label : "not in the token");
	}
}

static json_t *record_json(const struct list_file *f, const struct itl_record *r,
			   bool signer)
{
	const char *role = r->has_role ? itl_role_name(r->role) : NULL;
	json_t *number = r->has_role ? json_integer((json_int_t)r->role) : json_null();
	const char *label = f->certs ? record_label(f->certs, r) : NULL;
	json_t *token = NULL;

	if (f->certs)
		token = label ? json_string(label) : json_null();
	return json_pack("{s:o*, s:I, s:i, s:o, s:s?, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:b}",
			 "token", token, "offset", (json_int_t)r->offset, "length", (int)r->length,
			 "role", number, "function", role,
			 "subject", text_or_null(r->subject),
			 "issuer", text_or_null(r->issuer),
			 "serial", hex_or_null(r->serial),
			 "cert_sha1", record_hash(r),
			 "whole", r->cert.n > 0,
			 "dns", text_or_null(r->dns),
			 "address", address_json(r->address),
			 "signer", signer);
}

static json_t *records_json(const struct list_file *f)
{
	const struct itl *l = f->itl;
	const struct itl_record *signer = itl_find_signer(l, l);
	json_t *list = json_array();

	for (size_t i = 0; list && i < l->nrecords; i++)
		if (json_array_append_new(list, record_json(f, &l->records[i],
					  &l->records[i] == signer)) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

json_t *list_json(const struct list_file *f, const struct err *reason)
{
	const struct itl *l = f->itl;
	char sha1[SHA1_HEX], why[1200] = "", version[16];
	const char *digest = itl_digest_name(l->digest);

	(void)snprintf(version, sizeof version, "%u.%u", l->version[0],
		       l->version[1]);
	if (reason)
		err_text(reason, why, sizeof why);
	return json_pack("{s:s, s:o, s:s, s:I, s:I, s:s, s:i, s:{s:o, s:o, s:o}, s:s?, s:I, s:o, s:i, s:b, s:s?}",
			 "kind", f->sgn ? "sgn" : kind_of(l),
			 "file_name", text_or_null(l->file_name),
			 "sha1", itl_sha1_hex(l->file, sha1),
			 "length", (json_int_t)f->n,
			 "modified", (json_int_t)f->modified,
			 "version", version,
			 "header_length", (int)l->header_length,
			 "signer",
			 "name", text_or_null(l->signer_name),
			 "serial", hex_or_null(l->signer_serial),
			 "issuer", text_or_null(l->signer_issuer),
			 "digest", digest,
			 "timestamp", (json_int_t)l->timestamp,
			 "records", records_json(f),
			 "unknown_tags", (int)l->nunknown,
			 "verified", reason == NULL,
			 "reason", reason ? why : NULL);
}

enum rc list_show(struct ctl *c, const struct list_file *f, json_t *where,
		  struct err *e)
{
	struct itl_file_facts facts = {kind_of(f->itl), f->modified};
	struct err reason;
	bool good;

	if (f->sgn)
		good = !err_set(&reason, RC_VERIFY, NULL,
				"a .sgn does not hold its signer's certificate",
				"itlctl file verify FILE CERT", "signature");
	else
		good = itl_verify_self(f->itl, &reason) == RC_OK;
	if (!good && !f->sgn)
		c->exit = err_exit_code(RC_VERIFY);
	if (c->json)
		return ctl_result(c, with(where, list_json(f, good ? NULL : &reason)), e);
	json_decref(where);

	char CLEANUP_FREE *text = itl_listing(f->itl, &facts, good ? NULL : &reason);

	if (!text)
		return err_set(e, RC_ERROR, "show", "out of memory", NULL, "list");
	(void)fputs(text, c->out);
	if (f->certs)
		tell_token(c->out, f);
	return RC_OK;
}
