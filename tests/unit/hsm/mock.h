/*
 * A PKCS#11 module for tests: SoftHSM with faults. It passes every call on to
 * SoftHSM, counts some of them, and answers as it is told instead.
 */
#ifndef TEST_HSM_MOCK_H
#define TEST_HSM_MOCK_H

#include <p11-kit/pkcs11.h>

enum mock_call {
	MOCK_INITIALIZE,
	MOCK_GET_SLOT_LIST,
	MOCK_OPEN_SESSION,
	MOCK_LOGIN,
	MOCK_GENERATE,
	MOCK_CREATE,
	MOCK_GET_ATTRIBUTE,
	MOCK_FIND,
	MOCK_SIGN_INIT,
	MOCK_SIGN,
	MOCK_DECRYPT_INIT,
	MOCK_WRAP,
	MOCK_UNWRAP,
	MOCK_SET_ATTRIBUTE,
	MOCK_CALLS
};

struct mock {
	unsigned count[MOCK_CALLS];
	struct {
		CK_RV rv;
		unsigned times; /* how often the call answers rv */
		unsigned after; /* so many calls pass before */
	} fault[MOCK_CALLS];
	CK_FLAGS token_flags;      /* added to what the token says */
	CK_FLAGS initialize_flags; /* what C_Initialize was given */
	int spoil_signature;       /* C_Sign answers with one bit changed */
	int deaf_to_templates;     /* all new keys are extractable */
	int strips_zeros;          /* C_Decrypt leaves leading zeros out */
	int does_cbc_pad;          /* CKM_AES_CBC_PAD wraps and unwraps */
	int pads_with_zeros;       /* CKM_AES_CBC wraps any length */
	int ignores_iv;            /* the two above take an IV of zeros */
	int lets_out;              /* CKM_AES_CBC_PAD wraps a key that may not leave,
				      if it did so while it might */
	int deaf_to_seals;         /* C_SetAttributeValue does nothing */
	int knows_no_trusted;      /* CKA_WRAP_WITH_TRUSTED is no attribute */
	int no_key_wrap;           /* the RFC 5649 mechanisms are unknown */
};

/* mock_state of the module. */
extern struct mock mock_state;

#endif
