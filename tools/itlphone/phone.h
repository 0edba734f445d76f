/*
 * A simulated phone: a name, a state folder, the lists that are installed in
 * it, and the phone's decisions about what a server offers (spec: phone).
 * Knows no network.
 *
 *   STATE/SEP001122330000/ITLFile.tlv    installed lists, as served
 *                         CTLFile.tlv
 *                         status.json    the report of the last reset
 *                         status.log     its status lines, with their time
 */
#ifndef PHONE_H
#define PHONE_H

#include "base/bytes.h"
#include "base/err.h"
#include "itl/accept.h"
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#define PHONE_NAME_MAX 16 /* "SEP" and 12 hex digits, NUL included */

enum phone_list { PHONE_CTL, PHONE_ITL, PHONE_LISTS };
extern const char *const phone_list_files[PHONE_LISTS]; /* "CTLFile.tlv", ... */

struct phone {
	char name[PHONE_NAME_MAX];
	char dir[PATH_MAX];
	struct {
		uint8_t *p; /* owned; NULL: not installed */
		size_t n;
	} lists[PHONE_LISTS];
};

/* Name and folder alone: no list is read. */
enum rc phone_open(struct phone *p, const char *state, uint64_t mac,
		   struct err *e) MUST_CHECK;

/* The phone with this MAC, as its folder has it; a phone without a folder has
 * no lists. phone_clear() it. */
enum rc phone_load(struct phone *p, const char *state, uint64_t mac,
		   struct err *e) MUST_CHECK;
void phone_clear(struct phone *p);

/* Of length 0 if it is not installed. */
struct bytes phone_installed(const struct phone *p, enum phone_list which);

/* What a phone says that it has: "CTL and ITL installed", ... */
const char *phone_trust_text(const struct phone *p);

struct phone_decision {
	bool accepted;       /* or the same as the installed one */
	bool same;           /* nothing to do: no update */
	const char *verdict; /* itl_verdict_name(), or "same" */
	char why[256];
};

/*
 * Offer a list. One that is accepted is installed when this returns: it
 * replaces the installed one whole, and the change outlives a crash. `ask` is
 * how the phone asks a TVS, or NULL. Fails only if the folder cannot be
 * written; then the old list stays.
 */
enum rc phone_offer(struct phone *p, enum phone_list which, struct bytes list,
		    itl_ask_tvs *ask, void *arg, struct phone_decision *out,
		    struct err *e) MUST_CHECK;

/* RC_OK if a TFTP or CCM+TFTP certificate of an installed list signed this
 * .sgn, or TVS vouches for its signer as such (`ask` as above); `name` is the name
 * that the phone asked for. Else RC_VERIFY. */
enum rc phone_check_sgn(const struct phone *p, const char *name, struct bytes file,
			itl_ask_tvs *ask, void *arg, struct err *e) MUST_CHECK;

/* Does the certificate with this SHA-1 stand in a TVS record of the installed ITL? */
bool phone_trusts_tvs(const struct phone *p, const uint8_t sha1[SHA1_LEN]);
/* Or in any record of the installed lists: by which? "by-itl", "by-ctl", or NULL. */
const char *phone_trusts_server(const struct phone *p, const uint8_t sha1[SHA1_LEN]);

/* status.json, and its status lines appended to status.log. */
enum rc phone_save_report(const struct phone *p, const json_t *report,
			  struct err *e) MUST_CHECK;
/* Status lines alone, appended to status.log. */
enum rc phone_log(const struct phone *p, const json_t *lines,
		  struct err *e) MUST_CHECK;
/* NULL if there is none (or none that can be read). json_decref() it. */
json_t *phone_read_report(const struct phone *p);

/* Remove the installed lists, as a user does by hand in the phone's menu. */
enum rc phone_erase(struct phone *p, struct err *e) MUST_CHECK;

#endif
