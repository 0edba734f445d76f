/* A real keyd, its real token, its real users: what it does, and how it lives and
 * ends. */
#include "peer.h"
#include "whole.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "itl/itl.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what it does ---- */

static void a_nodes_list(void **state)
{
	struct itl *l = NULL;
	uint8_t *list;
	struct err e;
	size_t n;

	(void)state;
	list = own_list("n1", &n);
	assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
	assert_ok(itl_verify_self(l, &e), &e);
	assert_int_equal(l->nrecords, 6);
	assert_int_equal(l->timestamp, NOW);
	assert_string_equal((const char *)l->signer_name.p,
			    "CN=test10pub.joemar2.lab;OU=tac;O=cisco;L=rtp;ST=nc;C=US");
	assert_int_equal(l->header_length, 324);
	itl_free(l);
	free(list);
}

static void keys_and_status(void **state)
{
	struct keyd *k = client();
	struct keyd_status s;
	struct keyd_key *keys;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(keyd_status(k, &s, &e), &e);
	assert_string_equal(s.token, "live");
	assert_true(s.password_set);
	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	assert_int_equal(n, s.keys);
	assert_true(n >= 7);
	assert_int_equal(keys[0].label.unit, UNIT_CALLMANAGER);
	assert_string_equal(keys[0].label.node, "n1");
	assert_true(keys[0].current);
	keyd_keys_free(keys, n);
	keyd_free(k);
}

static uint8_t *reset(const struct bytes source, uint32_t at, size_t *n)
{
	struct keyd_intent intent = keyd_intent_reset(KEYD_LOCALKEY, false, source, at);
	uint8_t ticket[KEYD_TICKET_LEN], *list = NULL;
	struct keyd *k = client();
	struct err e;

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_reset(k, ticket, live_uid(&live, LIVE_ADMIN), KEYD_LOCALKEY, source, at,
			     &list, n, &e), &e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return list;
}

static void a_reset_and_its_preview(void **state)
{
	struct keyd_intent intent;
	uint8_t ticket[KEYD_TICKET_LEN], announced[20], sha1[20];
	uint8_t *source, *list;
	struct itl *before = NULL, *after = NULL;
	struct keyd *k = client();
	size_t n, m;
	struct err e;

	(void)state;
	source = own_list("n1", &n);
	intent = keyd_intent_reset(KEYD_LOCALKEY, true, bytes_of(source, n), NOW + 60);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_reset_preview(k, ticket, live_uid(&live, LIVE_ADMIN),
				     KEYD_LOCALKEY, bytes_of(source, n), NOW + 60, announced,
				     &e), &e);
	live_be(&live, LIVE_ROOT);
	list = reset(bytes_of(source, n), NOW + 60, &m);
	itl_sha1(bytes_of(list, m), sha1);
	assert_memory_equal(announced, sha1, 20);
	assert_ok(itl_parse(bytes_of(source, n), 0, &before, &e), &e);
	assert_ok(itl_parse(bytes_of(list, m), 0, &after, &e), &e);
	assert_ok(itl_verify_self(after, &e), &e);
	assert_int_equal(m - after->header_length, n - before->header_length);
	assert_memory_equal(list + after->header_length,
			    source + before->header_length,
			    n - before->header_length);
	assert_non_null(strstr((const char *)after->signer_name.p, "ITLRECOVERY_"));
	itl_free(before);
	itl_free(after);
	free(source);
	free(list);
	keyd_free(k);
}

static void an_sgn(void **state)
{
	static const char content[] = "<device/>\n";
	struct frame *f = frame_of(KEYD_SGN);
	struct itl *l = NULL;
	uint8_t file[4096];
	struct bytes header;
	struct reader r;
	struct err e;
	int fd;

	(void)state;
	write_text(&f->w, "n1");
	write_text(&f->w, "sub/SEP001122334455.cnf.xml");
	write_u8(&f->w, ITL_SHA1);
	write_u32(&f->w, NOW);
	struct frame *inline_too = f;
	size_t without = f->w.n;

	write_bytes32(&inline_too->w, bytes_of_text(content));
	assert_int_equal(ask(LIVE_FRONT, writer_bytes(&f->w), -1, &r, &e), RC_OK);
	header = read_bytes32(&r);
	assert_true(reader_done(&r));
	memcpy(file, header.p, header.n);
	memcpy(file + header.n, content, sizeof content - 1);
	assert_ok(itl_parse(bytes_of(file, header.n + sizeof content - 1), ITL_SGN,
			    &l, &e), &e);
	assert_string_equal((const char *)l->file_name.p,
			    "sub/SEP001122334455.cnf.xml");
	itl_free(l);

	/* the same content beside the frame: sealed, or refused */
	fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, sizeof content - 1),
			 sizeof content - 1);
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, without), fd, &r, &e),
			 RC_REFUSED);
	assert_int_equal(fcntl(fd, F_ADD_SEALS,
			       F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, without), fd, &r, &e),
			 RC_OK);
	struct bytes again = read_bytes32(&r);

	assert_int_equal(again.n, header.n);
	assert_memory_equal(again.p, file, header.n);
	close(fd);
}

/* After a renewal the newest generation signs; the old one is kept. */
static void the_newest_generation_signs(void **state)
{
	struct keyd_intent intent = keyd_intent_generate(UNIT_CALLMANAGER, "n2");
	uint8_t ticket[KEYD_TICKET_LEN], *list;
	struct keyd *k = client();
	struct keyd_key key;
	struct itl *l = NULL;
	struct err e;
	size_t n;

	(void)state;
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN),
				UNIT_CALLMANAGER, "n2", &key, &e), &e);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(key.label.generation, 2);
	assert_true(key.current);
	list = own_list("n2", &n);
	assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
	assert_true(itl_signed_by(l, key.cert));
	itl_free(l);
	free(list);
	X509_free(key.cert);
	keyd_free(k);
}

/* A stranger's descriptors must not hold us up: a TCP socket that lingers would
 * block whoever closes it. */
static void descriptors_that_linger(void **state)
{
	struct frame *f = frame_of(KEYD_STATUS);
	int listener, fd[4];
	double began;
	struct err e;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int lingering = support_lingering(&listener);

		live_be(&live, LIVE_STRANGER);
		assert_ok(sock_connect(live.keyd_socket, &fd[i], &e), &e);
		live_be(&live, LIVE_ROOT);
		assert_ok(sock_send(fd[i], writer_bytes(&f->w), lingering, 0, &e), &e);
		close(lingering);
		close(listener);
	}
	began = proc_now();
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_OK);
	/* Not a measurement: one of them would hold for 30 seconds. */
	assert_true(proc_now() - began < 20);
	for (size_t i = 0; i < 4; i++)
		close(fd[i]);
}

/* Strangers cannot take all places: front and root still come in. */
static void strangers_leave_room(void **state)
{
	int fd[32 * 8];
	struct err e;
	size_t n = 0;

	(void)state;
	for (unsigned user = 0; user < 32; user++)
		for (size_t i = 0; i < 8; i++) {
			assert_int_equal(seteuid(90000 + user), 0);
			if (sock_connect(live.keyd_socket, &fd[n], &e) == RC_OK)
				n++;
			assert_int_equal(seteuid(0), 0);
		}
	assert_int_equal(ask_frame(LIVE_FRONT, frame_of(KEYD_STATUS), &e), RC_OK);
	assert_int_equal(ask_frame(LIVE_ROOT, frame_of(KEYD_STATUS), &e), RC_OK);
	while (n)
		close(fd[--n]);
}

static void ctl(void **state)
{
	static const struct {
		unsigned role;
		const char *dns;
	} records[] = {{ITL_SAST, "test10pub"}, {ITL_CCM_TFTP, "test10pub"},
		       {ITL_CCM_TFTP, "test10sub"}, {ITL_CAPF, "test10pub"},
		       {ITL_SAST, "test10pub"}};
	struct keyd_intent intent = keyd_intent_ctl(NOW);
	uint8_t ticket[KEYD_TICKET_LEN], *list = NULL;
	uid_t admin = live_uid(&live, LIVE_ADMIN);
	struct keyd *k = client();
	struct itl *l = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_ctl(k, ticket, admin, NOW, &list, &n, &e), &e);
	assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
	assert_true(itl_is_ctl(l));
	assert_ok(itl_verify_self(l, &e), &e);
	assert_int_equal(l->timestamp, NOW);
	assert_ptr_equal(itl_find_signer(l, l), &l->records[0]);
	assert_int_equal(l->nrecords, COUNT_OF(records));
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		const struct itl_record *r = &l->records[i];

		assert_int_equal(r->role, records[i].role);
		assert_string_equal((const char *)r->dns.p, records[i].dns);
		assert_memory_equal(r->address.p, "\x7f\0\0\1", 4);
		assert_true(r->cert.n > 0);
	}
	itl_free(l);
	free(list);

	/* used; and for another time */
	assert_int_equal(keyd_ctl(k, ticket, admin, NOW, &list, &n, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_ctl(k, ticket, admin, NOW + 1, &list, &n, &e),
			 RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
}

/* Each pair of digest and padding: an answer, and keyd lives. RSA-1024 has no
 * room for SHA-512 under PSS. */
static void every_digest_of_tls(void **state)
{
	static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512",
					      "MD5-SHA1"};
	struct keyd_status before, after;
	struct keyd *k = client();
	struct err e;

	(void)state;
	assert_ok(keyd_status(k, &before, &e), &e);
	for (size_t d = 0; d < 5; d++)
		for (uint8_t pss = 0; pss < 2; pss++) {
			bool good = d < 3 || pss == 0;
			uint8_t message[100] = {0};
			struct frame *f = frame_of(KEYD_TLS_SIGN);
			enum rc rc;

			memcpy(message + 64, "\3\0\35\40", 4);
			write_text(&f->w, "TVS/n1/1");
			write_text(&f->w, digests[d]);
			write_u8(&f->w, pss);
			write_bytes32(&f->w, bytes_of(message, sizeof message));
			rc = ask_frame(LIVE_TVS, f, &e);
			assert_int_equal(rc == RC_OK, good);
		}
	assert_ok(keyd_status(k, &after, &e), &e);
	assert_int_equal(before.started, after.started);
	keyd_free(k);
}

/* A cheap derivation, and a digest that no phone knows, are not taken. */
static void weak_parameters(void **state)
{
	struct frame *f = frame_of(KEYD_PASSWORD);
	uint8_t zeros[32] = {0};
	struct err e;

	(void)state;
	write_u8(&f->w, 0);
	write_bytes(&f->w, bytes_of(zeros, 32));
	write_bytes(&f->w, bytes_of(zeros, KEYD_SALT_LEN));
	write_u64(&f->w, 1);
	write_u64(&f->w, 1 << 20);
	write_bytes(&f->w, bytes_of(zeros, 32));
	assert_int_equal(ask_frame(LIVE_ROOT, f, &e), RC_REFUSED);

	f = frame_of(KEYD_SGN);
	write_text(&f->w, "n1");
	write_text(&f->w, "a.xml");
	write_u8(&f->w, ITL_SHA256);
	write_u32(&f->w, NOW);
	write_bytes32(&f->w, bytes_of_text("content"));
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_USAGE);
}

/* ---- the audit log ---- */

/* Nothing is signed; but not without a ticket for just these lists. */
static void a_rollback(void **state)
{
	struct keyd_place places[] = {{"n1", {0xab}}, {"n2", {0xcd}}}, other[2];
	struct keyd_place nowhere[] = {{"n9", {0xab}}};
	struct keyd_intent intent = keyd_intent_rollback(places, 2);
	uid_t uid = live_uid(&live, LIVE_ADMIN);
	uint8_t ticket[KEYD_TICKET_LEN] = {0};
	struct keyd *k = client();
	struct err e;

	(void)state;
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_rollback(k, ticket, uid, places, 2, &e), RC_REFUSED);
	assert_int_equal(keyd_rollback(k, ticket, uid, places, 0, &e), RC_USAGE);
	assert_int_equal(keyd_rollback(k, ticket, uid, nowhere, 1, &e), RC_NOTFOUND);
	memcpy(other, places, sizeof other);
	other[1].sha1[19] ^= 1;
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_rollback(k, ticket, uid, other, 2, &e), RC_REFUSED);
	assert_int_equal(keyd_rollback(k, ticket, uid, places, 2, &e), RC_REFUSED);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_rollback(k, ticket, uid, places, 1, &e), RC_REFUSED);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_rollback(k, ticket, uid, places, 2, &e), &e);
	assert_int_equal(keyd_rollback(k, ticket, uid, places, 2, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
}

static void everything_is_in_the_log(void **state)
{
	struct audit_report report;
	uint8_t *log = NULL;
	struct stat st;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(file_read(live.audit_log, 1 << 24, &log, &n, &e), &e);
	assert_ok(audit_verify(bytes_of(log, n), &report, &e), &e);
	assert_true(report.entries > 40);
	static const char *const said[] = {
		"\"event\":\"start\"", "\"event\":\"generate-begin\"",
		"\"event\":\"generate\"", "\"event\":\"itl\"",
		"\"event\":\"reset\"", "\"event\":\"preview\"",
		"\"event\":\"sgn\"", "\"event\":\"tls-sign\"",
		"\"event\":\"ticket\"", "\"event\":\"ctl\"",
		"node=n1 sha1=ab00", "node=n2 sha1=cd00", "\"event\":\"rollback\"",
		"\"rc\":\"refused\"", "\"key\":\"ITLRecovery/lab/1\"",
	};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		assert_non_null(strstr((const char *)log, said[i]));
	assert_null(strstr((const char *)log, LIVE_PASSWORD));
	assert_int_equal(stat(live.audit_log, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(st.st_gid, live.group);
	free(log);
}

/* ---- life and death ---- */

/* Killed and started again: the same keys, the same password, one chain; what
 * the token has is all that it needs. */
static void comes_back(void **state)
{
	struct keyd_status before, after;
	struct keyd *k = client();
	uint8_t *first, *second;
	struct itl *a = NULL, *b = NULL;
	struct err e;
	size_t n, m;

	(void)state;
	first = own_list("n1", &n);
	assert_ok(keyd_status(k, &before, &e), &e);
	live_kill(&live);
	live_keyd(&live);
	assert_ok(keyd_status(k, &after, &e), &e); /* the old connection: again, once */
	assert_int_equal(before.keys, after.keys);
	assert_true(after.password_set);
	assert_true(after.audit_entries > before.audit_entries);
	second = own_list("n1", &m);
	assert_int_equal(n, m);
	assert_memory_equal(first, second, n); /* same time, same key, same list */
	itl_free(a);
	itl_free(b);
	free(first);
	free(second);
	keyd_free(k);
	everything_is_in_the_log(state);
}

/* A second keyd on the same state would break the chain. */
static void one_at_a_time(void **state)
{
	pid_t first = live.keyd;
	size_t n;

	(void)state;
	assert_int_equal(live_keyd_status(&live), 1);
	live.keyd = first;
	free(own_list("n1", &n));
}

/* SIGSTOP of the token is not to be had; a token that vanished is: keyd gives
 * its answer and ends. */
static void ends_when_the_token_is_gone(void **state)
{
	char away[4096];
	struct frame *f = frame_of(KEYD_ITL);
	struct reader r;
	struct err e;
	int status;

	(void)state;
	(void)snprintf(away, sizeof away, "%s.away", live.hsm.dir);
	assert_int_equal(rename(live.hsm.dir, away), 0);
	write_text(&f->w, "n1");
	write_u32(&f->w, NOW);
	assert_int_not_equal(ask(LIVE_FRONT, writer_bytes(&f->w), -1, &r, &e), RC_OK);
	assert_int_equal(waitpid(live.keyd, &status, 0), live.keyd);
	live.keyd = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	/* still away: a clear error, not a loop */
	assert_int_equal(live_keyd_status(&live), 4);
	assert_int_equal(rename(away, live.hsm.dir), 0);
	live_keyd(&live);
	free(own_list("n1", &(size_t){0}));
}

/* A refused PIN: exit 77, and never sent again by a restart. */
static void a_refused_pin(void **state)
{
	char path[4096];
	struct err e;

	(void)state;
	live_kill(&live);
	(void)snprintf(path, sizeof path, "%s/pin", live.dir);
	assert_ok(file_replace(path, bytes_of_text("9999\n"), 0400, &e), &e);
	assert_int_equal(chown(path, live.keyd_uid, (gid_t)-1), 0);
	assert_int_equal(live_keyd_status(&live), 77);
	/* The token is not even asked: it is not there, and still it is 77. */
	char away[4096];

	(void)snprintf(away, sizeof away, "%s.away", live.hsm.dir);
	assert_int_equal(rename(live.hsm.dir, away), 0);
	assert_int_equal(live_keyd_status(&live), 77);
	assert_int_equal(rename(away, live.hsm.dir), 0);
	/* the right PIN, written anew */
	assert_ok(file_replace(path, bytes_of_text(SOFTHSM_PIN "\n"), 0400, &e), &e);
	assert_int_equal(chown(path, live.keyd_uid, (gid_t)-1), 0);
	live_keyd(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nodes_list),
		cmocka_unit_test(keys_and_status),
		cmocka_unit_test(a_reset_and_its_preview),
		cmocka_unit_test(an_sgn),
		cmocka_unit_test(ctl),
		cmocka_unit_test(the_newest_generation_signs),
		cmocka_unit_test(descriptors_that_linger),
		cmocka_unit_test(strangers_leave_room),
		cmocka_unit_test(every_digest_of_tls),
		cmocka_unit_test(weak_parameters),
		cmocka_unit_test(a_rollback),
		cmocka_unit_test(everything_is_in_the_log),
		cmocka_unit_test(comes_back),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(ends_when_the_token_is_gone),
		cmocka_unit_test(a_refused_pin),
	};

	return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
