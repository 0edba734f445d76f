/*
 * Requests, as they lie in keyd's queue: whoever sends them, whatever is in them.
 * The first byte: bit 0, the passwords are set; 'T' or 't', what follows is a message
 * for tls.h. Then for each request
 *
 *   what u8 | how u8 | length u16 | body
 *
 * how: bits 0-1 the role, 2 root, 3-4 the ticket (enum sent_ticket), 5 a sealed memfd
 * beside it, 6 a ticket for other is for another operation, not other parameters. No request uses a key or changes anything that its row here does
 * not allow; without its ticket, no ticketed one does.
 */
#include "base/num.h"
#include "base/proc.h"
#include "keyd-world.h"
#include "itl/trust.h"
#include "keyd/intent.h"
#include "tls.h"
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>

#define REQUESTS_MAX 8
#define F ROLE_FRONT
#define A ROLE_ADMIN
#define T ROLE_TVS

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum sent_ticket { TICKET_AS_IT_IS, TICKET_RIGHT, TICKET_OF_ANOTHER, TICKET_FOR_OTHER };
enum needs {
	NOTHING,
	CONSENT,     /* a ticket through front: for the intent, of the uid in the body */
	OWN_CONSENT, /* a ticket of the peer's, for the rest of the body */
};
enum effect {
	SIGNS = 1, DECRYPTS = 2, WRAPS = 4, PROVES = 8, CHANGES = 16, NOTES = 32,
	PASSWORDS = 64, /* needs the old one, or root, or that there is none */
	TAKES_PROOF = 128, GIVES_TICKET = 256, /* needs the password */
};

/* What the design says, apart from what the code does. */
static const struct row {
	unsigned roles;
	enum needs needs;
	enum keyd_op op; /* of OWN_CONSENT */
	unsigned effects;
} rows[KEYD_REQUEST_END] = {
	[KEYD_STATUS] = {F | A | T, NOTHING, 0, 0},
	[KEYD_KEYS] = {F | A | T, NOTHING, 0, 0},
	[KEYD_SALT] = {A, NOTHING, 0, 0},
	[KEYD_TICKET] = {A, NOTHING, 0, GIVES_TICKET},
	[KEYD_PASSWORD] = {A, NOTHING, 0, PASSWORDS},
	[KEYD_ITL] = {F, NOTHING, 0, SIGNS},
	[KEYD_SGN] = {F, NOTHING, 0, SIGNS},
	[KEYD_CTL] = {F, CONSENT, 0, SIGNS},
	[KEYD_RESET] = {F, CONSENT, 0, SIGNS},
	[KEYD_PREVIEW] = {F, CONSENT, 0, SIGNS},
	[KEYD_GENERATE] = {F, CONSENT, 0, SIGNS | CHANGES | NOTES | WRAPS},
	[KEYD_NOTE] = {F, NOTHING, 0, 0},
	[KEYD_TLS_SIGN] = {T, NOTHING, 0, SIGNS},
	[KEYD_TLS_DECRYPT] = {T, NOTHING, 0, DECRYPTS},
	[KEYD_EXPORT] = {A, OWN_CONSENT, KEYD_OP_EXPORT, WRAPS},
	[KEYD_PROVE] = {A, OWN_CONSENT, KEYD_OP_PROVE, PROVES},
	[KEYD_IMPORT] = {A, OWN_CONSENT, KEYD_OP_IMPORT, CHANGES | NOTES},
	[KEYD_SEAL] = {A, OWN_CONSENT, KEYD_OP_SEAL, CHANGES},
	[KEYD_SECURITY] = {A, OWN_CONSENT, KEYD_OP_SECURITY, PASSWORDS},
	[KEYD_SECURITY_SALT] = {A, NOTHING, 0, 0},
	[KEYD_PROOF] = {F, NOTHING, 0, TAKES_PROOF},
	[KEYD_INCOMPLETE] = {F | A, NOTHING, 0, 0},
	[KEYD_TIDY] = {A, OWN_CONSENT, KEYD_OP_TIDY, CHANGES},
	[KEYD_ROLLBACK] = {F, CONSENT, 0, NOTES},
	[KEYD_REMOVE] = {F, CONSENT, 0, CHANGES},
	[KEYD_CSR] = {F, CONSENT, 0, SIGNS | CHANGES | NOTES | WRAPS},
	[KEYD_CSR_SHOW] = {F, NOTHING, 0, 0},
	[KEYD_CERT_IMPORT] = {F, CONSENT, 0, SIGNS | CHANGES},
	[KEYD_OVERRIDE] = {F | A, OWN_CONSENT, KEYD_OP_OVERRIDE, 0},
	[KEYD_TRUST] = {F, CONSENT, 0, SIGNS},
};

/* ---- an input's request ---- */

struct sent {
	unsigned what;
	enum role role;
	uid_t uid;
	enum sent_ticket ticket;
	bool fd, other_op;
	uint8_t *body; /* a copy of its own size */
	size_t n;
};

static enum needs needs_of(const struct sent *r)
{
	if (r->what >= KEYD_REQUEST_END)
		return NOTHING;
	return r->what == KEYD_OVERRIDE && r->role == ROLE_FRONT ? CONSENT
								  : rows[r->what].needs;
}

static bool take_request(struct reader *in, struct sent *r)
{
	static const enum role roles[] = {ROLE_NONE, ROLE_FRONT, ROLE_TVS, ROLE_ADMIN};
	unsigned how, n;
	struct bytes body;

	*r = (struct sent){.what = read_u8(in)};
	how = read_u8(in);
	n = read_u16(in);
	if (in->bad)
		return false;
	body = read_bytes(in, n < reader_left(in) ? n : reader_left(in));
	r->role = roles[how & 3];
	r->uid = how & 4 ? 0 : WORLD_UID;
	r->ticket = (enum sent_ticket)(how >> 3 & 3);
	r->fd = r->role == ROLE_FRONT && how & 32;
	r->other_op = how & 64;
	r->n = body.n;
	r->body = malloc(body.n ? body.n : 1);
	if (!r->body)
		abort();
	if (body.n)
		memcpy(r->body, body.p, body.n);
	return true;
}

/* ---- the ticket that it would need ---- */

static struct keyd_intent of_rollback(struct reader *in)
{
	struct keyd_place places[CLUSTER_MAX_NODES];
	size_t n = 0;

	while (n < COUNT_OF(places) && reader_left(in) && !in->bad) {
		struct bytes sha1;

		read_text(in, places[n].node, sizeof places[n].node);
		sha1 = read_bytes(in, sizeof places[n].sha1);
		if (sha1.n)
			memcpy(places[n++].sha1, sha1.p, sha1.n);
	}
	return keyd_intent_rollback(places, n);
}

static struct keyd_intent of_reset(struct reader *in, bool preview)
{
	unsigned how = read_u8(in) & 1;
	uint32_t timestamp = read_u32(in);

	return keyd_intent_reset((enum keyd_how)how, preview, read_bytes32(in), timestamp);
}

static struct keyd_intent of_place(struct reader *in, unsigned what)
{
	enum unit unit = (enum unit)(read_u8(in) % UNIT_COUNT);
	char node[CLUSTER_ID_MAX + 1];

	read_text(in, node, sizeof node);
	if (what == KEYD_GENERATE)
		return keyd_intent_generate(unit, node);
	if (what == KEYD_CSR)
		return keyd_intent_csr(unit, node);
	return keyd_intent_cert_import(unit, node, read_bytes32(in));
}

static struct keyd_intent of_trust(struct reader *in)
{
	struct keyd_trust_entry entries[TRUST_MAX_ENTRIES];
	char change[KEYD_TRUST_CHANGE];
	struct keyd_trust t = {.change = change, .entries = entries};

	t.timestamp = read_u32(in);
	read_text(in, change, sizeof change);
	if (in->bad)
		change[0] = '\0';
	t.n = read_u32(in);
	if (t.n > COUNT_OF(entries))
		t.n = COUNT_OF(entries);
	for (size_t i = 0; i < t.n; i++) {
		entries[i].roles = read_u32(in);
		entries[i].ttl = read_u32(in);
		entries[i].cert = read_bytes32(in);
	}
	return keyd_intent_trust(&t);
}

static struct keyd_intent intent_of(const struct sent *r)
{
	struct reader in = reader_of(bytes_of(r->body, r->n));
	char text[KEYD_OVERRIDE_MAX];

	(void)read_bytes(&in, KEYD_TICKET_LEN);
	if (needs_of(r) == OWN_CONSENT)
		return keyd_intent_body(rows[r->what].op, read_bytes(&in, reader_left(&in)));
	(void)read_u32(&in);
	switch (r->what) {
	case KEYD_CTL:
		return keyd_intent_ctl(read_u32(&in));
	case KEYD_RESET:
	case KEYD_PREVIEW:
		return of_reset(&in, r->what == KEYD_PREVIEW);
	case KEYD_ROLLBACK:
		return of_rollback(&in);
	case KEYD_TRUST:
		return of_trust(&in);
	case KEYD_REMOVE:
	case KEYD_OVERRIDE:
		read_text(&in, text, sizeof text);
		return r->what == KEYD_REMOVE ? keyd_intent_remove(text)
					      : keyd_intent_override(text);
	default:
		return of_place(&in, r->what);
	}
}

/* It is put into the body. True if it is the one that the request needs. */
static bool put_ticket(struct sent *r)
{
	struct reader in = reader_of(bytes_of(r->body, r->n));
	struct keyd_intent intent;
	uid_t uid = r->uid;

	(void)read_bytes(&in, KEYD_TICKET_LEN);
	if (needs_of(r) == CONSENT)
		uid = read_u32(&in);
	if (needs_of(r) == NOTHING || r->ticket == TICKET_AS_IT_IS || in.bad)
		return false;
	intent = intent_of(r);
	if (r->ticket == TICKET_OF_ANOTHER)
		uid++;
	if (r->ticket == TICKET_FOR_OTHER && r->other_op)
		intent.op = (enum keyd_op)(intent.op + 1);
	else if (r->ticket == TICKET_FOR_OTHER)
		intent.params[0] ^= 1;
	tickets_issue(&world.tickets, uid, &intent, proc_now(), r->body);
	return r->ticket == TICKET_RIGHT;
}

/* ---- what it may do, and what it did ---- */

static unsigned effects(const struct world_state *a, const struct world_state *b)
{
	unsigned e = 0;

	e |= a->token.signatures != b->token.signatures ? SIGNS : 0;
	e |= a->token.decryptions != b->token.decryptions ? DECRYPTS : 0;
	e |= a->token.wraps != b->token.wraps ? WRAPS : 0;
	e |= a->token.proofs != b->token.proofs ? PROVES : 0;
	e |= a->token.changes != b->token.changes || a->keys != b->keys ||
			     a->waiting != b->waiting || a->sealed != b->sealed ||
			     a->generations != b->generations
		     ? CHANGES
		     : 0;
	e |= a->notes != b->notes ? NOTES : 0;
	e |= memcmp(a->passwords, b->passwords, sizeof a->passwords) ? PASSWORDS : 0;
	e |= b->proofs < a->proofs ? TAKES_PROOF : 0;
	e |= b->proofs > a->proofs ? PROVES : 0;
	e |= b->tickets > a->tickets ? GIVES_TICKET : 0;
	return e;
}

static bool derives_right(const struct sent *r, size_t at)
{
	for (size_t i = at; i < at + KEYD_DERIVED_LEN; i++)
		if (i >= r->n || r->body[i] != WORLD_DERIVED)
			return false;
	return true;
}

static unsigned allowed(const struct sent *r, bool ticket, const struct world_state *s)
{
	size_t at = r->what == KEYD_SECURITY ? KEYD_TICKET_LEN : 0;
	bool has_old = r->n > at && r->body[at] == 1, set;
	unsigned e;

	if (r->what >= KEYD_REQUEST_END || !(rows[r->what].roles & r->role) ||
	    (needs_of(r) != NOTHING && !ticket))
		return 0;
	e = rows[r->what].effects;
	if (e & PASSWORDS) {
		set = s->passwords[r->what == KEYD_SECURITY].set;
		if (has_old ? !set || !derives_right(r, at + 1)
			    : r->uid != 0 && (set || r->what == KEYD_PASSWORD))
			return 0;
	}
	if (e & GIVES_TICKET && (!s->passwords[PASSWORD_ADMIN].set || !derives_right(r, 1 + 32)))
		return 0;
	if (e & WRAPS && r->what == KEYD_EXPORT && !derives_right(r, KEYD_TICKET_LEN))
		return 0;
	return e;
}

/* The client reads what keyd writes of an error. */
static void check_error(enum rc rc, const struct err *e)
{
	uint8_t frame[sizeof *e + 64];
	struct writer w = writer_of(frame, sizeof frame);
	struct reader in;
	struct err got;

	/* A sound token and whoever asks: keyd does not end on that. */
	if (e->rc != rc || request_is_fatal(e) || !e->why[0])
		abort();
	wire_error(&w, e);
	in = reader_of(writer_bytes(&w));
	wire_error_read(&in, rc, &got);
	if (w.bad || got.rc != rc || strcmp(got.why, e->why) != 0 ||
	    strcmp(got.what, e->what) != 0)
		abort();
}

static void check_locks(void)
{
	if (pthread_mutex_trylock(&world.generating) != 0 ||
	    pthread_rwlock_trywrlock(&world.keys_used) != 0)
		abort();
	(void)pthread_rwlock_unlock(&world.keys_used);
	(void)pthread_mutex_unlock(&world.generating);
}

static int sealed_content(void)
{
	static int fd = -1;
	static const char content[100] = "a configuration file";

	if (fd < 0) {
		fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0 || ftruncate(fd, 70000) != 0 ||
		    pwrite(fd, content, sizeof content, 69000) != sizeof content ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0)
			abort();
	}
	return fd;
}

static void ask(const struct sent *r, bool ticket)
{
	static uint8_t out[SOCK_MESSAGE_MAX];
	struct conn conn = {.role = r->role, .peer = {.uid = r->uid, .pid = 1}};
	struct request q = {.service = &world, .conn = &conn,
			    .what = (enum keyd_request)r->what,
			    .in = reader_of(bytes_of(r->body, r->n)),
			    .fd = r->fd ? sealed_content() : -1,
			    .out = writer_of(out, sizeof out)};
	struct world_state before, after;
	struct err e = {0};
	unsigned may, did;
	enum rc rc;

	world_look(&before);
	may = allowed(r, ticket, &before);
	rc = request_handle(&q, &e);
	world_look(&after);
	did = effects(&before, &after);
	if (did & ~may || q.out.bad)
		abort();
	if (rc != RC_OK)
		check_error(rc, &e);
	else if (!(rows[r->what].roles & r->role) || (needs_of(r) != NOTHING && !ticket))
		abort();
	/* What was done is in the log. */
	if ((did & ~(unsigned)TAKES_PROOF || rc == RC_OK) && request_is_audited(r->what) &&
	    !q.note.wanted)
		abort();
	if (!memchr(q.note.detail, 0, sizeof q.note.detail) ||
	    !memchr(q.note.event, 0, sizeof q.note.event) || !q.note.event[0])
		abort();
	check_locks();
}

static void handle(struct sent *r)
{
	bool ticket = put_ticket(r);

	ask(r, ticket);
	if (needs_of(r) != NOTHING)
		ask(r, false); /* a ticket is good once */
}

/* ---- tls.h ---- */

/* Twice in other words, and slowly. */
static bool unpads(struct bytes b, unsigned version, const uint8_t random[48])
{
	uint8_t out[KEYD_PREMASTER_LEN];
	size_t n = b.n - KEYD_PREMASTER_LEN;
	bool good = b.p[0] == 0 && b.p[1] == 2 && b.p[n - 1] == 0 &&
		    !memchr(b.p + 2, 0, n - 3) && b.p[n] == version >> 8 &&
		    b.p[n + 1] == (version & 0xff);

	tls_unpad(b, version, random, out);
	return memcmp(out, good ? b.p + n : random, sizeof out) == 0;
}

static void try_tls(struct bytes in)
{
	static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512", "MD5-SHA1",
					      ""};
	static const char context[] = "TLS 1.3, server CertificateVerify";
	uint8_t random[KEYD_PREMASTER_LEN];
	struct bytes m;

	if (in.n < 2)
		return;
	m = bytes_of(in.p + 2, in.n - 2);
	if (tls_message_fits(digests[in.p[0] % COUNT_OF(digests)], in.p[1] & 1, m)) {
		/* a signature over it is of no use for a list: those begin 01 00 02 */
		bool verify = m.n > 98 && !memcmp(m.p + 64, context, sizeof context);

		if (m.n < 64 + 4 + 32 || m.n > TLS_MESSAGE_MAX || (!verify && m.p[64] != 3))
			abort();
	}
	memset(random, 0x77, sizeof random);
	if (m.n >= 64 && !unpads(m, 0x0300u | in.p[1], random))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct reader in = reader_of(bytes_of(data, n));
	unsigned mode = read_u8(&in);
	struct sent r;

	if (mode == 'T' || mode == 't') {
		try_tls(bytes_of(data + 1, n - 1));
		return 0;
	}
	world_start(mode & 1);
	for (int i = 0; i < REQUESTS_MAX && take_request(&in, &r); i++) {
		handle(&r);
		free(r.body);
	}
	return 0;
}
