#include "support/support.h"

#include "base/hex.h"
#include "base/num.h"
#include "support/software.h"
#include "fake-keyd.h"
#include "itl/itl.h"
#include "itl/trust.h"
#include "keyd/sgn.h"
#include "x509/x509.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_KEYS 120

struct fake_keyd fake_keyd;
const char fake_ticket[] = "00112233445566778899aabbccddeeff"
			   "00112233445566778899aabbccddeeff";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct software_key {
	struct keyd_key key;
	EVP_PKEY *pkey;
} keys[MAX_KEYS];
static size_t nkeys;
static struct software_key kept[MAX_KEYS];
static size_t nkept;
static struct keyd_proof proof;
static uint8_t proof_claim[32];
static uid_t proof_uid;

struct keyd {
	int unused;
};

static const enum x509_profile profiles[UNIT_COUNT] = {
	X509_CALLMANAGER, X509_TVS, X509_CAPF, X509_RECOVERY, X509_AUDIT};

static X509 *certify(EVP_PKEY *pkey, enum x509_profile profile, const char *cn)
{
	const struct x509_subject subject = {.cn = cn, .o = "cisco", .c = "US"};
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(profile, &subject, pkey, pkey, NULL, "SHA1",
				 time(NULL) - 60, 5, &cert, &e), &e);
	return cert;
}

static struct software_key *find(enum unit unit, const char *node)
{
	for (size_t i = nkeys; i-- > 0;)
		if (keys[i].key.label.unit == unit &&
		    !strcmp(keys[i].key.label.node, node))
			return &keys[i];
	return NULL;
}

void fake_keyd_renew(enum unit unit, const char *node)
{
	struct software_key *k = &keys[nkeys];
	unsigned generation = 1;
	char cn[64];

	pthread_mutex_lock(&lock);
	assert_true(nkeys < MAX_KEYS);
	for (size_t i = 0; i < nkeys; i++)
		if (keys[i].key.label.unit == unit &&
		    !strcmp(keys[i].key.label.node, node)) {
			keys[i].key.current = false;
			generation = keys[i].key.label.generation + 1;
		}
	snprintf(cn, sizeof cn, "%s-%s", unit_name(unit), node);
	k->pkey = fake_keyd.quick && nkeys ? k[-1].pkey : EVP_RSA_gen(1024);
	if (fake_keyd.quick && nkeys)
		(void)EVP_PKEY_up_ref(k->pkey);
	k->key = (struct keyd_key){.current = true,
				   .cert = certify(k->pkey, profiles[unit], cn)};
	k->key.label.unit = unit;
	k->key.label.generation = generation;
	snprintf(k->key.label.node, sizeof k->key.label.node, "%s", node);
	k->key.id[0] = num_u8(++nkeys);
	pthread_mutex_unlock(&lock);
}

EVP_PKEY *fake_keyd_pair(enum unit unit, const char *node, X509 **cert)
{
	const struct software_key *k = find(unit, node);

	*cert = k ? k->key.cert : NULL;
	return k ? k->pkey : NULL;
}

void fake_keyd_start(void)
{
	fake_keyd = (struct fake_keyd){.security = 1};
	proof = (struct keyd_proof){0};
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	fake_keyd_renew(UNIT_TVS, "n1");
	fake_keyd_renew(UNIT_TVS, "n2");
	fake_keyd_renew(UNIT_CAPF, "test10");
	fake_keyd_renew(UNIT_ITLRECOVERY, "test10");
}

void fake_keyd_stop(void)
{
	for (size_t i = 0; i < nkeys; i++) {
		X509_free(keys[i].key.cert);
		EVP_PKEY_free(keys[i].pkey);
	}
	nkeys = 0;
}

static void copy_keys(struct software_key *to, const struct software_key *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[i] = from[i];
		(void)X509_up_ref(to[i].key.cert);
		(void)EVP_PKEY_up_ref(to[i].pkey);
	}
}

void fake_keyd_keep(void)
{
	nkept = nkeys;
	copy_keys(kept, keys, nkept);
}

void fake_keyd_again(void)
{
	fake_keyd_stop();
	nkeys = nkept;
	copy_keys(keys, kept, nkept);
	proof = (struct keyd_proof){0};
}

void fake_keyd_import_first(void)
{
	struct software_key *first = keys, *last, swap;

	while (first->key.label.unit != UNIT_ITLRECOVERY)
		first++;
	fake_keyd_renew(UNIT_ITLRECOVERY, "test10");
	pthread_mutex_lock(&lock);
	last = find(UNIT_ITLRECOVERY, "test10");
	swap = *first;
	first->key.cert = last->key.cert;
	first->pkey = last->pkey;
	last->key.cert = swap.key.cert;
	last->pkey = swap.pkey;
	pthread_mutex_unlock(&lock);
}

void fake_keyd_prove(const uint8_t claim[32], uid_t uid)
{
	struct software_key *r = find(UNIT_ITLRECOVERY, "test10");

	pthread_mutex_lock(&lock);
	proof = (struct keyd_proof){.label = r->key.label,
				    .security = fake_keyd.security,
				    .proved = time(NULL)};
	memcpy(proof.id, r->key.id, sizeof proof.id);
	memcpy(proof_claim, claim, sizeof proof_claim);
	proof_uid = uid;
	pthread_mutex_unlock(&lock);
}

static enum rc build(const char *node, EVP_PKEY *pkey, X509 *cert,
		     uint32_t timestamp, uint8_t **list, size_t *n, struct err *e)
{
	const char *other = !strcmp(node, "n1") ? "n2" : "n1";
	X509 *others[] = {find(UNIT_TVS, other)->key.cert};
	struct itl_entry entries[6];
	struct itl_plan plan = {.file_name = "ITLFile.tlv",
				.signer = cert,
				.digest = ITL_SHA1,
				.timestamp = timestamp,
				.entries = entries};
	struct itl_signer with = software_signer(pkey);

	plan.nentries = itl_entries(
		cert, find(UNIT_CAPF, "test10")->key.cert,
		find(UNIT_TVS, node)->key.cert,
		find(UNIT_ITLRECOVERY, "test10")->key.cert, others, 1, entries);
	return itl_build(&plan, &with, list, n, e);
}

struct bytes fake_own_list(const char *node, uint32_t timestamp)
{
	struct software_key *k = find(UNIT_CALLMANAGER, node);
	uint8_t *list = NULL;
	struct err e;
	size_t n = 0;

	assert_ok(build(node, k->pkey, k->key.cert, timestamp, &list, &n, &e), &e);
	return bytes_of(list, n);
}

struct bytes fake_foreign_list(void)
{
	EVP_PKEY *pkey = EVP_RSA_gen(1024);
	X509 *cert = certify(pkey, X509_CALLMANAGER, "stranger");
	uint8_t *list = NULL;
	struct err e;
	size_t n = 0;

	assert_ok(build("n1", pkey, cert, 1, &list, &n, &e), &e);
	X509_free(cert);
	EVP_PKEY_free(pkey);
	return bytes_of(list, n);
}

static enum rc build_ctl(EVP_PKEY *pkey, X509 *cert, uint32_t timestamp,
			 uint8_t **list, size_t *n, struct err *e)
{
	X509 *publisher = find(UNIT_CALLMANAGER, "n1")->key.cert;
	const struct itl_entry entries[] = {
		{ITL_SAST, publisher, true, "test10pub", true, {127, 0, 0, 1}},
		{ITL_CCM_TFTP, publisher, true, "test10pub", true, {127, 0, 0, 1}},
		{ITL_CCM_TFTP, find(UNIT_CALLMANAGER, "n2")->key.cert, true,
		 "test10sub", true, {127, 0, 0, 1}},
		{ITL_CAPF, find(UNIT_CAPF, "test10")->key.cert, true, "test10pub",
		 true, {127, 0, 0, 1}},
		{ITL_SAST, find(UNIT_ITLRECOVERY, "test10")->key.cert, true,
		 "test10pub", true, {127, 0, 0, 1}},
	};
	const struct itl_plan plan = {.file_name = "CTLFile.tlv",
				      .signer = cert,
				      .digest = ITL_SHA1,
				      .timestamp = timestamp,
				      .entries = entries,
				      .nentries = COUNT_OF(entries)};
	struct itl_signer with = software_signer(pkey);

	return itl_build(&plan, &with, list, n, e);
}

static struct software_key *ctl_signer(void)
{
	return fake_keyd.ctl_by == UNIT_ITLRECOVERY
		       ? find(UNIT_ITLRECOVERY, "test10")
		       : find(UNIT_CALLMANAGER, "n1");
}

struct bytes fake_ctl(uint32_t timestamp)
{
	struct software_key *k = ctl_signer();
	uint8_t *list = NULL;
	struct err e;
	size_t n = 0;

	assert_ok(build_ctl(k->pkey, k->key.cert, timestamp, &list, &n, &e), &e);
	return bytes_of(list, n);
}

struct bytes fake_foreign_ctl(void)
{
	EVP_PKEY *pkey = EVP_RSA_gen(1024);
	X509 *cert = certify(pkey, X509_CALLMANAGER, "stranger");
	const struct itl_entry entry = {ITL_SAST, cert, true, "there", true,
					{192, 0, 2, 1}};
	const struct itl_plan plan = {.file_name = "CTLFile.tlv",
				      .signer = cert,
				      .digest = ITL_SHA1,
				      .entries = &entry,
				      .nentries = 1};
	struct itl_signer with = software_signer(pkey);
	uint8_t *list = NULL;
	struct err e;
	size_t n = 0;

	assert_ok(itl_build(&plan, &with, &list, &n, &e), &e);
	X509_free(cert);
	EVP_PKEY_free(pkey);
	return bytes_of(list, n);
}

/* ---- keyd/client.h ---- */

enum rc keyd_open(const char *socket_path, struct keyd **out, struct err *e)
{
	(void)socket_path;
	*out = calloc(1, sizeof **out);
	return *out ? RC_OK : err_errno(e, RC_ERROR, "calloc", NULL, "fake");
}

void keyd_free(struct keyd *k)
{
	free(k);
}

static enum rc reach(struct err *e)
{
	return fake_keyd.away ? err_set(e, RC_STALE, "connect", "keyd is away",
					"see its log", "keyd.sock")
			      : RC_OK;
}

enum rc keyd_status(struct keyd *k, struct keyd_status *out, struct err *e)
{
	(void)k;
	*out = (struct keyd_status){.keys = (unsigned)nkeys,
				    .security = fake_keyd.security,
				    .security_set = fake_keyd.security ? 1000 : 0,
				    .sealed = fake_keyd.sealed};
	(void)snprintf(out->token, sizeof out->token, "%s",
		       fake_keyd.token ? fake_keyd.token : "fake");
	return reach(e);
}

enum rc keyd_keys(struct keyd *k, struct keyd_key **out, size_t *n, struct err *e)
{
	(void)k;
	if (reach(e) != RC_OK)
		return e->rc;
	pthread_mutex_lock(&lock);
	*out = calloc(nkeys, sizeof **out);
	*n = nkeys;
	for (size_t i = 0; i < nkeys; i++) {
		(*out)[i] = keys[i].key;
		X509_up_ref(keys[i].key.cert);
	}
	pthread_mutex_unlock(&lock);
	return RC_OK;
}

void keyd_keys_free(struct keyd_key *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		X509_free(k[i].cert);
	free(k);
}

enum rc keyd_sign_itl(struct keyd *k, const char *node, uint32_t timestamp,
		      uint8_t **list, size_t *n, struct err *e)
{
	struct software_key *signer = find(UNIT_CALLMANAGER, node);

	(void)k;
	if (reach(e) != RC_OK ||
	    build(node, signer->pkey, signer->key.cert, timestamp, list, n, e) !=
		    RC_OK)
		return e->rc;
	if (fake_keyd.bad_list)
		(*list)[*n / 2] ^= 1;
	return RC_OK;
}

/* The newest recovery key whose certificate the list holds. */
static struct software_key *recovery_in(const struct itl *l)
{
	for (size_t i = nkeys; i-- > 0;)
		for (size_t r = 0; r < l->nrecords; r++) {
			X509 *cert = NULL;
			struct err ignored;
			bool same = keys[i].key.label.unit == UNIT_ITLRECOVERY &&
				    itl_record_x509(&l->records[r], &cert,
						    &ignored) == RC_OK &&
				    X509_cmp(cert, keys[i].key.cert) == 0;

			X509_free(cert);
			if (same)
				return &keys[i];
		}
	return NULL;
}

static enum rc resign(enum keyd_how how, struct bytes source, uint32_t timestamp,
		      uint8_t **list, size_t *n, struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct software_key *in, *by;
	struct itl_signer with;

	fake_keyd.how = how;
	if (itl_parse(source, 0, &l, e) != RC_OK)
		return e->rc;
	in = by = recovery_in(l);
	if (how == KEYD_REMOTEKEY)
		by = find(UNIT_ITLRECOVERY, "test10");
	if (!in)
		return err_set(e, RC_REFUSED, "reset", "no recovery record", NULL,
			       "a list");
	with = software_signer(by->pkey);
	return itl_resign(l, by->key.cert, ITL_SHA1, timestamp,
			  by == in ? NULL : in->key.cert,
			  by == in ? NULL : by->key.cert, &with, list, n, e);
}

static enum rc check_ticket(const uint8_t *ticket, uid_t uid, struct err *e)
{
	char hex[2 * KEYD_TICKET_LEN + 1];

	fake_keyd.uid = uid;
	if (reach(e) != RC_OK)
		return e->rc;
	if (strcmp(hex_of(bytes_of(ticket, KEYD_TICKET_LEN), hex, sizeof hex),
		   fake_ticket) != 0)
		return err_set(e, RC_REFUSED, "ticket", "the ticket is not valid",
			       NULL, "a ticket");
	return RC_OK;
}

enum rc keyd_reset(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		   enum keyd_how how, struct bytes source,
		   uint32_t timestamp, uint8_t **list,
		   size_t *n, struct err *e)
{
	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK)
		return e->rc;
	__atomic_add_fetch(&fake_keyd.resets, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&fake_keyd.slow, __ATOMIC_SEQ_CST))
		usleep(1000);
	if (resign(how, source, timestamp, list, n, e) != RC_OK)
		return e->rc;
	if (fake_keyd.bad_list)
		(*list)[*n / 2] ^= 1;
	return RC_OK;
}

enum rc keyd_ctl(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		 uint32_t timestamp, uint8_t **list, size_t *n, struct err *e)
{
	struct software_key *by = ctl_signer();

	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK ||
	    build_ctl(by->pkey, by->key.cert, timestamp, list, n, e) != RC_OK)
		return e->rc;
	fake_keyd.ctls++;
	if (fake_keyd.bad_list)
		(*list)[*n / 2] ^= 1;
	return RC_OK;
}

enum rc keyd_reset_preview(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
			   uid_t uid, enum keyd_how how, struct bytes source,
			   uint32_t timestamp, uint8_t sha1[20], struct err *e)
{
	uint8_t CLEANUP_FREE *list = NULL;
	size_t n = 0;

	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK ||
	    resign(how, source, timestamp, &list, &n, e) != RC_OK)
		return e->rc;
	itl_sha1(bytes_of(list, n), sha1);
	return RC_OK;
}

enum rc keyd_generate(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, enum unit unit, const char *node,
		      struct keyd_key *out, struct err *e)
{
	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK)
		return e->rc;
	if (fake_keyd.busy)
		return err_set(e, RC_BUSY, "generate", "another runs", NULL, "keyd");
	if (fake_keyd.lost)
		return err_set(e, RC_STALE, "receive", "keyd ended", NULL, "keyd");
	fake_keyd_renew(unit, node ? node : "test10");
	fake_keyd.generated++;
	*out = keys[nkeys - 1].key;
	out->tries = 3;
	X509_up_ref(out->cert);
	return RC_OK;
}

static enum rc give_csr(enum unit unit, const char *node, struct keyd_csr *out,
			struct err *refused)
{
	struct software_key *s = find(unit, node ? node : "test10");
	const struct x509_subject subject = {.cn = "waits", .o = "cisco"};
	struct err e;

	if (!s)
		return err_set(refused, RC_NOTFOUND, "find key", "no such key", NULL, "%s",
			       unit_name(unit));
	*out = (struct keyd_csr){.label = s->key.label, .made = 1393439067};
	out->label.generation++;
	assert_ok(x509_request(profiles[unit], &subject, s->pkey, s->pkey, NULL,
			       &out->req, &e), &e);
	return RC_OK;
}

enum rc keyd_csr(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		 enum unit unit, const char *node, struct keyd_csr *out, struct err *e)
{
	(void)k;
	return check_ticket(ticket, uid, e) == RC_OK ? give_csr(unit, node, out, e) : e->rc;
}

enum rc keyd_csr_show(struct keyd *k, enum unit unit, const char *node,
		      struct keyd_csr *out, struct err *e)
{
	(void)k;
	return unit == UNIT_TVS ? err_set(e, RC_NOTFOUND, "find request", "none waits",
					  NULL, "%s", node)
				: give_csr(unit, node, out, e);
}

enum rc keyd_trust(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		   const struct keyd_trust *t, struct keyd_key *audit,
		   struct keyd_signature *signature, struct err *e)
{
	struct software_key *by = find(UNIT_AUDIT, "test10");
	struct itl_signer with = software_signer(by->pkey);
	struct trust_entry entries[TRUST_MAX_ENTRIES];
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t *file = NULL;
	size_t n = 0;

	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK)
		return e->rc;
	if (fake_keyd.lost)
		return err_set(e, RC_STALE, "receive", "keyd ended", NULL, "keyd");
	for (size_t i = 0; i < t->n; i++) {
		entries[i] = (struct trust_entry){NULL, t->entries[i].roles,
						  t->entries[i].ttl};
		assert_ok(trust_read_cert(t->entries[i].cert, &entries[i].cert, e), e);
	}
	assert_ok(trust_build(entries, t->n, by->key.cert, t->timestamp, &with, &file, &n,
			      e), e);
	assert_ok(itl_parse(bytes_of(file, n), ITL_STORE, &l, e), e);
	memcpy(signature->p, l->signature.p, l->signature.n);
	signature->n = l->signature.n;
	signature->p[7] ^= fake_keyd.bad_list;
	*audit = by->key;
	X509_up_ref(audit->cert);
	for (size_t i = 0; i < t->n; i++)
		X509_free(entries[i].cert);
	free(file);
	(void)snprintf(fake_keyd.change, sizeof fake_keyd.change, "%s", t->change);
	return RC_OK;
}

enum rc keyd_cert_import(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
			 uid_t uid, enum unit unit, const char *node,
			 struct bytes certificates, struct keyd_key *out, struct err *e)
{
	(void)snprintf(fake_keyd.imported, sizeof fake_keyd.imported, "%.*s",
		       num_int(certificates.n), (const char *)certificates.p);
	if (fake_keyd.bad_cert)
		return err_set(e, RC_VERIFY, "cert-import", "has expired", NULL, "it");
	if (keyd_generate(k, ticket, uid, unit, node, out, e) != RC_OK)
		return e->rc;
	out->tries = 0;
	return RC_OK;
}

enum rc keyd_remove(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		    uid_t uid, const char *label, struct err *e)
{
	char text[LABEL_MAX];
	size_t i = 0;

	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK)
		return e->rc;
	if (fake_keyd.busy)
		return err_set(e, RC_BUSY, "remove", "another runs", NULL, "keyd");
	pthread_mutex_lock(&lock);
	for (; i < nkeys; i++) {
		label_text(&keys[i].key.label, text);
		if (!strcmp(text, label) &&
		    (!keys[i].key.current || !strcmp(keys[i].key.label.node, "n9")))
			break;
	}
	if (i < nkeys) {
		X509_free(keys[i].key.cert);
		EVP_PKEY_free(keys[i].pkey);
		memmove(&keys[i], &keys[i + 1], (--nkeys - i) * sizeof *keys);
	}
	pthread_mutex_unlock(&lock);
	if (fake_keyd.lost) /* it did it; its answer is lost */
		return err_set(e, RC_STALE, "receive", "keyd ended", NULL, "keyd");
	return RC_OK;
}

enum rc keyd_proof(struct keyd *k, const uint8_t claim[32], uid_t uid,
		   struct keyd_proof *out, struct err *e)
{
	bool known;

	(void)k;
	if (reach(e) != RC_OK)
		return e->rc;
	pthread_mutex_lock(&lock);
	known = proof.proved && uid == proof_uid &&
		!memcmp(claim, proof_claim, sizeof proof_claim);
	*out = proof;
	if (known)
		proof = (struct keyd_proof){0};
	pthread_mutex_unlock(&lock);
	return known ? RC_OK
		     : err_set(e, RC_NOTFOUND, "proof", "no such proof", NULL, "it");
}

enum rc keyd_rollback(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, const struct keyd_place *places, size_t n,
		      struct err *e)
{
	(void)k;
	(void)places;
	if (check_ticket(ticket, uid, e) != RC_OK)
		return e->rc;
	fake_keyd.places = n;
	fake_keyd.rollbacks++;
	return RC_OK;
}

enum rc keyd_use_override(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
			  const char *text, struct err *e)
{
	(void)k;
	if (check_ticket(ticket, uid, e) != RC_OK)
		return e->rc;
	(void)snprintf(fake_keyd.override, sizeof fake_keyd.override, "%s", text);
	return RC_OK;
}

enum rc keyd_note(struct keyd *k, const char *event, const char *text, struct err *e)
{
	(void)k;
	if (reach(e) != RC_OK)
		return e->rc;
	fake_keyd.notes++;
	snprintf(fake_keyd.note, sizeof fake_keyd.note, "%s %s", event, text);
	return RC_OK;
}

/* ---- keyd/sgn.h ---- */

enum rc keyd_sgn(struct keyd *k, const struct keyd_sgn *job, struct err *e)
{
	struct itl_plan plan = {.digest = job->digest, .timestamp = job->timestamp};
	struct software_key *key;
	struct itl_signer with;

	(void)k;
	fake_keyd.sgns++;
	if (fake_keyd.away || fake_keyd.sgn_away)
		return err_set(e, RC_TOKEN, "keyd", "is away", NULL, "keyd");
	pthread_mutex_lock(&lock);
	key = find(UNIT_CALLMANAGER, job->node);
	pthread_mutex_unlock(&lock);
	plan.signer = key->key.cert;
	with = software_signer(key->pkey);
	for (size_t i = 0; i < job->n; i++) {
		uint8_t header[ITL_MAX_SGN_HEADER];
		struct keyd_sgn_file f = {0};
		struct err why = {0};
		size_t n = 0;
		enum rc rc = job->file(job->arg, i, &f, &why);

		plan.file_name = f.name;
		if (rc == RC_OK && fake_keyd.bad_name && !strcmp(f.name, fake_keyd.bad_name))
			rc = err_set(&why, RC_REFUSED, "sgn", "it does not like the name",
				     NULL, "%s", f.name);
		if (rc == RC_OK)
			rc = itl_build_sgn(&plan, f.content, &with, header, sizeof header,
					   &n, &why);
		job->answered(job->arg, i, bytes_of(header, rc == RC_OK ? n : 0), &why);
	}
	return RC_OK;
}
