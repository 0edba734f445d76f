#include "jobs.h"
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char program[PATH_MAX];
char *dir;
struct sshd sshd;
char fingerprint[64];

int start_all(void **state)
{
	char command[400];
	struct err e;
	FILE *f;

	(void)state;
	assert_ok(proc_sibling("carry", program, sizeof program, &e), &e);
	dir = support_tmpdir();
	sshd_start(&sshd, dir, "");
	snprintf(command, sizeof command,
		 "ssh-keygen -lf %s/host_ed25519.pub | cut -d ' ' -f 2", dir);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(fingerprint, sizeof fingerprint, f));
	assert_int_equal(pclose(f), 0);
	fingerprint[strcspn(fingerprint, "\n")] = '\0';
	return 0;
}

int stop_all(void **state)
{
	(void)state;
	sshd_stop(&sshd);
	support_tmpdir_remove(dir);
	return 0;
}

/* A good job, then `more` members over it; NULL removes a member. */
json_t *job(const char *what, json_t *more)
{
	json_t *j = json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:b, s:b}", "do",
			      what, "host", "127.0.0.1", "port", (int)sshd.port, "user",
			      sshd.user, "seconds", 10, "known_hosts",
			      sshd.known_hosts, "fingerprint", fingerprint, "identity",
			      sshd.key, "agent", 0, "password", 0);

	assert_int_equal(json_object_update(j, more), 0);
	json_decref(more);
	return j;
}

enum rc run(json_t *j, const char *password, size_t n, json_t **out,
		   struct err *e)
{
	struct secret CLEANUP(secret_free) *s = NULL;
	struct carry_job c = CARRY_JOB(.program = program, .job = j,
				       .content = bytes_of_text("content"),
				       .max = CARRY_OBJECT_MAX, .seconds = 30);
	uint8_t CLEANUP_FREE *text = NULL;
	size_t len = 0;
	enum rc rc;

	if (password) {
		assert_ok(secret_new(n, &s, e), e);
		memcpy(s->p, password, n);
	}
	c.password = s;
	rc = carry_run(&c, &text, &len, e);
	if (rc == RC_OK && out)
		*out = json_loadb((char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	return rc;
}

const char *text_of(const json_t *j, const char *member)
{
	return json_string_value(json_object_get(j, member));
}

void shell(const char *fmt, ...)
{
	char command[1200];
	va_list ap;

	va_start(ap, fmt);
	assert_true(vsnprintf(command, sizeof command, fmt, ap) < (int)sizeof command);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* A folder of the user's; its umask would keep others out. */
char *own_folder(const char *name)
{
	static char path[400];

	shell("install -d -o 64100 -g 64100 %s/%s", dir, name);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

/* A server of its own, for a login of another kind. */
void with_options(const char *options, void (*test)(const char *folder))
{
	struct sshd before = sshd;
	char was[sizeof fingerprint], path[300];
	FILE *f;

	strcpy(was, fingerprint);
	snprintf(path, sizeof path, "%s/other", dir);
	shell("mkdir -p -m 0711 %s && find %s -path '*/vault/*' -delete", path, path);
	sshd_start(&sshd, path, options);
	snprintf(path, sizeof path, "ssh-keygen -lf %.200s/host_ed25519.pub | cut -d ' ' -f 2",
		 sshd.dir);
	f = popen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(fingerprint, sizeof fingerprint, f));
	assert_int_equal(pclose(f), 0);
	fingerprint[strcspn(fingerprint, "\n")] = '\0';
	test(sshd.vault);
	sshd_stop(&sshd);
	sshd = before;
	strcpy(fingerprint, was);
}
