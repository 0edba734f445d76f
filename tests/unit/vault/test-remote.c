/* A vault on real SFTP servers that are not there, fail, or are cut off. */
#include "fixture.h"
#include "support/server.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "proxy.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* ---- nobody there ---- */

static int listener(unsigned *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void nobody_there(void **state)
{
	struct vault_access a = by_key();
	struct vault_target t = target("/", port_unused(SOCK_STREAM));
	struct vault *v = NULL;
	double before;
	struct err e;
	int fd;

	(void)state;
	a.known_hosts = "/nonexistent/known_hosts";
	a.seconds = 1;
	assert_int_equal(vault_open(&t, &a, &v, &e), RC_STALE);
	assert_says(&e, "nobody answers");
	strcpy(t.host, "no-such-host.invalid");
	assert_int_equal(vault_open(&t, &a, &v, &e), RC_ERROR);
	assert_says(&e, "the name has no address");
	strcpy(t.host, "127.0.0.1");
	fd = listener(&t.port); /* the kernel answers, and nobody else */
	before = proc_now();
	assert_int_equal(vault_open(&t, &a, &v, &e), RC_STALE);
	assert_says(&e, "no answer in time");
	assert_true(proc_now() - before < 5);
	/* Given up from outside. */
	a.seconds = 600;
	a.stop_fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(vault_open(&t, &a, &v, &e), RC_STALE);
	assert_non_null(strstr(e.why, "stopped"));
	close(a.stop_fd);
	close(fd);
}

/* ---- servers that fail ---- */

/* Files under final names, which are whole; *hidden counts the others. */
static size_t finals(const char *folder, size_t whole, size_t *hidden)
{
	char path[600];
	struct stat st;
	size_t n = 0;
	DIR *d = opendir(folder);

	*hidden = 0;
	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));) {
		if (f->d_name[0] == '.') {
			*hidden += strlen(f->d_name) > 2;
			continue;
		}
		snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, whole);
		n++;
	}
	closedir(d);
	return n;
}

static void faults(void **state)
{
	static const struct {
		const char *server, *folder; /* NULL: the vault */
		size_t size;
		enum rc open, put;
		const char *says;
	} rows[] = {
		{"", "/nonexistent", 0, RC_NOTFOUND, RC_OK, "no such folder"},
		{"", "/etc/passwd", 0, RC_ERROR, RC_OK, "is not a folder"},
		{"", "/root/x", 0, RC_REFUSED, RC_OK, "no permission"},
		{"", "/usr", 10, RC_OK, RC_REFUSED, "no permission"},
		{"readonly", NULL, 10, RC_OK, RC_REFUSED, "no permission"},
		{"full=65536", NULL, 100000, RC_OK, RC_ERROR,
		 "the disk of the server is full: 0 bytes"},
		{"full=65536", NULL, 20000, RC_OK, RC_OK, ""},
		{"full=65536 deny=statvfs", NULL, 100000, RC_OK, RC_ERROR,
		 "a full disk, a quota"},
		{"deny=rename,posix-rename", NULL, 1000, RC_OK, RC_REFUSED,
		 "refused to rename"},
		{"deny=fsync", NULL, 1000, RC_OK, RC_OK, ""},
		{"deny=read", NULL, 1000, RC_OK, RC_REFUSED, "read back"},
		{"chroot", "/vault", 1000, RC_OK, RC_OK, ""},
		{"nosftp", NULL, 0, RC_ERROR, RC_OK, "sftp subsystem"},
	};
	uint8_t CLEANUP_FREE *big = calloc(1, 100000);
	size_t hidden;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct vault CLEANUP(vault_free) *v = NULL;
		struct vault_access a;
		char name[32];
		enum rc rc;

		sshd_start(&sshd, dir, rows[i].server);
		a = by_key();
		rc = open_at(&a, rows[i].folder ? rows[i].folder : sshd.vault,
			     sshd.port, &v, &e);
		print_message("%s %s\n", rows[i].server,
			      rows[i].folder ? rows[i].folder : "");
		if (rows[i].open != RC_OK)
			assert_says(&e, rows[i].says);
		assert_int_equal(rc, rows[i].open);
		snprintf(name, sizeof name, "f%zu", i);
		if (rc == RC_OK)
			rc = vault_put(v, name, NULL, bytes_of(big, rows[i].size), &e);
		if (rows[i].open == RC_OK && rows[i].put != RC_OK)
			assert_says(&e, rows[i].says);
		if (rows[i].open == RC_OK)
			assert_int_equal(rc, rows[i].put);
		sshd_stop(&sshd);
	}
	/* Nothing is left of those that failed. */
	assert_int_equal(finals(sshd.vault, 1000, &hidden), 2);
	assert_int_equal(hidden, 0);
}

/* The new file's rename fails after the old file went aside: the old one is put
 * back, or it is said where it is. */
static void second_rename_fails(void **state)
{
	static const struct {
		const char *name, *stands, *says;
	} rows[] = {
		{"kept.p12", "kept.p12", "the old file stands where it was"},
		{"lost.p12", "old.p12", "rename it back by hand"},
	};
	char shim[300], option[310], path[700];
	struct vault *v = NULL;
	struct vault_access a;
	struct err e;

	(void)state;
	/* Where the server's user can read it. */
	snprintf(shim, sizeof shim, "%s/no-link.so", dir);
	snprintf(path, sizeof path, "cp %s %s && chmod 0644 %s", NO_LINK, shim, shim);
	assert_int_equal(system(path), 0);
	snprintf(option, sizeof option, "preload=%s", shim);
	sshd_start(&sshd, dir, option);
	a = by_key();
	assert_ok(open_at(&a, sshd.vault, sshd.port, &v, &e), &e);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t CLEANUP_FREE *got = NULL;
		size_t n = 0;

		snprintf(path, sizeof path, "%s/%s", sshd.vault, rows[i].name);
		assert_ok(file_replace(path, bytes_of_text("old"), 0644, &e), &e);
		assert_int_equal(chown(path, 64100, 64100), 0);
		assert_int_equal(vault_put(v, rows[i].name, "old.p12",
					   bytes_of_text("new"), &e), RC_REFUSED);
		assert_says(&e, "refused to rename");
		assert_says(&e, rows[i].says);
		assert_ok(vault_get(v, rows[i].stands, 10, &got, &n, &e), &e);
		assert_int_equal(n, 3);
		assert_memory_equal(got, "old", 3);
		assert_ok(vault_remove(v, rows[i].stands, &e), &e);
	}
	vault_free(v);
	sshd_stop(&sshd);
}

/* ---- wires that are cut ---- */

/* The server, by the proxy's port. */
static enum rc yes_to_all(void *arg, const struct carry_host_key *k, bool *yes,
			  struct err *e)
{
	(void)arg, (void)k, (void)e;
	*yes = true;
	return RC_OK;
}

#define CONTENT 150000u

static void cut_anywhere(void **state)
{
	struct vault_access a = by_key();
	uint8_t CLEANUP_FREE *content = malloc(CONTENT);
	size_t rounds = support_rounds(80), whole, made = 0, hidden;
	struct proxy p;
	struct vault *v = NULL;
	char file[300], name[32];
	struct err e;

	(void)state;
	memset(content, 'a', CONTENT);
	proxy_start(&p, sshd.port);
	snprintf(file, sizeof file, "%s/proxy_hosts", dir);
	a.known_hosts = file;
	a.confirm = yes_to_all;
	assert_ok(open_at(&a, sshd.vault, p.port, &v, &e), &e);
	assert_ok(vault_put(v, "whole", NULL, bytes_of(content, CONTENT), &e), &e);
	whole = p.sent;
	assert_true(whole > CONTENT);
	for (size_t i = 0; i <= rounds; i++) {
		/* The start and the end, and evenly in between. */
		p.limit = i == rounds ? whole - 1 : 1 + whole * i / rounds;
		snprintf(name, sizeof name, "cut%zu", i);
		if (vault_put(v, name, NULL, bytes_of(content, CONTENT), &e) == RC_OK)
			made++;
		else
			assert_int_equal(e.rc, RC_STALE);
		assert_true(finals(sshd.vault, CONTENT, &hidden) >= 1 + made);
	}
	assert_says(&e, "");
	/* Each of the others can be put again. */
	p.limit = 0;
	assert_ok(vault_put(v, "cut0", NULL, bytes_of(content, CONTENT), &e), &e);
	vault_free(v);
	proxy_stop(&p);
}

static void dead_wires(void **state)
{
	struct vault_access a = by_key();
	uint8_t CLEANUP_FREE *content = calloc(1, CONTENT);
	static const size_t after[] = {500, 60000};
	struct proxy p;
	char file[300];
	struct err e;

	(void)state;
	proxy_start(&p, sshd.port);
	snprintf(file, sizeof file, "%s/dead_hosts", dir);
	a.known_hosts = file;
	a.confirm = yes_to_all;
	a.seconds = 1;
	for (size_t i = 0; i < COUNT_OF(after); i++) {
		struct vault CLEANUP(vault_free) *v = NULL;
		double before;

		p.limit = 0;
		assert_ok(open_at(&a, sshd.vault, p.port, &v, &e), &e);
		p.limit = after[i];
		p.stall = true;
		before = proc_now();
		assert_int_equal(vault_put(v, "dead", NULL, bytes_of(content, CONTENT),
					   &e), RC_STALE);
		assert_says(&e, "");
		assert_true(proc_now() - before < 6);
	}
	proxy_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(nobody_there),
		AFTER(faults),
		AFTER(second_rename_fails),
		WITH(cut_anywhere),
		WITH(dead_wires),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
