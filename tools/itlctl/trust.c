/* trust add, trust list, trust remove: whom TVS vouches for beside this cluster. */
#include "base/file.h"
#include "base/num.h"
#include "itlctl/answer.h"
#include "itlctl/certs.h"
#include "itlctl/commands.h"
#include "itlctl/page.h"
#include "itlctl/trustset.h"
#include <ctype.h>
#include <string.h>
#include <time.h>

/* ---- trust list ---- */

static void print_cert(const struct ctl *c, const json_t *cert)
{
	bool expired = answer_int(cert, "not_after") < (int64_t)time(NULL);
	char ttl[32], to[ANSWER_TIME];

	(void)fprintf(c->out, "%-40s  %-14s %-7s %s%s\n    %s%s%s\n", answer_text(cert, "sha1"),
		      answer_text(cert, "roles"), answer_any(cert, "ttl", ttl, sizeof ttl),
		      answer_time(cert, "not_after", to), expired ? "  EXPIRED" : "",
		      answer_text(cert, "subject"), answer_has(cert, "own") ? "  of this cluster: " : "",
		      answer_has(cert, "own") ? answer_text(cert, "own") : "");
}

static void warn(const struct ctl *c, const json_t *answer, const char *member,
		 const char *words)
{
	char why[1200];

	if (json_is_object(json_object_get(answer, member)))
		(void)fprintf(c->session->err, "itlctl: warning: %s: %s\n", words,
			      answer_any(answer, member, why, sizeof why));
}

enum rc trust_list(struct ctl *c, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *certs, *cert;
	size_t i;

	if (ctl_call(c, json_pack("{s:s}", "do", "trust"), NULL, NULL, &answer, e) != RC_OK ||
	    answer_unpack(answer, "trust", e, "{s:o}", "certs", &certs) != RC_OK)
		return e->rc;
	warn(c, answer, "error", "those of the token are as they were when it was last there");
	warn(c, answer, "fault", "TVS does not use the trust file");
	if (c->json)
		return ctl_result(c, json_incref(answer), e);
	(void)fprintf(c->out, "%-40s  %-14s %-7s %s\n", "Certificate (SHA-1)", "Roles", "TTL (s)",
		      "Not after");
	json_array_foreach(certs, i, cert)
		print_cert(c, cert);
	return RC_OK;
}

/* ---- trust add ---- */

struct adding {
	struct trustset *set;
	struct trust_entry as; /* roles and ttl of each */
	const char *path;
	size_t n;
};

static enum rc add(struct adding *a, const struct trust_entry *entry, struct err *e)
{
	a->n++;
	if (trustset_add(a->set, entry, e) == RC_OK)
		return RC_OK;
	return err_within(e, a->path);
}

static enum rc take(void *arg, X509 *x, struct err *e)
{
	struct adding *a = arg;
	enum rc rc;

	a->as.cert = x;
	rc = add(a, &a->as, e);
	X509_free(x);
	return rc;
}

/* Lists begin so (version 1.2), and no certificate does. */
static bool is_list(struct bytes file)
{
	static const uint8_t start[] = {1, 0, 2, 1};

	return file.n >= sizeof start && !memcmp(file.p, start, sizeof start);
}

static enum rc add_list(struct adding *a, struct bytes file, struct err *e)
{
	struct trust CLEANUP(trust_free) *t = NULL;

	if (trust_read_unverified(file, &t, e) != RC_OK) {
		(void)err_hint(e, "a phone's list is none: take the other cluster's certificates themselves");
		return err_within(e, a->path);
	}
	for (size_t i = 0; i < t->n; i++)
		if (add(a, &t->entries[i], e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static enum rc read_ttl(const char *text, uint32_t *out, struct err *e)
{
	unsigned long ttl = TRUST_TTL;
	char *end = NULL;

	if (text && isdigit((unsigned char)text[0]))
		ttl = strtoul(text, &end, 10);
	if (text && (!end || *end || ttl < TRUST_TTL_MIN || ttl > TRUST_TTL_MAX))
		return err_set(e, RC_USAGE, NULL, "is no number of seconds from 60 to 604800",
			       NULL, "--ttl %.40s", text);
	*out = (uint32_t)ttl;
	return RC_OK;
}

/* A trust file says for itself what its certificates are for; others cannot. */
static enum rc read_options(const struct ctl *c, bool list, struct trust_entry *as,
			    struct err *e)
{
	const char *roles = c->opt.value[OPT_ROLES], *ttl = c->opt.value[OPT_TTL];

	if (list && (roles || ttl))
		return err_set(e, RC_USAGE, "trust add",
			       "is a trust file, which has roles and times of its own",
			       "leave out --roles and --ttl", "%s", c->args[0]);
	if (!list && !roles)
		return err_set(e, RC_USAGE, "trust add", "what are the certificates for?",
			       "--roles CallManager or --roles ITLRecovery", "%s",
			       c->args[0]);
	if (roles && trust_roles_read(roles, &as->roles, e) != RC_OK)
		return err_within(e, "--roles");
	return read_ttl(ttl, &as->ttl, e);
}

enum rc trust_add(struct ctl *c, struct err *e)
{
	struct trustset CLEANUP(trustset_clear) set = {.n = 0};
	struct adding a = {.set = &set, .path = c->args[0]};
	uint8_t CLEANUP_FREE *bytes = NULL;
	struct bytes file;
	bool list;
	size_t n = 0;

	if (file_read(a.path, ITL_MAX_STORE, &bytes, &n, e) != RC_OK)
		return e->rc;
	file = bytes_of(bytes, n);
	list = is_list(file);
	if (read_options(c, list, &a.as, e) != RC_OK ||
	    trustset_open(c, "trust add", list, &set, e) != RC_OK)
		return e->rc;
	if ((list ? add_list(&a, file, e)
		  : certs_read_all(file, a.path, take, &a, e)) != RC_OK)
		return e->rc;
	return trustset_apply(&set, e);
}

/* ---- trust remove ---- */

enum rc trust_remove(struct ctl *c, struct err *e)
{
	struct trustset CLEANUP(trustset_clear) set = {.n = 0};

	if (trustset_open(c, "trust remove", false, &set, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < c->nargs; i++)
		if (trustset_remove(&set, c->args[i], e) != RC_OK)
			return e->rc;
	return trustset_apply(&set, e);
}
