/* What is left, read without the programs that wrote it. */
#include "crash.h"
#include "whole.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/itl.h"
#include <arpa/inet.h>
#include <limits.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TFTP_BLOCK 512u

void found_clear(struct found *f)
{
	free(f->bytes);
	*f = (struct found){0};
}

struct found crash_folder(const struct crash *c, size_t node)
{
	struct found f = {0};
	char path[PATH_MAX];
	struct err e;

	(void)snprintf(path, sizeof path, "%s/n%zu/" ITL_FILE, c->dir, node + 1);
	if (file_read(path, ITL_MAX, &f.bytes, &f.n, &e) == RC_OK) {
		itl_sha1_hex(bytes_of(f.bytes, f.n), f.sha1);
		return f;
	}
	assert_int_equal(e.rc, RC_NOTFOUND);
	(void)snprintf(f.sha1, sizeof f.sha1, "no file");
	return f;
}

/* RFC 1350, as much of it as a phone needs. */
struct found crash_served(const struct crash *c, size_t node)
{
	static const char ask[] = "\0\1" ITL_FILE "\0octet";
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)c->tftpd[node].port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval wait = {.tv_sec = 10};
	struct found f = {.bytes = malloc(ITL_MAX + TFTP_BLOCK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint16_t block = 1;
	size_t n = TFTP_BLOCK;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	assert_true(sendto(fd, ask, sizeof ask, 0, (struct sockaddr *)&at,
			   sizeof at) > 0);
	while (n == TFTP_BLOCK) {
		uint8_t packet[4 + TFTP_BLOCK];
		socklen_t len = sizeof at;
		ssize_t got = recvfrom(fd, packet, sizeof packet, 0,
				       (struct sockaddr *)&at, &len);

		assert_true(got >= 4);
		assert_int_equal(packet[1], 3); /* DATA */
		if (((unsigned)packet[2] << 8 | packet[3]) != block)
			continue;
		n = num_size(got) - 4;
		assert_true(f.n + n <= ITL_MAX);
		memcpy(f.bytes + f.n, packet + 4, n);
		f.n += n;
		packet[1] = 4; /* ACK */
		(void)sendto(fd, packet, 4, 0, (struct sockaddr *)&at, len);
		block++;
	}
	close(fd);
	itl_sha1_hex(bytes_of(f.bytes, f.n), f.sha1);
	return f;
}

/* ---- state ---- */

static void one_text(sqlite3 *db, const char *sql, const char *wanted)
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), wanted);
	(void)sqlite3_finalize(st);
}

static void check_state(const struct crash *c)
{
	char path[CLUSTER_PATH_MAX];
	sqlite3 *db = NULL;

	cluster_path(c->cluster, PATH_STATE_DB, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 10000);
	one_text(db, "PRAGMA integrity_check", "ok");
	one_text(db, "SELECT count(*) FROM pragma_foreign_key_check", "0");
	one_text(db, "SELECT count(*) FROM op WHERE state = 'running'", "0");
	(void)sqlite3_close(db);
}

/* The chain holds, and what is served was signed by an entry of it. */
static void check_audit(const struct crash *c, const struct found *served)
{
	struct audit_report report;
	char path[CLUSTER_PATH_MAX], hex[2 * SHA256_DIGEST_LENGTH + 1];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint8_t *log = NULL;
	struct err e;
	size_t n = 0;

	cluster_path(c->cluster, PATH_AUDIT_LOG, path);
	assert_ok(file_read(path, 64u << 20, &log, &n, &e), &e);
	assert_ok(audit_verify(bytes_of(log, n), &report, &e), &e);
	(void)SHA256(served->bytes, served->n, digest);
	(void)hex_of(bytes_of(digest, sizeof digest), hex, sizeof hex);
	assert_non_null(strstr((const char *)log, hex));
	free(log);
}

/* ---- lists ---- */

/* The reset list of this round, whole: the standing one's records under another
 * time. */
static void check_new(const struct crash *c, const struct found *f)
{
	struct itl CLEANUP(itl_free) *old = NULL, CLEANUP(itl_free) *new = NULL;
	struct bytes standing = bytes_of(c->standing.bytes, c->standing.n);
	struct err e;

	assert_ok(itl_parse(bytes_of(f->bytes, f->n), 0, &new, &e), &e);
	assert_ok(itl_verify_self(new, &e), &e);
	assert_ok(itl_parse(standing, 0, &old, &e), &e);
	assert_int_equal(new->timestamp, c->timestamp);
	assert_int_equal(new->nrecords, old->nrecords);
	assert_int_equal(f->n - new->header_length, standing.n - old->header_length);
	assert_memory_equal(f->bytes + new->header_length,
			    standing.p + old->header_length,
			    f->n - new->header_length);
}

bool crash_check(struct crash *c, struct found seen[CRASH_NODES])
{
	struct found final = crash_folder(c, 0);
	bool new = strcmp(final.sha1, c->standing.sha1) != 0;

	assert_true(final.n > 0);
	if (new)
		check_new(c, &final);
	for (size_t i = 0; i < CRASH_NODES; i++) {
		struct found folder = crash_folder(c, i), served = crash_served(c, i);

		assert_string_equal(folder.sha1, final.sha1);
		assert_string_equal(served.sha1, final.sha1);
		/* Whole at any moment, and of two resets never both. */
		if (seen[i].sha1[0] && strcmp(seen[i].sha1, final.sha1) != 0)
			assert_string_equal(seen[i].sha1, c->standing.sha1);
		found_clear(&folder);
		found_clear(&served);
		found_clear(&seen[i]);
	}
	check_state(c);
	check_audit(c, &final);
	found_clear(&c->standing);
	c->standing = final;
	return new;
}
