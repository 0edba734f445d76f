#include "base/num.h"
#include "pool.h"
#include "uri.h"
#include <p11-kit/p11-kit.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SLOTS 4096 /* more than any module has */

/* A fixed field of PKCS#11, padded with blanks, as a C string. Control
 * characters would forge lines of a log. */
static void text_of(char *to, const unsigned char *field, size_t n)
{
	n = p11_kit_space_strlen(field, n);
	for (size_t i = 0; i < n; i++)
		to[i] = field[i] < ' ' || field[i] == 0x7f ? '?'
							   : (char)field[i];
	to[n] = '\0';
}

static void info_of(const CK_TOKEN_INFO *ti, struct hsm_token_info *to)
{
	text_of(to->label, ti->label, sizeof ti->label);
	text_of(to->manufacturer, ti->manufacturerID, sizeof ti->manufacturerID);
	text_of(to->model, ti->model, sizeof ti->model);
	text_of(to->serial, ti->serialNumber, sizeof ti->serialNumber);
	to->flags = ti->flags;
}

static enum rc list_slots(CK_FUNCTION_LIST *f, CK_SLOT_ID **out, CK_ULONG *n,
			  struct err *e)
{
	CK_SLOT_ID CLEANUP_FREE *slots = NULL;
	CK_ULONG count = 0;
	CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &count);

	if (rv == CKR_OK && count > MAX_SLOTS)
		rv = CKR_GENERAL_ERROR;
	if (rv != CKR_OK)
		return hsm_err(e, "C_GetSlotList", rv, "the module");
	slots = calloc(count + 1, sizeof *slots);
	if (!slots)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%lu slots",
				 count);
	CK_ULONG room = count;

	rv = f->C_GetSlotList(CK_TRUE, slots, &count);
	if (rv == CKR_OK && count > room)
		rv = CKR_GENERAL_ERROR;
	if (rv != CKR_OK)
		return hsm_err(e, "C_GetSlotList", rv, "the module");
	*out = slots;
	*n = count;
	slots = NULL;
	return RC_OK;
}

/* The module's and the slot's part of a URI (RFC 7512: library-*, slot-*). */
static bool place_matches(CK_FUNCTION_LIST *f, CK_SLOT_ID slot, P11KitUri *uri)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri);
	CK_SLOT_INFO si;
	CK_INFO mi;

	if (wanted != (CK_SLOT_ID)-1 && wanted != slot)
		return false;
	return f->C_GetInfo(&mi) == CKR_OK &&
	       f->C_GetSlotInfo(slot, &si) == CKR_OK &&
	       p11_kit_uri_match_module_info(uri, &mi) &&
	       p11_kit_uri_match_slot_info(uri, &si);
}

/* What a search over the slots found. */
struct search {
	CK_SLOT_ID slot;
	struct hsm_token_info info;
	unsigned matches;
	char names[200]; /* of the tokens, for the message */
};

static void note(struct search *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void note(struct search *s, const char *fmt, ...)
{
	size_t n = strlen(s->names);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->names + n, sizeof s->names - n, fmt, ap);
	va_end(ap);
}

static void look_at(struct search *s, CK_FUNCTION_LIST *f, CK_SLOT_ID slot,
		    P11KitUri *uri)
{
	const char *comma = s->names[0] ? ", " : "";
	struct hsm_token_info info;
	CK_TOKEN_INFO ti;
	CK_RV rv = f->C_GetTokenInfo(slot, &ti);

	if (rv != CKR_OK && rv != CKR_TOKEN_NOT_PRESENT &&
	    rv != CKR_TOKEN_NOT_RECOGNIZED) {
		note(s, "%sslot %lu: %s", comma, slot, hsm_ckr_name(rv));
		return;
	}
	/* SoftHSM always has a spare slot that is not initialised. */
	if (rv != CKR_OK || !(ti.flags & CKF_TOKEN_INITIALIZED))
		return;
	info_of(&ti, &info);
	note(s, "%s\"%s\" serial %s", comma, info.label, info.serial);
	if (!p11_kit_uri_match_token_info(uri, &ti) ||
	    !place_matches(f, slot, uri))
		return;
	s->matches++;
	s->slot = slot;
	s->info = info;
}

static enum rc find_token(CK_FUNCTION_LIST *f, P11KitUri *uri,
			  struct search *found, struct err *e)
{
	CK_SLOT_ID CLEANUP_FREE *slots = NULL;
	struct search s = {0};
	char why[sizeof e->why];
	CK_ULONG n = 0;

	if (list_slots(f, &slots, &n, e) != RC_OK)
		return e->rc;
	for (CK_ULONG i = 0; i < n; i++)
		look_at(&s, f, slots[i], uri);
	if (s.matches == 1) {
		*found = s;
		return RC_OK;
	}
	(void)snprintf(why, sizeof why, "%s; the module has: %s",
		       s.matches ? "more than one token matches"
				 : "no token matches",
		       s.names[0] ? s.names : "no initialised token");
	err_set(e, RC_TOKEN, "find token", why,
		s.matches ? "add serial=... to the URI"
			  : "correct the URI; is this the token's folder? initialise only a token that never had keys",
		"the URI");
	if (!s.matches)
		e->code = CKR_TOKEN_NOT_PRESENT;
	return e->rc;
}

enum rc hsm_token_open(struct hsm_module *m, const char *uri, unsigned sessions,
		       struct hsm_token **out, struct err *e)
{
	P11KitUri CLEANUP(uri_free) *parsed = NULL;
	struct hsm_token CLEANUP(hsm_token_free) *t = NULL;
	struct search found = {0};

	if (sessions < 1 || sessions > HSM_MAX_SESSIONS)
		return err_set(e, RC_USAGE, "open token",
			       "the number of sessions is out of range",
			       "choose 1 to 256", "%u sessions", sessions);
	if (uri_parse(uri, &parsed, e) != RC_OK ||
	    find_token(hsm_module_functions(m), parsed, &found, e) != RC_OK)
		return e->rc;
	t = calloc(1, sizeof *t);
	if (!t)
		return err_errno(e, RC_ERROR, "calloc", NULL, "a token");
	t->info = found.info;
	t->pool.functions = hsm_module_functions(m);
	t->pool.slot = found.slot;
	if (pool_open(t, sessions, e) != RC_OK)
		return e->rc;
	*out = t;
	t = NULL;
	return RC_OK;
}

void hsm_token_free(struct hsm_token *t)
{
	if (!t)
		return;
	if (t->logged_in)
		(void)t->pool.functions->C_Logout(t->pool.sessions[0].handle);
	pool_close(t);
	free(t->folder);
	free(t);
}

const struct hsm_token_info *hsm_token_info(const struct hsm_token *t)
{
	return &t->info;
}

static enum rc no_pin(struct hsm_token *t, const char *why, const char *hint,
		      struct err *e)
{
	return err_set(e, RC_PIN, "C_Login", why, hint, "token \"%s\"",
		       t->info.label);
}

/* What the token says of itself before any PIN is sent. *needed: send it. */
static enum rc may_send(struct hsm_token *t, const struct secret *pin,
			bool *needed, struct err *e)
{
	static const char by_officer[] =
		"the security officer must reset the user PIN";
	CK_TOKEN_INFO ti;
	CK_RV rv = t->pool.functions->C_GetTokenInfo(t->pool.slot, &ti);

	if (rv != CKR_OK)
		return hsm_err(e, "C_GetTokenInfo", rv, "token \"%s\"",
			       t->info.label);
	if (ti.flags & CKF_USER_PIN_LOCKED)
		return no_pin(t, "the PIN is locked; none was sent", by_officer,
			      e);
	if (ti.flags & CKF_USER_PIN_FINAL_TRY)
		return no_pin(t, "one more refused PIN would lock it; none was sent",
			      "log in with the right PIN by hand (pkcs11-tool --login), then restart",
			      e);
	*needed = ti.flags & CKF_LOGIN_REQUIRED;
	if (*needed && ti.ulMaxPinLen && ti.ulMaxPinLen <= SECRET_MAX &&
	    (pin->n > ti.ulMaxPinLen || pin->n < ti.ulMinPinLen))
		return no_pin(t, "the PIN is shorter or longer than the token's can be; none was sent",
			      "write the right PIN to the PIN file", e);
	return RC_OK;
}

enum rc hsm_token_login(struct hsm_token *t, const struct secret *pin,
			struct err *e)
{
	bool needed = true;
	CK_RV rv;

	if (t->pin_refused)
		return no_pin(t, "the token refused the PIN before; none was sent",
			      "write the right PIN to the PIN file", e);
	if (t->logged_in)
		return RC_OK;
	if (may_send(t, pin, &needed, e) != RC_OK)
		return e->rc;
	if (!needed)
		return RC_OK;
	rv = t->pool.functions->C_Login(t->pool.sessions[0].handle, CKU_USER,
					pin->p, pin->n);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
		t->logged_in = true;
		return RC_OK;
	}
	hsm_err(e, "C_Login", rv, "token \"%s\"", t->info.label);
	/* A vendor's own answer may mean the PIN: better not to send it again. */
	if (rv & CKR_VENDOR_DEFINED)
		e->rc = RC_PIN;
	t->pin_refused = e->rc == RC_PIN;
	return e->rc;
}
