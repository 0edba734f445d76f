#include "starts.h"
#include "base/file.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(void *arg, const char *event, const struct err *e)
{
	struct starts *s = arg;
	size_t n = strlen(s->said);

	(void)snprintf(s->said + n, sizeof s->said - n, "%s ", event);
	s->last = *e;
}

static void find_folder(struct starts *s)
{
	DIR *d = opendir(s->tokens);
	struct dirent *f;

	assert_non_null(d);
	while ((f = readdir(d)))
		if (f->d_name[0] != '.') {
			(void)snprintf(s->folder, sizeof s->folder, "%.2000s/%s",
				       s->tokens, f->d_name);
			(void)snprintf(s->object, sizeof s->object,
				       "%.3000s/token.object", s->folder);
			(void)snprintf(s->proved, sizeof s->proved,
				       "%.2000s/%s.proved", s->keep, f->d_name);
			(void)snprintf(s->seen, sizeof s->seen, "%.2000s/%s.seen",
				       s->keep, f->d_name);
		}
	(void)closedir(d);
}

void starts_open(struct starts *s)
{
	memset(s, 0, sizeof *s);
	softhsm_start(&s->softhsm, "alive");
	(void)snprintf(s->tokens, sizeof s->tokens, "%s/tokens", s->softhsm.dir);
	(void)snprintf(s->keep, sizeof s->keep, "%s/keep", s->softhsm.dir);
	find_folder(s);
	s->place = (struct hsm_place){.module = softhsm_module(),
				      .uri = STARTS_URI,
				      .sessions = 1,
				      .keep = s->keep,
				      .say = say,
				      .arg = s};
}

void starts_close(struct starts *s)
{
	softhsm_stop(&s->softhsm);
}

enum rc starts_once(struct starts *s, const char *text, struct err *e)
{
	struct secret *pin = softhsm_secret(text);
	struct hsm_module *m = NULL;
	struct hsm_token *t = NULL;
	enum rc rc;

	s->said[0] = '\0';
	rc = hsm_start(&s->place, pin, &m, &t, e);
	hsm_token_free(t);
	hsm_module_free(m);
	secret_free(pin);
	return rc;
}

enum rc starts_naked(struct starts *s, struct err *e)
{
	struct secret *pin = softhsm_secret(SOFTHSM_PIN);
	struct hsm_module *m = NULL;
	struct hsm_token *t = NULL;
	enum rc rc = hsm_module_open(s->place.module, &m, e);

	if (rc == RC_OK)
		rc = hsm_token_open(m, s->place.uri, 1, &t, e);
	if (rc == RC_OK)
		rc = hsm_token_login(t, pin, e);
	hsm_token_free(t);
	hsm_module_free(m);
	secret_free(pin);
	return rc;
}

pid_t starts_fork(struct starts *s, starts_function *start, bool forever)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = {0};
		char text[1200];

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		do
			if (start(s, &e) != RC_OK) {
				(void)snprintf(text, sizeof text, "child %d: ",
					       (int)getpid());
				err_text(&e, text + strlen(text),
					 sizeof text - strlen(text));
				if (!forever && getenv("STARTS_SAY"))
					(void)fprintf(stderr, "%s\n", text);
				_exit(1);
			}
		while (forever);
		_exit(0);
	}
	return pid;
}

bool starts_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void starts_set_pin(struct starts *s, const char *old, const char *pin)
{
	const char *const argv[] = {"pkcs11-tool", "--module", s->place.module,
				    "--token-label", "alive", "--login", "--pin",
				    old, "--change-pin", "--new-pin", pin, NULL};
	char out[1024];

	if (support_run(argv, out, sizeof out) != 0)
		fail_msg("pkcs11-tool: %s", out);
}

void starts_truncate(const char *path, off_t n)
{
	assert_int_equal(truncate(path, n), 0);
}

bool starts_same_file(const char *a, const char *b)
{
	uint8_t CLEANUP_FREE *x = NULL, CLEANUP_FREE *y = NULL;
	size_t nx, ny;
	struct err e;

	assert_ok(file_read(a, 1 << 16, &x, &nx, &e), &e);
	assert_ok(file_read(b, 1 << 16, &y, &ny, &e), &e);
	return bytes_equal(bytes_of(x, nx), bytes_of(y, ny));
}
