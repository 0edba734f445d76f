/* The job `again`, on a real server; this is its parent. What stands before a file's '|'
 * is taken for its header: the job does not look into files. */
#include "jobs.h"
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ASIDE ".0123456789abcdef"

static struct parent {
	unsigned count, files, gos, done, refused;
	uint32_t waiting[64]; /* numbers that get a header with the next 'g' */
	size_t skip[64], n;
	unsigned in_flight, most; /* files without an answer */
	unsigned stop_at;         /* this file ends it; 0: none does */
	bool stop_at_done;        /* the first that is done ends it */
	bool lies;                /* it answers what nobody asked */
	struct err error;         /* the first that was told */
} parent;

static enum rc answer(struct carry_voice *v, char letter, uint32_t number, size_t skip,
		      struct err *e)
{
	uint8_t text[64];
	struct writer w = writer_of(text, sizeof text);

	write_u8(&w, (uint8_t)letter);
	write_u32(&w, number);
	if (letter == 'h') {
		write_u32(&w, num_u32(skip));
		write_bytes(&w, bytes_of_text("new header|"));
	}
	return carry_say(v, writer_bytes(&w), e);
}

static enum rc file(struct carry_voice *v, struct reader *r, struct err *e)
{
	uint32_t number = read_u32(r);
	struct bytes rest = read_bytes(r, reader_left(r));
	const uint8_t *at = memchr(rest.p, '\0', rest.n), *bar;

	assert_non_null(at);
	at++;
	bar = memchr(at, '|', rest.n - num_size(at - rest.p));
	parent.files++;
	if (++parent.in_flight > parent.most)
		parent.most = parent.in_flight;
	if (parent.stop_at == parent.files)
		return err_set(e, RC_TOKEN, "sign", "is away", NULL, "keyd");
	if (!bar) {
		parent.in_flight--;
		return answer(v, 'l', number, 0, e);
	}
	parent.waiting[parent.n] = parent.lies ? number + 1000 : number;
	parent.skip[parent.n++] = num_size(bar + 1 - at);
	return RC_OK;
}

static enum rc heard(void *arg, struct carry_voice *v, struct bytes message, struct err *e)
{
	struct reader r = reader_of(message);
	enum rc rc = RC_OK;

	(void)arg;
	switch (read_u8(&r)) {
	case 'w':
		break;
	case 'n':
		parent.count = read_u32(&r);
		break;
	case 'f':
		rc = file(v, &r, e);
		break;
	case 'g':
		parent.gos++;
		for (size_t i = 0; i < parent.n && rc == RC_OK; i++)
			rc = answer(v, 'h', parent.waiting[i], parent.skip[i], e);
		parent.in_flight -= (unsigned)parent.n;
		parent.n = 0;
		break;
	case 'd':
		parent.done++;
		if (parent.stop_at_done)
			rc = err_set(e, RC_TOKEN, "sign", "is away", NULL, "keyd");
		break;
	case 'r':
		(void)read_u32(&r);
		if (parent.refused++ == 0) {
			struct bytes b = read_bytes(&r, reader_left(&r));
			json_t *j = json_loadb((const char *)b.p, b.n, 0, NULL);

			assert_non_null(j);
			snprintf(parent.error.why, sizeof parent.error.why, "%s",
				 text_of(j, "why"));
			snprintf(parent.error.what, sizeof parent.error.what, "%s",
				 text_of(j, "what"));
			json_decref(j);
		}
		break;
	default:
		fail_msg("no such letter");
	}
	return rc;
}

static int stop_fd = -1;

static enum rc again(const char *folder, int max, json_t **out, struct err *e)
{
	const struct carry_talk talk = {.max = CARRY_TALK_MAX, .heard = heard};
	struct carry_job c = CARRY_JOB(
		.program = program,
		.job = job("again", json_pack("{s:s, s:i}", "folder", folder, "max", max)),
		.max = 1000, .seconds = 10, .talk = &talk);
	uint8_t CLEANUP_FREE *text = NULL;
	size_t n = 0;
	enum rc rc;

	c.stop_fd = stop_fd;
	parent.count = parent.files = parent.gos = parent.done = parent.refused = 0;
	parent.in_flight = parent.most = 0;
	parent.n = 0;
	rc = carry_run(&c, &text, &n, e);
	if (rc == RC_OK && out)
		*out = json_loadb((char *)text, n, JSON_REJECT_DUPLICATES, NULL);
	return rc;
}

/* As files of the login's user. */
static void fill(const char *folder, const char *script)
{
	shell("cd %s && %s && chown -R 64100:64100 .", folder, script);
}

static void all_new(const char *folder, unsigned n)
{
	shell("test $(grep -rlx 'new header|content' %s | wc -l) = %u", folder, n);
	shell("test -z \"$(find %s -name '.*.tmp' -o -name '.*.old')\"", folder);
}

#define SEVENTY                                                                        \
	"mkdir -p a/b && for i in $(seq 30); do echo 'old|content' >$i.sgn; "          \
	"echo 'old|content' >a/$i.SGN; done && "                                       \
	"for i in $(seq 10); do echo 'old|content' >a/b/$i.sgn; done"

static void a_tree(void **state)
{
	char *folder = own_folder("tree");
	json_t *j = NULL;
	struct err e;

	(void)state;
	fill(folder, SEVENTY " && chmod 0640 3.sgn && chmod 0755 4.sgn && "
			     "echo 'old|content' >plain && echo 'no header' >left.sgn && "
			     "echo 'old|content' >.hidden.sgn && mkdir .git folder.sgn && "
			     "echo 'old|content' >.git/x.sgn && "
			     "ln -s 1.sgn link.sgn && ln -s /etc linked");
	assert_ok(again(folder, 1000, &j, &e), &e);
	assert_true(json_is_true(json_object_get(j, "atomic")));
	json_decref(j);
	assert_int_equal(parent.count, 71);
	assert_int_equal(parent.files, 71);
	assert_int_equal(parent.done, 70);
	assert_int_equal(parent.refused, 0);
	assert_int_equal(parent.gos, 3);
	/* The next round is with the parent while one is written, and no more. */
	assert_in_range(parent.most, 1, 64);
	all_new(folder, 70);
	shell("cd %s && test $(stat -c %%a 3.sgn) = 640 && test $(stat -c %%a 4.sgn) = 644 && "
	      "test $(stat -c %%a 5.sgn) = 644 && test -L link.sgn && "
	      "test $(cat left.sgn | wc -w) = 2 && grep -q ^old .hidden.sgn plain",
	      folder);
}

static void strange_names(void **state)
{
	char *folder = own_folder("names");
	json_t *j = NULL;
	struct err e;

	(void)state;
	fill(folder, "for i in 'a b' '$(touch x)' 'a;b' '-f' 'x`y' "
		     "'a'\\''; touch pwned; '\\''b'; do "
		     "echo 'old|content' >\"./$i.sgn\"; done");
	assert_ok(again(folder, 1000, &j, &e), &e);
	/* A quote stands in no command: that one has its moment. */
	assert_true(json_is_false(json_object_get(j, "atomic")));
	json_decref(j);
	assert_int_equal(parent.done, 6);
	all_new(folder, 6);
	shell("test $(ls -A %s | wc -l) = 6 && test ! -e %s/pwned", folder, sshd.vault);
	fill(folder, "rm -f ./*; touch \"$(printf 'a\\033b').sgn\" 'a\"b.sgn' && "
		     "echo '|' >good.sgn");
	assert_ok(again(folder, 1000, NULL, &e), &e);
	assert_int_equal(parent.count, 1);
	assert_int_equal(parent.refused, 2);
	assert_non_null(strstr(parent.error.why, "characters"));
	assert_null(strchr(parent.error.what, '\033'));
}

static void refusals(void **state)
{
	char *folder = own_folder("refusals");
	struct err e;

	(void)state;
	fill(folder, "mkdir shut && for i in 1 2 3; do echo 'old|content' >$i.sgn; done && "
		     "head -c 2000 /dev/zero >2.sgn && chmod 0 shut");
	shell("chown root %s/3.sgn && chmod 0 %s/3.sgn", folder, folder);
	assert_ok(again(folder, 1000, NULL, &e), &e);
	assert_int_equal(parent.count, 3);
	assert_int_equal(parent.done, 1);
	assert_int_equal(parent.refused, 3); /* the folder, and two files */
	all_new(folder, 1);
	/* A folder of no use at all is the job's end. */
	assert_int_equal(again("/no/such/folder", 1000, NULL, &e), RC_NOTFOUND);
	/* One that may not be written in: each file says so, or the first ends it. */
	shell("cd %s && rm -rf ./* && echo 'old|content' >1.sgn && chown root . && chmod 0755 .",
	      folder);
	assert_ok(again(folder, 1000, NULL, &e), &e);
	assert_int_equal(parent.refused, 1);
	assert_non_null(strstr(parent.error.why, "permission"));
	shell("grep -qx 'old|content' %s/1.sgn", folder);
}

static void too_deep(void **state)
{
	char *folder = own_folder("deep");
	struct err e;

	(void)state;
	fill(folder, "d=$(printf 'd/%.0s' $(seq 32)) && mkdir -p ${d}e && "
		     "echo 'old|content' >${d}x.sgn && echo 'old|content' >${d}e/x.sgn");
	assert_ok(again(folder, 1000, NULL, &e), &e);
	assert_int_equal(parent.done, 1);
	assert_int_equal(parent.refused, 1);
	assert_non_null(strstr(parent.error.why, "too deep"));
}

/* ---- what is killed in the middle ---- */

static void leftovers(void **state)
{
	char *folder = own_folder("left");
	struct err e;

	(void)state;
	fill(folder, "echo 'old|content' >1.sgn && echo half >.1.sgn" ASIDE ".tmp && "
		     "echo 'older|content' >.1.sgn" ASIDE ".old && "
		     "echo 'old|content' >.2.sgn" ASIDE ".old && "
		     "echo half >.2.sgn" ASIDE ".tmp && mkdir a && "
		     "echo 'old|content' >a/.3.sgn" ASIDE ".old && "
		     "touch .mine.tmp .x.sgn.0123.tmp .x.txt" ASIDE ".tmp");
	assert_ok(again(folder, 1000, NULL, &e), &e);
	assert_int_equal(parent.done, 3);
	shell("cd %s && rm .mine.tmp .x.sgn.0123.tmp .x.txt" ASIDE ".tmp", folder);
	all_new(folder, 3);
	shell("cd %s && test \"$(ls -A . a | xargs)\" = '.: 1.sgn 2.sgn a a: 3.sgn'", folder);
}

/* The parent's own error is the job's, and nothing is left half done. */
static void the_parent_ends_it(void **state)
{
	char *folder = own_folder("ends");
	struct err e;

	(void)state;
	fill(folder, SEVENTY);
	parent.stop_at = 40;
	assert_int_equal(again(folder, 1000, NULL, &e), RC_TOKEN);
	parent.stop_at = 0;
	assert_string_equal(e.why, "is away");
	shell("test -z \"$(find %s -name '.*.tmp' -o -name '.*.old')\"", folder);
	parent.lies = true;
	assert_int_equal(again(folder, 1000, NULL, &e), RC_USAGE);
	parent.lies = false;
	shell("test $(grep -rlx 'old|content' %s | wc -l) = 70", folder);
	assert_ok(again(folder, 1000, NULL, &e), &e);
	all_new(folder, 70);
}

static void stopped(void **state)
{
	char *folder = own_folder("stopped");
	struct err e;

	(void)state;
	fill(folder, SEVENTY);
	stop_fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(again(folder, 1000, NULL, &e), RC_STALE);
	assert_non_null(strstr(e.why, "stopped"));
	close(stop_fd);
	stop_fd = -1;
}

/* ---- other logins ---- */

static void of_sftp(const char *folder)
{
	json_t *j = NULL;
	struct err e;

	fill(folder, SEVENTY);
	/* In the middle of a round it has time to end what it began. */
	parent.stop_at_done = true;
	assert_int_equal(again(folder, 1000, NULL, &e), RC_TOKEN);
	parent.stop_at_done = false;
	shell("test -z \"$(find %s -name '.*.tmp' -o -name '.*.old')\"", folder);
	shell("test $(find %s -iname '*.sgn' | wc -l) = 70", folder);
	fill(folder, SEVENTY);
	assert_ok(again(folder, 1000, &j, &e), &e);
	assert_true(json_is_false(json_object_get(j, "atomic")));
	print_message("%s\n", text_of(j, "note"));
	json_decref(j);
	assert_int_equal(parent.done, 70);
	all_new(folder, 70);
}

/* A command "succeeds", and does nothing. */
static void sftp_alone(void **state)
{
	(void)state;
	with_options("force='internal-sftp -u 0077'", of_sftp);
}

static void of_no_rename(const char *folder)
{
	struct err e;

	fill(folder, "rm -rf ./* && echo 'old|content' >ITLFile.tlv.sgn");
	assert_ok(again(folder, 1000, NULL, &e), &e);
	assert_int_equal(parent.refused, 1);
	print_message("%s: %s\n", parent.error.what, parent.error.why);
	shell("test \"$(ls -A %s)\" = ITLFile.tlv.sgn && grep -qx 'old|content' %s/ITLFile.tlv.sgn", folder,
	      folder);
}

/* The old one is moved aside, and back. */
static void no_rename_of_new(void **state)
{
	char option[400];

	(void)state;
	shell("cp %s %s/no-link.so && chmod 0644 %s/no-link.so", NO_LINK, dir, dir);
	snprintf(option, sizeof option, "preload=%s/no-link.so shell=noshell", dir);
	with_options(option, of_no_rename);
}

static void neither_way(void **state)
{
	(void)state;
	with_options("force=internal-sftp deny=rename", of_no_rename);
}

static void not_a_job(void **state)
{
	const struct {
		const char *folder;
		int max;
	} rows[] = {{".", 100}, {"/", 0}, {"/", -1}, {"/", (int)CARRY_AGAIN_MAX + 1}};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(again(rows[i].folder, rows[i].max, NULL, &e), RC_USAGE);
	/* Without a dialogue. */
	assert_int_equal(run(job("again", json_pack("{s:s, s:i}", "folder", "/", "max", 1)),
			     NULL, 0, NULL, &e), RC_USAGE);
	assert_non_null(strstr(e.what, "descriptor 7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree),	   cmocka_unit_test(strange_names),
		cmocka_unit_test(refusals),	   cmocka_unit_test(too_deep),
		cmocka_unit_test(leftovers),	   cmocka_unit_test(the_parent_ends_it),
		cmocka_unit_test(stopped),	   cmocka_unit_test(sftp_alone),
		cmocka_unit_test(no_rename_of_new), cmocka_unit_test(neither_way),
		cmocka_unit_test(not_a_job),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
