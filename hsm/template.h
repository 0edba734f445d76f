/* What is asked of a token for each kind of key, and that it was done. */
#ifndef HSM_TEMPLATE_H
#define HSM_TEMPLATE_H

#include "object.h"

extern const CK_BBOOL template_yes, template_no;
#define FLAG(type, on)                                                         \
	ATTRIBUTE(type, (on) ? &template_yes : &template_no, sizeof(CK_BBOOL))

/*
 * Every usage is named; nothing is left to a token's defaults. FLAG()s are read
 * back: a token that made something else has not obeyed. Rows point to what the
 * caller gave: keep it.
 */
struct template {
	CK_ATTRIBUTE rows[18];
	CK_ULONG n;
};

/* A private key that stays in the token. Usage as in hsm_key_generate(). */
struct template template_private(const uint8_t id[HSM_ID_LEN],
				 const char *label, unsigned usage);
/* Its public key. */
struct template template_public(const uint8_t id[HSM_ID_LEN],
				const char *label, unsigned usage);

/* A row more, in front: SoftHSM takes none after CKA_MODIFIABLE = false, which is
 * the last of a private key's. */
void template_add(struct template *t, CK_ATTRIBUTE row);

/* After CKR_ATTRIBUTE_TYPE_INVALID: leave out the one row that a token need not know,
 * because it asks for nothing but that nothing stands in a key's way out (openCryptoki
 * 3.8 knows no CKA_WRAP_WITH_TRUSTED). False: there is none any more. */
bool template_yield(struct template *t);

/* RC_TOKEN if the object has not the flags that were asked. */
enum rc template_check(struct hsm_session *s, CK_OBJECT_HANDLE object,
		       const char *label, const struct template *t,
		       struct err *e) MUST_CHECK;

/* The same for a key that came in. NSS gives every usage to such a key, whatever
 * the template says, and takes it back when told. */
enum rc template_enforce(struct hsm_session *s, CK_OBJECT_HANDLE object,
			 const char *label, const struct template *t,
			 struct err *e) MUST_CHECK;

#endif
