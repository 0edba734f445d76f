/* trust add, list, remove: what is asked of keyd and front, and what is believed of
 * either. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/trust.h"
#include "support/software.h"
#include "x509/x509.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define STAMP 1393439067

static EVP_PKEY *key, *audit_key;
static X509 *callmanager, *other, *recovery, *expired, *ec, *own, *audit, *stranger;
static char plan[64 << 10];
static struct reply answers[4];

static X509 *certificate(enum x509_profile profile, const char *cn, EVP_PKEY *with,
			 int64_t from)
{
	struct x509_subject subject = {.cn = cn, .o = "old"};
	X509 *x = NULL;
	struct err e;

	assert_ok(x509_self_sign(profile, &subject, with, with, NULL, "SHA256", from, 5, &x,
				 &e), &e);
	return x;
}

static int setup_all(void **state)
{
	int64_t now = (int64_t)time(NULL) - 60;
	EVP_PKEY *point = EVP_EC_gen("P-256");

	(void)state;
	key = EVP_RSA_gen(1024);
	audit_key = EVP_RSA_gen(2048);
	callmanager = certificate(X509_CALLMANAGER, "cm.old", key, now);
	other = certificate(X509_CALLMANAGER, "cm.old", key, now); /* another serial number */
	recovery = certificate(X509_RECOVERY, "ITLRECOVERY_old", key, now);
	expired = certificate(X509_CALLMANAGER, "older", key, 1000000000);
	ec = certificate(X509_TVS, "app", point, now);
	own = certificate(X509_CALLMANAGER, "cm.own", key, now);
	audit = certificate(X509_AUDIT, "AUDIT-lab", audit_key, now);
	stranger = certificate(X509_AUDIT, "AUDIT-other", audit_key, now);
	EVP_PKEY_free(point);
	return 0;
}

static int teardown_all(void **state)
{
	X509 *all[] = {callmanager, other, recovery, expired, ec, own, audit, stranger};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++)
		X509_free(all[i]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(audit_key);
	return 0;
}

/* ---- the world ---- */

static void add_key(enum unit unit, X509 *cert, bool current)
{
	struct keyd_key *k = &keyd_seen.keys[keyd_seen.nkeys++];

	*k = (struct keyd_key){.current = current, .cert = cert};
	k->label.unit = unit;
	k->label.generation = 1;
	(void)snprintf(k->label.node, sizeof k->label.node, "lab");
}

static void put(struct world *w, const char *name, struct bytes content)
{
	char path[512];
	struct err e;

	assert_ok(file_path(path, sizeof path, w->dir, name, &e), &e);
	assert_ok(file_replace(path, content, 0644, &e), &e);
}

/* One after the other, in PEM with words between them; or the first in DER. */
static void put_certs(struct world *w, const char *name, bool pem, X509 *a, X509 *b)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (pem)
		assert_true(PEM_write_bio_X509(bio, a) > 0 && BIO_puts(bio, "words\n") > 0 &&
			    (!b || PEM_write_bio_X509(bio, b)));
	else
		assert_int_equal(i2d_X509_bio(bio, a), 1);
	n = BIO_get_mem_data(bio, &text);
	put(w, name, bytes_of(text, num_size(n)));
	BIO_free(bio);
}

static void append_to(struct world *w, const char *name, struct bytes more)
{
	char path[512];
	struct err e;
	FILE *f;

	assert_ok(file_path(path, sizeof path, w->dir, name, &e), &e);
	f = fopen(path, "a");
	assert_non_null(f);
	assert_int_equal(fwrite(more.p, 1, more.n, f), more.n);
	assert_int_equal(fclose(f), 0);
}

static struct bytes trust_file(X509 *by, const struct trust_entry *entries, size_t n)
{
	struct itl_signer with = software_signer(audit_key);
	uint8_t *out = NULL;
	size_t len = 0;
	struct err e;

	assert_ok(trust_build(entries, n, by, STAMP, &with, &out, &len, &e), &e);
	return bytes_of(out, len);
}

static const uint32_t sast = TRUST_ROLE(ITL_SAST);
static const uint32_t both = TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP);

/* front has a file of these, signed by `by`'s key; by == NULL: nothing yet. */
static void there_is(struct world *w, X509 *by, const struct trust_entry *entries, size_t n)
{
	struct bytes file = {NULL, 0};
	char text[48 << 10], sha1[SHA1_HEX];

	if (by)
		file = trust_file(by, entries, n);
	if (by)
		(void)sodium_bin2base64(text, sizeof text, file.p, file.n,
					sodium_base64_VARIANT_ORIGINAL);
	(void)snprintf(plan, sizeof plan,
		       "{\"result\":{\"file\":\"/state/trust/TrustFile.tlv\",\"sha1\":%s%s%s,\"bytes\":%s%s%s,\"timestamp\":1764000000}}",
		       by ? "\"" : "", by ? itl_sha1_hex(file, sha1) : "null", by ? "\"" : "",
		       by ? "\"" : "", by ? text : "null", by ? "\"" : "");
	free((void *)(uintptr_t)file.p);
	answers[0] = (struct reply){"trust-plan", {plan}};
	answers[1] = (struct reply){"trust-set",
				    {"{\"result\":{\"file\":\"/state/trust/TrustFile.tlv\",\"sha1\":\"00aa\",\"certificates\":1}}"}};
	answers[2] = (struct reply){NULL, {NULL}};
	add_key(UNIT_CALLMANAGER, own, true);
	add_key(UNIT_AUDIT, audit, true);
	put_certs(w, "cm.pem", true, callmanager, NULL);
	put_certs(w, "two.pem", true, recovery, other);
	put_certs(w, "recovery.der", false, recovery, NULL);
	put_certs(w, "expired.pem", true, expired, NULL);
	put_certs(w, "ec.pem", true, ec, NULL);
	put_certs(w, "own.pem", true, callmanager, own);
	world_open(w, answers);
}

static struct output must_run(struct world *w, const char *line, int code, const char *says)
{
	struct output o = world_run(w, line);

	if (o.code != code || !strstr(code && o.err[0] ? o.err : o.out, says))
		fail_msg("%s: %d\n%s%s", line, o.code, o.out, o.err);
	return o;
}

static void run(struct world *w, const char *line, int code, const char *says)
{
	struct output o = must_run(w, line, code, says);

	output_clear(&o);
}

/* The last request is a trust-set of these, and the last ticket is for just them. */
static void assert_asked(struct world *w, const char *base, const char *change,
			 const struct trust_entry *entries, size_t n)
{
	struct keyd_trust_entry wire[8];
	struct keyd_trust set = {1764000000, change, wire, n};
	json_t *r = json_array_get(w->requests, json_array_size(w->requests) - 1), *item;
	unsigned char *der[8] = {NULL};
	struct keyd_intent meant;
	char text[4096], roles[TRUST_ROLES_TEXT];

	assert_string_equal(json_string_value(json_object_get(r, "do")), "trust-set");
	assert_int_equal(json_integer_value(json_object_get(r, "timestamp")), 1764000000);
	assert_string_equal(json_string_value(json_object_get(r, "change")), change);
	if (base)
		assert_string_equal(json_string_value(json_object_get(r, "base")), base);
	else
		assert_true(json_is_null(json_object_get(r, "base")));
	assert_int_equal(json_array_size(json_object_get(r, "entries")), n);
	for (size_t i = 0; i < n; i++) {
		int len = i2d_X509(entries[i].cert, &der[i]);

		item = json_array_get(json_object_get(r, "entries"), i);
		wire[i] = (struct keyd_trust_entry){bytes_of(der[i], num_size(len)),
						    entries[i].roles, entries[i].ttl};
		sodium_bin2base64(text, sizeof text, der[i], num_size(len),
				  sodium_base64_VARIANT_ORIGINAL);
		assert_string_equal(json_string_value(json_object_get(item, "cert")), text);
		assert_string_equal(json_string_value(json_object_get(item, "roles")),
				    trust_roles_text(entries[i].roles, roles));
		assert_int_equal(json_integer_value(json_object_get(item, "ttl")),
				 entries[i].ttl);
	}
	meant = keyd_intent_trust(&set);
	assert_int_equal(keyd_seen.tickets[keyd_seen.ntickets - 1].op, KEYD_OP_TRUST);
	assert_memory_equal(keyd_seen.tickets[keyd_seen.ntickets - 1].params, meant.params, 32);
	for (size_t i = 0; i < n; i++)
		OPENSSL_free(der[i]);
}

static char *sha1(const X509 *cert)
{
	static char hex[4][SHA1_HEX];
	static unsigned at;
	uint8_t digest[SHA1_LEN];

	(void)X509_digest(cert, EVP_sha1(), digest, NULL);
	return hex_of(bytes_of(digest, sizeof digest), hex[at++ % 4], SHA1_HEX);
}

static char *words(const char *fmt, const char *a, const char *b)
{
	static char text[512];

	(void)snprintf(text, sizeof text, fmt, a, b);
	return text;
}

/* ---- trust add ---- */

static void the_first(void **state)
{
	const struct trust_entry entries[] = {{callmanager, both, TRUST_TTL}};
	struct output o;

	there_is(*state, NULL, NULL, 0);
	o = must_run(*state, "trust add %d/cm.pem --roles CallManager --yes", 0,
		     "signed and written");
	assert_non_null(strstr(o.out, "+ CN=cm.old;O=old\n    SAST,CCM+TFTP, for 86400 s; SHA-1 "));
	output_clear(&o);
	assert_asked(*state, NULL, words("add=%s:SAST,CCM+TFTP:86400", sha1(callmanager), ""),
		     entries, 1);
	/* with --json the words are elsewhere */
	o = must_run(*state, "trust add %d/recovery.der --roles ITLRecovery --ttl 3600 --yes --json",
		     0, words("{\"result\":{\"file\":\"/state/trust/TrustFile.tlv\",\"certificates\":1,\"added\":[\"%s\"],\"changed\":[],\"removed\":[],\"done\":true,\"sha1\":\"00aa\"}}",
			      sha1(recovery), ""));
	assert_non_null(strstr(o.err, "+ CN=ITLRECOVERY_old"));
	output_clear(&o);
}

/* What is there stays; one that is added again gets other roles and another time. */
static void more(void **state)
{
	const struct trust_entry had[] = {{recovery, sast, 60}, {callmanager, both, 60}};
	const struct trust_entry shall[] = {{recovery, both, 7200}, {callmanager, both, 60},
					    {other, both, 7200}};
	struct bytes file = trust_file(audit, had, 2);
	char base[SHA1_HEX], change[KEYD_TRUST_CHANGE];

	there_is(*state, audit, had, 2);
	run(*state, "trust add %d/two.pem --roles SAST,CCM+TFTP --ttl 7200 --yes", 0, "~ CN=ITLRECOVERY_old");
	(void)snprintf(change, sizeof change,
		       "change=%s:SAST,CCM+TFTP:7200 add=%s:SAST,CCM+TFTP:7200",
		       sha1(recovery), sha1(other));
	assert_asked(*state, itl_sha1_hex(file, base), change, shall, 3);
	free((void *)(uintptr_t)file.p);
}

static void nothing_new(void **state)
{
	const struct trust_entry had[] = {{callmanager, both, TRUST_TTL}};
	struct world *w = *state;

	there_is(w, audit, had, 1);
	run(w, "trust add %d/cm.pem --roles CallManager", 0, "is so already");
	run(w, "trust add %d/cm.pem --roles CallManager --json", 0, "\"done\":false");
	assert_int_equal(keyd_seen.ntickets, 0);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *says;
	} rows[] = {
		{"trust add %d/cm.pem", 2, "what are the certificates for"},
		{"trust add %d/cm.pem --roles Audit", 2, "\"Audit\": is no role"},
		{"trust add %d/cm.pem --roles SAST,", 2, "is no role"},
		{"trust add %d/cm.pem --roles SAST --ttl 59", 2, "from 60 to 604800"},
		{"trust add %d/cm.pem --roles SAST --ttl 604801", 2, "from 60 to 604800"},
		{"trust add %d/cm.pem --roles SAST --ttl 60s", 2, "from 60 to 604800"},
		{"trust add %d/cm.pem --roles SAST --ttl -60", 2, "from 60 to 604800"},
		{"trust add %d/cm.pem --roles SAST --ttl 99999999999999999999", 2, "from 60"},
		{"trust add %d/none --roles SAST", 1, "No such file"},
		{"trust add %d/password --roles SAST", 2, "holds no certificate"},
		{"trust add %d/empty --roles SAST", 2, "holds no certificate"},
		{"trust add %d/cut.pem --roles SAST", 2, "one of them cannot be read"},
		{"trust add %d/huge --roles SAST", 1, "huge"},
		{"trust add %d/own.pem --roles SAST", 3, "certificate of this cluster"},
		{"trust add %d/ec.pem --roles SAST", 3, "RSA keys of 1024, 2048 or 4096"},
		{"trust add %d/list --roles SAST", 2, "roles and times of its own"},
		{"trust add %d/list --ttl 60", 2, "roles and times of its own"},
		{"trust add %d/ctl", 5, "FILENAME"},
		{"trust add", 2, "an argument is missing"},
		{"trust remove", 2, "an argument is missing"},
		{"trust remove cm.old", 1, "no certificate that was added"},
		{"trust add %d/cm.pem --roles SAST --yes --password-file %d/wrong", 3, "wrong password"},
	};
	struct world *w = *state;
	const struct trust_entry one = {callmanager, both, TRUST_TTL};
	struct bytes list = trust_file(audit, &one, 1);
	struct itl_signer with = software_signer(audit_key);
	struct itl_plan ctl = {.file_name = CTL_FILE, .signer = audit, .digest = ITL_SHA256};
	uint8_t *out = NULL;
	char *huge = calloc(1, ITL_MAX_STORE + 1);
	size_t n = 0;
	struct err e;

	there_is(w, NULL, NULL, 0);
	put(w, "list", list);
	put(w, "empty", bytes_of("", 0));
	put(w, "huge", bytes_of(huge, ITL_MAX_STORE + 1));
	put_certs(w, "cut.pem", true, callmanager, NULL);
	append_to(w, "cut.pem", bytes_of_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"));
	assert_ok(itl_build(&ctl, &with, &out, &n, &e), &e);
	put(w, "ctl", bytes_of(out, n));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(w, rows[i].line, rows[i].code, rows[i].says);
	assert_int_equal(keyd_seen.ntickets, 0);
	for (size_t i = 0; i < json_array_size(w->requests); i++)
		assert_string_equal(json_string_value(json_object_get(world_request(w, i), "do")),
				    "trust-plan");
	free((void *)(uintptr_t)list.p);
	free(out);
	free(huge);
}

/* An EC key's certificate may have roles that sign nothing; an expired one is told. */
static void odd_certificates(void **state)
{
	struct output o;

	there_is(*state, NULL, NULL, 0);
	run(*state, "trust add %d/ec.pem --roles APP-SERVER,TVS --yes", 0, "signed and written");
	o = must_run(*state, "trust add %d/expired.pem --roles CallManager --yes", 0,
		     "EXPIRED on 2006-");
	output_clear(&o);
}

static void consent(void **state)
{
	static const char *const no[] = {PASSWORD, "no", NULL};
	static const char *const yes[] = {PASSWORD, "yes", NULL};
	struct world *w = *state;
	struct output o;

	there_is(w, NULL, NULL, 0);
	o = world_talk(w, "trust add %d/cm.pem --roles CallManager", no);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "Enter CCM Administrator password :"));
	assert_non_null(strstr(o.err, "was not wanted"));
	output_clear(&o);
	assert_int_equal(keyd_seen.ntickets, 0);
	o = world_talk(w, "trust add %d/cm.pem --roles CallManager", yes);
	assert_int_equal(o.code, 0);
	output_clear(&o);
	assert_int_equal(keyd_seen.ntickets, 1);
	/* nothing is asked for what changes nothing */
	run(w, "trust add %d/cm.pem --roles CallManager --dry-run", 0, "Nothing was changed.");
	run(w, "trust add %d/cm.pem --roles CallManager --dry-run --json", 0, "\"done\":false");
	assert_int_equal(keyd_seen.ntickets, 1);
}

/* ---- whose signature ---- */

/* A front that was taken over could show any file: what no Audit key of the token signed
 * is nothing that an administrator ever agreed to. */
static void a_file_of_nobody(void **state)
{
	const struct trust_entry evil[] = {{other, both, TRUST_TTL}};
	const struct trust_entry entries[] = {{callmanager, both, 600}, {recovery, sast, 60}};
	struct bytes lost = trust_file(stranger, entries, 2), base;
	char hex[SHA1_HEX], change[KEYD_TRUST_CHANGE];
	struct world *w = *state;

	there_is(w, stranger, evil, 1);
	run(w, "trust add %d/cm.pem --roles CallManager --yes", 5, "not signed by an Audit key of this token");
	run(w, "trust remove cm.old --yes", 5, "not signed by an Audit key of this token");
	assert_int_equal(keyd_seen.ntickets, 0);
	/* A trust file that is shown and agreed to is all of the new one. */
	put(w, "lost", lost);
	run(w, "trust add %d/lost --yes", 0, "+ CN=ITLRECOVERY_old");
	(void)snprintf(change, sizeof change, "add=%s:SAST,CCM+TFTP:600 add=%s:SAST:60",
		       sha1(callmanager), sha1(recovery));
	base = trust_file(stranger, evil, 1);
	assert_asked(w, itl_sha1_hex(base, hex), change, entries, 2);
	free((void *)(uintptr_t)base.p);
	free((void *)(uintptr_t)lost.p);
}

/* The Audit key was made anew: the file is the token's, and wants its signature. */
static void of_a_retired_key(void **state)
{
	const struct trust_entry had[] = {{callmanager, both, 600}};
	struct bytes file = trust_file(stranger, had, 1);
	char hex[SHA1_HEX];
	struct world *w = *state;

	there_is(w, stranger, had, 1);
	add_key(UNIT_AUDIT, stranger, false);
	put(w, "TrustFile.tlv", file);
	run(w, "trust add %d/TrustFile.tlv --yes", 0, "signed anew");
	assert_asked(w, itl_sha1_hex(file, hex), "renew=yes", had, 1);
	free((void *)(uintptr_t)file.p);
}

static void no_audit_key(void **state)
{
	const struct trust_entry had[] = {{callmanager, both, 600}};
	struct world *w = *state;

	there_is(w, audit, had, 1);
	keyd_seen.nkeys = 1;
	run(w, "trust add %d/recovery.der --roles SAST --yes", 1, "no Audit key");
}

/* ---- trust remove ---- */

static void removed(void **state)
{
	const struct trust_entry had[] = {{callmanager, both, 60}, {recovery, sast, 60},
					  {other, both, 60}};
	const struct trust_entry left[] = {{callmanager, both, 60}, {other, both, 60}};
	struct bytes file = trust_file(audit, had, 3);
	char base[SHA1_HEX], line[200];
	struct world *w = *state;

	there_is(w, audit, had, 3);
	(void)itl_sha1_hex(file, base);
	run(w, "trust remove cm.old --yes", 2, "several certificates");
	/* What stays is shown, too: an administrator consents to all of it. */
	run(w, "trust remove ITLRECOVERY_old --dry-run", 0, "  = CN=cm.old");
	run(w, "trust remove ITLRECOVERY_old --yes", 0, "- CN=ITLRECOVERY_old");
	assert_asked(w, base, words("remove=%s:SAST:60", sha1(recovery), ""), left, 2);
	run(w, "trust remove CN=ITLRECOVERY_old;O=old --yes", 0, "- CN=ITLRECOVERY_old");
	assert_asked(w, base, words("remove=%s:SAST:60", sha1(recovery), ""), left, 2);
	(void)snprintf(line, sizeof line, "trust remove %s %s ITLRECOVERY_old --yes",
		       sha1(callmanager), sha1(other));
	run(w, line, 0, "will hold 0 certificates");
	run(w, "trust remove ITLRECOVERY_ol --yes", 1, "has this SHA-1 or name");
	free((void *)(uintptr_t)file.p);
}

/* The log's words are cut where they do not fit; the ticket is for all of it. */
static void many(void **state)
{
	struct trust_entry entries[12];
	char change[2 * KEYD_TRUST_CHANGE] = "", pem[64];
	struct world *w = *state;
	struct bytes file;
	json_t *r;

	for (size_t i = 0; i < COUNT_OF(entries); i++) {
		X509 *x = X509_dup(callmanager);

		assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 10 + (long)i), 1);
		assert_true(X509_sign(x, key, EVP_sha256()) > 0);
		entries[i] = (struct trust_entry){x, both, 60};
	}
	there_is(w, NULL, NULL, 0);
	file = trust_file(stranger, entries, COUNT_OF(entries));
	put(w, "file", file);
	run(w, "trust add %d/file --yes", 0, "12 certificates");
	r = world_request(w, json_array_size(w->requests) - 1);
	(void)snprintf(change, sizeof change, "%s",
		       json_string_value(json_object_get(r, "change")));
	assert_in_range(strlen(change), 300, KEYD_TRUST_CHANGE - 1);
	assert_non_null(strstr(change, " more="));
	assert_int_equal(sscanf(strstr(change, " more="), " more=%60s", pem), 1);
	assert_int_equal(json_array_size(json_object_get(r, "entries")), 12);
	for (size_t i = 0; i < COUNT_OF(entries); i++)
		X509_free(entries[i].cert);
	free((void *)(uintptr_t)file.p);
}

/* ---- trust list ---- */

#define CERT(sha1, own, roles, ttl, after) \
	"{\"bits\":2048,\"subject\":\"CN=" sha1 "\",\"issuer\":\"CN=x\",\"serial\":\"4a\"," \
	"\"not_before\":1,\"not_after\":" after ",\"sha1\":\"" sha1 "\",\"sha256\":\"\"," \
	"\"pem\":\"\",\"roles\":\"" roles "\",\"ttl\":" ttl ",\"own\":" own "}"

static void listed(void **state)
{
	static const struct reply list[] = {
		{"trust", {"{\"result\":{\"certs\":["
			   CERT("aa", "\"CallManager/n1/1\"", "SAST,CCM+TFTP", "null", "4000000000") ","
			   CERT("bb", "null", "SAST", "3600", "1000000000")
			   "],\"file\":\"/f\",\"sha1\":\"cc\",\"made\":1,\"fault\":{\"rc\":\"verify\",\"op\":\"\",\"what\":\"\",\"why\":\"another key\",\"name\":\"\",\"code\":0,\"hint\":\"\"},\"error\":null}}"}},
		{NULL, {NULL}}};
	struct output o;

	world_open(*state, list);
	o = must_run(*state, "trust list", 0, "of this cluster: CallManager/n1/1");
	assert_non_null(strstr(o.out, "bb  "));
	assert_non_null(strstr(o.out, "3600    2001-"));
	assert_non_null(strstr(o.out, "EXPIRED"));
	assert_null(strstr(strstr(o.out, "EXPIRED") + 1, "EXPIRED"));
	assert_non_null(strstr(o.err, "TVS does not use the trust file: another key"));
	output_clear(&o);
	run(*state, "trust list --json", 0, "{\"result\":{\"certs\":[");
	assert_int_equal(keyd_seen.ntickets, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_first),	TEST(more),
		TEST(nothing_new),	TEST(what_is_refused),
		TEST(odd_certificates),	TEST(consent),
		TEST(a_file_of_nobody),	TEST(of_a_retired_key),
		TEST(no_audit_key),	TEST(removed),
		TEST(many),		TEST(listed),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
