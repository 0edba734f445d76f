/* What the token tests share: a private SoftHSM, opened and logged in. */
#ifndef TEST_HSM_FIXTURE_H
#define TEST_HSM_FIXTURE_H

#include "hsm/sign.h"
#include "mock.h"
#include "support/softhsm.h"

#define TOKEN_LABEL "itlkeeper test"
#define TOKEN_URI "pkcs11:token=itlkeeper%20test"

struct fixture {
	struct softhsm softhsm;
	void *library;     /* a handle of the mock that keeps its state */
	struct mock *mock;
	struct hsm_module *module;
	struct hsm_token *token;
	struct hsm_session *session;
};

/* A token behind the mock module, `sessions` sessions, one of them taken. */
void fixture_open(struct fixture *f, unsigned sessions);
void fixture_close(struct fixture *f);
/* Close the module and open it again, as a restarted process would. */
void fixture_reopen(struct fixture *f);

const char *mock_module(void); /* its path */

struct hsm_key *fixture_pair(struct fixture *f, const char *label,
			     unsigned bits, unsigned usage);
/* A pair with its certificate: a complete triple. */
struct hsm_key *fixture_key(struct fixture *f, const char *label,
			    unsigned bits, unsigned usage);
/* A self-signed certificate of the key, signed by it in the token through the
 * provider. X509_free() it. */
X509 *fixture_cert(struct hsm_session *s, struct hsm_key *key);

/* The one object of this class that the key has. */
CK_OBJECT_HANDLE object_of(struct fixture *f, const struct hsm_key *key,
			   CK_OBJECT_CLASS class);

/* The error's text, in a buffer that the next call overwrites. */
const char *fixture_text(const struct err *e);

/* For tests of a whole group: cmocka's setup and teardown of a fixture with
 * four sessions. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Its mock, without the faults of the test before. */
struct mock *mock_of(void **state);

#endif
