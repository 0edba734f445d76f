/* What the mock module wraps in ways that SoftHSM does not: over SoftHSM's RFC
 * 5649, and OpenSSL. */
#ifndef TEST_HSM_MOCK_WRAP_H
#define TEST_HSM_MOCK_WRAP_H

#include "mock.h"

/* An object was created: the value of a secret key is kept. */
void mock_wrap_note(CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *template,
		    CK_ULONG n);

CK_RV mock_wrap(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key,
		CK_BYTE *out, CK_ULONG *n);
CK_RV mock_unwrap(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		  CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG n,
		  CK_ATTRIBUTE *template, CK_ULONG rows, CK_OBJECT_HANDLE *out);

#endif
