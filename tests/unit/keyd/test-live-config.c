/* A real keyd takes up a changed cluster.conf. */
#include "peer.h"
#include "base/file.h"
#include "cluster/program.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *conf; /* as it was at first */

static void put(const char *name, const char *text)
{
	char path[512];
	struct err e;

	assert_ok(file_path(path, sizeof path, live.dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

static char *get(const char *name)
{
	uint8_t *text = NULL;
	char path[512];
	struct err e;
	size_t n;

	assert_ok(file_path(path, sizeof path, live.dir, name, &e), &e);
	assert_ok(file_read(path, 1 << 16, &text, &n, &e), &e);
	return (char *)text;
}

static void put_more(const char *more)
{
	char *text;

	assert_true(asprintf(&text, "%s%s", conf, more) > 0);
	put("cluster.conf", text);
	free(text);
}

static struct keyd_status status(void)
{
	struct keyd_status s;
	struct keyd *k = client();
	struct err e;

	assert_ok(keyd_status(k, &s, &e), &e);
	keyd_free(k);
	return s;
}

static bool lives(void)
{
	return waitpid(live.keyd, NULL, WNOHANG) == 0;
}

/* Its exit status, and the next one is started, as itlkeeperd does. */
static int wait_end(void)
{
	int w;

	assert_int_equal(waitpid(live.keyd, &w, 0), live.keyd);
	live.keyd = 0;
	assert_true(WIFEXITED(w));
	live_keyd(&live);
	return WEXITSTATUS(w);
}

static void seconds(time_t n)
{
	const struct timespec t = {.tv_sec = n};

	(void)nanosleep(&t, NULL);
}

static int setup(void **state)
{
	int r = peer_start(state);

	conf = get("cluster.conf");
	return r;
}

static int teardown(void **state)
{
	free(conf);
	return peer_stop(state);
}

static void it_ends_and_starts_with_it(void **state)
{
	struct keyd_status before = status(), after;
	char *log;

	(void)state;
	assert_string_equal(before.config, live.cluster->sha256);
	put_more("# a word\n");
	assert_int_equal(wait_end(), PROGRAM_EXIT_CONFIG);
	after = status();
	assert_string_not_equal(after.config, before.config);
	log = get("state/keyd/audit.log");
	assert_non_null(strstr(log, before.config)); /* with its start */
	assert_non_null(strstr(log, after.config));
	free(log);
}

static void a_bad_one_changes_nothing(void **state)
{
	struct keyd_status before = status();
	char *keyd_conf = get("keyd.conf");

	(void)state;
	put_more("nonsense\n");
	seconds(3);
	assert_true(lives());
	/* A good one, but keyd would not start with its own file. */
	put("keyd.conf", "[token]\nmodule = /nowhere\n");
	put_more("# another word\n");
	seconds(3);
	assert_true(lives());
	assert_string_equal(status().config, before.config);
	put("keyd.conf", keyd_conf);
	free(keyd_conf);
	assert_int_equal(wait_end(), PROGRAM_EXIT_CONFIG);
}

/* Somebody always asks: no answer is lost, and keyd ends all the same. A client asks
 * the next keyd once more. */
static void nothing_is_lost_under_load(void **state)
{
	struct keyd *k;
	struct err e;
	uint8_t *list;
	size_t n, asked = 0;
	pid_t asker;
	int w;

	(void)state;
	asker = fork();
	assert_true(asker >= 0);
	if (asker == 0) {
		live_be(&live, LIVE_FRONT);
		k = client();
		for (time_t end = time(NULL) + 12; time(NULL) < end; asked++) {
			if (keyd_sign_itl(k, "n1", NOW, &list, &n, &e) != RC_OK) {
				char text[1200];

				(void)fprintf(stderr, "%s\n",
					      err_text(&e, text, sizeof text));
				_exit(1);
			}
			free(list);
		}
		_exit(asked > 100 ? 0 : 2);
	}
	put_more("# under load\n");
	assert_int_equal(wait_end(), PROGRAM_EXIT_CONFIG);
	assert_int_equal(waitpid(asker, &w, 0), asker);
	assert_true(WIFEXITED(w));
	assert_int_equal(WEXITSTATUS(w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_and_starts_with_it),
		cmocka_unit_test(a_bad_one_changes_nothing),
		cmocka_unit_test(nothing_is_lost_under_load),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
