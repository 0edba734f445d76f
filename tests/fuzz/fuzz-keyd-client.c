/*
 * Answers of a keyd that is none. The first byte says what is asked; then, as often as
 * the client reads,
 *
 *   how u8 | length u16 | bytes
 *
 * how: below RC_COUNT, an answer of this category to what was asked, with these
 * bytes as its body; 0xfd, to another question; 0xfe, the connection ends; else the
 * bytes are the frame. Argon2id and the socket are this file's own.
 */
/* Wrapped by the linker (CMakeLists.txt): base/sock.h declares this file's own. */
#define sock_connect __wrap_sock_connect
#define sock_send __wrap_sock_send
#define sock_wait __wrap_sock_wait
#define sock_recv __wrap_sock_recv

#include "base/num.h"
#include "keyd/client.h"
#include "keyd/wire.h"
#include <fcntl.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct reader answers;
static uint32_t asked; /* the id of the last request */

/* ---- in place of base/sock.h ---- */

enum rc sock_connect(const char *path, int *fd, struct err *e)
{
	(void)path;
	*fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? err_errno(e, RC_REFUSED, "open", NULL, "/dev/null") : RC_OK;
}

enum rc sock_send(int fd, struct bytes message, int pass, int flags, struct err *e)
{
	struct reader r = reader_of(message);
	unsigned what;

	(void)pass, (void)flags, (void)e;
	if (fd < 0 || !wire_header_read(&r, &what, &asked) || what == 0 ||
	    what >= KEYD_REQUEST_END || message.n > KEYD_FRAME_MAX)
		abort();
	return RC_OK;
}

enum rc sock_wait(int fd, int ms, struct err *e)
{
	if (fd < 0 || ms < 0)
		abort(); /* for ever */
	return reader_left(&answers) ? RC_OK
				     : err_set(e, RC_STALE, "receive", "nothing came", NULL, "-");
}

enum rc sock_recv(int fd, void *buf, size_t cap, size_t *n, int *pass, int flags,
		  struct err *e)
{
	unsigned how = read_u8(&answers);
	struct bytes b = read_bytes16(&answers);
	struct writer w = writer_of(buf, cap);

	(void)fd, (void)pass, (void)flags;
	if (answers.bad || how == 0xfe) {
		answers.pos = answers.bad ? answers.n : answers.pos;
		return err_set(e, RC_STALE, "receive", "it is closed", NULL, "-");
	}
	if (how < RC_COUNT || how == 0xfd)
		wire_header(&w, how == 0xfd ? 0 : how, asked + (how == 0xfd));
	write_bytes(&w, b);
	*n = w.n;
	return RC_OK;
}

int crypto_pwhash(unsigned char *const out, unsigned long long outlen,
		  const char *const passwd, unsigned long long passwdlen,
		  const unsigned char *const salt, unsigned long long opslimit,
		  size_t memlimit, int alg)
{
	(void)passwd, (void)passwdlen, (void)salt, (void)alg;
	if (!wire_cost_fits(opslimit, memlimit))
		abort();
	memset(out, 0x41, (size_t)outlen);
	return 0;
}

/* ---- what is asked ---- */

static struct keyd *keyd;
static struct keyd_passwords passwords;
static struct wrapped_key wrapped;
static X509 *cert;
static const uint8_t ticket[KEYD_TICKET_LEN];

static void check_key(const struct keyd_key *k)
{
	char label[LABEL_MAX];

	label_text(&k->label, label);
	if (!k->cert || !label[0] || k->label.unit >= UNIT_COUNT)
		abort();
}

static enum rc ask_status(struct err *e)
{
	struct keyd_status s;
	enum rc rc = keyd_status(keyd, &s, e);

	if (rc == RC_OK && (!memchr(s.token, 0, sizeof s.token) ||
			    !memchr(s.config, 0, sizeof s.config)))
		abort();
	return rc;
}

static enum rc ask_keys(struct err *e)
{
	struct keyd_key *keys = NULL;
	size_t n = 0;
	enum rc rc = keyd_keys(keyd, &keys, &n, e);

	if (rc != RC_OK && (keys || n))
		abort();
	for (size_t i = 0; i < n; i++)
		check_key(&keys[i]);
	keyd_keys_free(keys, n);
	return rc;
}

static enum rc ask_halves(struct err *e)
{
	struct keyd_half *all = NULL;
	size_t n = 0;
	enum rc rc = keyd_incomplete(keyd, &all, &n, e);

	if (rc != RC_OK && all)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!memchr(all[i].lack, 0, sizeof all[i].lack))
			abort();
	free(all);
	return rc;
}

static enum rc check_list(enum rc rc, uint8_t *list, size_t n)
{
	if ((rc == RC_OK) != (list && n))
		abort();
	free(list);
	return rc;
}

static enum rc ask_itl(struct err *e)
{
	uint8_t *list = NULL;
	size_t n = 0;
	enum rc rc = keyd_sign_itl(keyd, "n1", 1, &list, &n, e);

	return check_list(rc, list, n);
}

static enum rc ask_ctl(struct err *e)
{
	uint8_t *list = NULL;
	size_t n = 0;
	enum rc rc = keyd_ctl(keyd, ticket, 1, 1, &list, &n, e);

	return check_list(rc, list, n);
}

static enum rc ask_reset(struct err *e)
{
	uint8_t *list = NULL;
	size_t n = 0;
	enum rc rc = keyd_reset(keyd, ticket, 1, KEYD_LOCALKEY, bytes_of("x", 1), 1, &list, &n,
				e);

	return check_list(rc, list, n);
}

static enum rc ask_preview(struct err *e)
{
	uint8_t sha1[20];

	return keyd_reset_preview(keyd, ticket, 1, KEYD_REMOTEKEY, bytes_of("x", 1), 1, sha1, e);
}

static enum rc take_key(enum rc rc, struct keyd_key *k)
{
	if (rc == RC_OK)
		check_key(k);
	else if (k->cert)
		abort();
	X509_free(k->cert);
	return rc;
}

static enum rc ask_generate(struct err *e)
{
	struct keyd_key k = {0};

	return take_key(keyd_generate(keyd, ticket, 1, UNIT_TVS, "n1", &k, e), &k);
}

static enum rc ask_cert_import(struct err *e)
{
	struct keyd_key k = {0};

	return take_key(keyd_cert_import(keyd, ticket, 1, UNIT_TVS, "n1", bytes_of("x", 1), &k,
					 e), &k);
}

static enum rc ask_csr(struct err *e)
{
	struct keyd_csr c = {0};
	enum rc rc = keyd_csr(keyd, ticket, 1, UNIT_CAPF, NULL, &c, e);

	if ((rc == RC_OK) != (c.req != NULL))
		abort();
	X509_REQ_free(c.req);
	return rc;
}

static enum rc ask_proof(struct err *e)
{
	uint8_t claim[KEYD_CLAIM_LEN] = {0};
	struct keyd_proof p;

	return keyd_proof(keyd, claim, 1, &p, e);
}

static enum rc ask_ticket(struct err *e)
{
	const struct keyd_intent intent = keyd_intent_ctl(1);
	uint8_t got[KEYD_TICKET_LEN];

	return keyd_ticket(keyd, passwords.admin, &intent, got, e);
}

static enum rc ask_export(struct err *e)
{
	char route[KEYD_ROUTE_MAX] = "";
	struct keyd_key k = {0};
	enum rc rc;

	wrapped.n = 0;
	rc = keyd_export(keyd, &passwords, &wrapped, &k, route, e);
	if (rc == RC_OK && (wrapped.n == 0 || wrapped.n > sizeof wrapped.bytes))
		abort();
	return take_key(rc, &k);
}

static enum rc ask_prove(struct err *e)
{
	char label[LABEL_MAX] = "", route[KEYD_ROUTE_MAX] = "";
	uint8_t claim[KEYD_CLAIM_LEN] = {0};

	return keyd_prove(keyd, &passwords, &wrapped, cert, claim, label, route, e);
}

static enum rc ask_import(struct err *e)
{
	char route[KEYD_ROUTE_MAX] = "";
	struct keyd_key k = {0};
	bool present;

	return take_key(keyd_import(keyd, &passwords, UNIT_CAPF, NULL, &wrapped, cert, true, &k,
				    &present, route, e), &k);
}

static enum rc ask_security(struct err *e)
{
	return keyd_security_set(keyd, &passwords, passwords.admin, e);
}

static enum rc ask_password(struct err *e)
{
	return keyd_password_set(keyd, passwords.admin, passwords.admin, e);
}

static enum rc ask_override(struct err *e)
{
	return keyd_override(keyd, passwords.admin, "op=x", e);
}

static enum rc ask_note(struct err *e)
{
	return keyd_note(keyd, "event", "text", e);
}

static enum rc (*const questions[])(struct err *e) = {
	ask_status,  ask_keys,	  ask_halves, ask_itl,	       ask_ctl,	   ask_reset,
	ask_preview, ask_generate, ask_csr,   ask_cert_import, ask_proof,  ask_ticket,
	ask_export,  ask_prove,	  ask_import, ask_security,    ask_password, ask_override,
	ask_note,
};

/* ---- an input ---- */

static struct secret *some_secret(size_t n)
{
	struct secret *s = NULL;
	struct err e;

	if (secret_new(n, &s, &e) != RC_OK)
		abort();
	memset(s->p, 'x', s->n);
	return s;
}

static void start_once(void)
{
	FILE *f;

	if (cert)
		return;
	f = fopen(TOKEN_FILE, "re");
	cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	if (!cert)
		abort();
	(void)fclose(f);
	passwords.admin = passwords.security = some_secret(8);
	wrapped.kek = some_secret(WRAPPED_KEK_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = {0};
	char text[1200];
	enum rc rc;

	if (n == 0)
		return 0;
	start_once();
	answers = reader_of(bytes_of(data + 1, n - 1));
	if (keyd_open("/none", &keyd, &e) != RC_OK)
		abort();
	rc = questions[data[0] % COUNT_OF(questions)](&e);
	if (rc != RC_OK && (e.rc != rc || !err_text(&e, text, sizeof text)[0]))
		abort();
	keyd_free(keyd);
	return 0;
}
