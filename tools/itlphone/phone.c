#include "phone.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SGN ".sgn"
#define REPORT_MAX (64u << 10) /* bytes of status.json */

const char *const phone_list_files[PHONE_LISTS] = {
	[PHONE_CTL] = CTL_FILE,
	[PHONE_ITL] = ITL_FILE,
};

enum rc phone_open(struct phone *p, const char *state, uint64_t mac,
		   struct err *e)
{
	*p = (struct phone){0};
	(void)snprintf(p->name, sizeof p->name, "SEP%012" PRIX64, mac);
	return file_path(p->dir, sizeof p->dir, state, p->name, e);
}

enum rc phone_load(struct phone *p, const char *state, uint64_t mac,
		   struct err *e)
{
	if (phone_open(p, state, mac, e))
		return e->rc;
	for (int i = 0; i < PHONE_LISTS; i++) {
		char path[PATH_MAX];

		if (file_path(path, sizeof path, p->dir, phone_list_files[i], e))
			return e->rc;
		if (file_read(path, ITL_MAX, &p->lists[i].p, &p->lists[i].n,
			      e) &&
		    e->rc != RC_NOTFOUND) {
			phone_clear(p);
			return err_hint(e, "itlphone erase removes the lists");
		}
	}
	return RC_OK;
}

void phone_clear(struct phone *p)
{
	for (int i = 0; i < PHONE_LISTS; i++) {
		free(p->lists[i].p);
		p->lists[i].p = NULL;
		p->lists[i].n = 0;
	}
}

struct bytes phone_installed(const struct phone *p, enum phone_list which)
{
	return bytes_of(p->lists[which].p, p->lists[which].n);
}

const char *phone_trust_text(const struct phone *p)
{
	static const char *const texts[] = {
		"No Trust List Installed",
		"CTL installed",
		"ITL installed",
		"CTL and ITL installed",
	};

	return texts[(p->lists[PHONE_CTL].p != NULL) +
		     2 * (p->lists[PHONE_ITL].p != NULL)];
}

static enum rc install(struct phone *p, enum phone_list which,
		       struct bytes list, struct err *e)
{
	char path[PATH_MAX];
	uint8_t CLEANUP_FREE *copy = malloc(list.n ? list.n : 1);
	uint8_t *old = p->lists[which].p;

	if (!copy)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", p->name);
	memcpy(copy, list.p, list.n);
	if (file_make_dir(p->dir, 0755, (uid_t)-1, (gid_t)-1, e) ||
	    file_path(path, sizeof path, p->dir, phone_list_files[which], e) ||
	    file_replace(path, list, 0644, e))
		return e->rc;
	p->lists[which].p = copy;
	p->lists[which].n = list.n;
	copy = old; /* freed instead */
	return RC_OK;
}

enum rc phone_offer(struct phone *p, enum phone_list which, struct bytes list,
		    itl_ask_tvs *ask, void *arg, struct phone_decision *out,
		    struct err *e)
{
	struct phone_decision d = {0};
	enum itl_verdict v;

	if (p->lists[which].p && bytes_equal(list, phone_installed(p, which))) {
		d = (struct phone_decision){
			.accepted = true,
			.same = true,
			.verdict = "same",
			.why = "the installed list is the same, byte for byte",
		};
		*out = d;
		return RC_OK;
	}
	v = itl_accept(phone_installed(p, PHONE_CTL),
		       phone_installed(p, PHONE_ITL), list, ask, arg, d.why);
	d.accepted = itl_accepted(v);
	d.verdict = itl_verdict_name(v);
	if (d.accepted && install(p, which, list, e))
		return e->rc;
	*out = d;
	return RC_OK;
}

/* ---- who may sign configuration, and who may be asked ---- */

static bool may_sign_files(unsigned role)
{
	return role == ITL_TFTP || role == ITL_CCM_TFTP;
}

/* Its certificate is the one that the header names, and the signature is right. */
static bool signs(const struct itl_record *r, const struct itl *sgn)
{
	X509 *cert = NULL;
	struct err e;
	bool good = !itl_record_x509(r, &cert, &e) && itl_signed_by(sgn, cert) &&
		    !itl_verify(sgn, cert, &e);

	X509_free(cert);
	return good;
}

static bool list_vouches(struct bytes list, const struct itl *sgn)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct err e;

	if (!list.n || itl_parse(list, ITL_LENIENT, &l, &e))
		return false;
	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];

		if (r->has_role && may_sign_files(r->role) && signs(r, sgn))
			return true;
	}
	return false;
}

static bool tvs_vouches(const struct itl *sgn, itl_ask_tvs *ask, void *arg)
{
	struct itl_tvs_answer answer = {0};
	bool may = false;

	if (!ask || !ask(arg, sgn, &answer) || !answer.valid)
		return false;
	for (size_t i = 0; i < answer.nroles; i++)
		may |= may_sign_files(answer.roles[i]);
	return may && signs(&(struct itl_record){.cert = answer.cert}, sgn);
}

enum rc phone_check_sgn(const struct phone *p, const char *name, struct bytes file,
			itl_ask_tvs *ask, void *arg, struct err *e)
{
	struct itl CLEANUP(itl_free) *sgn = NULL;

	if (itl_parse(file, ITL_SGN, &sgn, e))
		return e->rc;
	if (!bytes_equal(sgn->file_name, bytes_of(name, strlen(name) + 1)))
		return err_set(e, RC_VERIFY, "configuration",
			       "is signed under another name", NULL, "%s", name);
	if (!list_vouches(phone_installed(p, PHONE_CTL), sgn) &&
	    !list_vouches(phone_installed(p, PHONE_ITL), sgn) &&
	    !tvs_vouches(sgn, ask, arg))
		return err_set(e, RC_VERIFY, "configuration",
			       ask ? "no TFTP certificate of the installed list signed "
				     "it, nor does TVS vouch for its signer"
				   : "no TFTP certificate of the installed list signed it",
			       NULL, "%s", name);
	return RC_OK;
}

/* role < 0: any. */
static bool list_holds(struct bytes list, int role, const uint8_t sha1[SHA1_LEN])
{
	struct itl CLEANUP(itl_free) *l = NULL;
	const struct bytes want = bytes_of(sha1, SHA1_LEN);
	struct err e;

	if (!list.n || itl_parse(list, ITL_LENIENT, &l, &e))
		return false;
	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];
		uint8_t of_cert[SHA1_LEN];
		struct bytes has = r->hash;

		if (role >= 0 && !(r->has_role && r->role == (unsigned)role))
			continue;
		if (r->cert.n) {
			itl_sha1(r->cert, of_cert);
			has = bytes_of(of_cert, sizeof of_cert);
		}
		if (bytes_equal(has, want))
			return true;
	}
	return false;
}

bool phone_trusts_tvs(const struct phone *p, const uint8_t sha1[SHA1_LEN])
{
	return list_holds(phone_installed(p, PHONE_ITL), ITL_TVS, sha1);
}

const char *phone_trusts_server(const struct phone *p, const uint8_t sha1[SHA1_LEN])
{
	if (list_holds(phone_installed(p, PHONE_CTL), -1, sha1))
		return "by-ctl";
	return list_holds(phone_installed(p, PHONE_ITL), -1, sha1) ? "by-itl" : NULL;
}

/* ---- what it says ---- */

enum rc phone_log(const struct phone *p, const json_t *lines, struct err *e)
{
	char path[PATH_MAX], when[32];
	time_t now = time(NULL);
	struct tm tm;
	size_t i;
	json_t *line;

	if (file_make_dir(p->dir, 0755, (uid_t)-1, (gid_t)-1, e) ||
	    file_path(path, sizeof path, p->dir, "status.log", e))
		return e->rc;
	int CLEANUP(fd_close) fd = open(
		path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s", path);
	(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ",
		       gmtime_r(&now, &tm));
	json_array_foreach(lines, i, line)
		if (dprintf(fd, "%s %s\n", when, json_string_value(line)) < 0)
			return err_errno(e, RC_ERROR, "write", NULL, "%s", path);
	return RC_OK;
}

enum rc phone_save_report(const struct phone *p, const json_t *report,
			  struct err *e)
{
	char path[PATH_MAX];
	char CLEANUP_FREE *text = json_dumps(report, JSON_INDENT(2));

	if (!text)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", p->name);
	if (file_make_dir(p->dir, 0755, (uid_t)-1, (gid_t)-1, e) ||
	    file_path(path, sizeof path, p->dir, "status.json", e) ||
	    file_replace(path, bytes_of_text(text), 0644, e))
		return e->rc;
	return phone_log(p, json_object_get(report, "status"), e);
}

json_t *phone_read_report(const struct phone *p)
{
	char path[PATH_MAX];
	uint8_t CLEANUP_FREE *text = NULL;
	size_t n;
	struct err e;

	if (file_path(path, sizeof path, p->dir, "status.json", &e) ||
	    file_read(path, REPORT_MAX, &text, &n, &e))
		return NULL;
	return json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
}

enum rc phone_erase(struct phone *p, struct err *e)
{
	for (int i = 0; i < PHONE_LISTS; i++) {
		char path[PATH_MAX];

		if (file_path(path, sizeof path, p->dir, phone_list_files[i], e))
			return e->rc;
		if (unlink(path) != 0 && errno != ENOENT)
			return err_errno(e, RC_ERROR, "unlink", NULL, "%s", path);
	}
	phone_clear(p);
	return RC_OK;
}
