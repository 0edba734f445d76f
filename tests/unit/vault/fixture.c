#include "fixture.h"
#include <stdio.h>
#include <string.h>

char *dir;
struct sshd sshd;

int start_all(void **state)
{
	(void)state;
	dir = support_tmpdir();
	return 0;
}

int stop_all(void **state)
{
	(void)state;
	support_tmpdir_remove(dir);
	return 0;
}

/* One with an empty vault. */
int start_sshd(void **state)
{
	char command[400];

	(void)state;
	sshd_start(&sshd, dir, "");
	snprintf(command, sizeof command, "find '%s' -mindepth 1 -delete", sshd.vault);
	assert_int_equal(system(command), 0);
	return 0;
}

int stop_sshd(void **state)
{
	(void)state;
	sshd_stop(&sshd);
	return 0;
}

struct vault_access by_key(void)
{
	return (struct vault_access){.identity = sshd.key,
				     .known_hosts = sshd.known_hosts,
				     .seconds = 20,
				     .stop_fd = -1};
}

struct vault_target target(const char *path, unsigned port)
{
	struct vault_target t = {.remote = true, .host = "127.0.0.1", .port = port};

	strcpy(t.user, sshd.user);
	assert_true(snprintf(t.path, sizeof t.path, "%s", path) < (int)sizeof t.path);
	return t;
}

enum rc open_at(const struct vault_access *a, const char *path, unsigned port,
		       struct vault **v, struct err *e)
{
	struct vault_target t = target(path, port);

	return vault_open(&t, a, v, e);
}

/* Where these words stand, the next step stands too. */
void assert_says(const struct err *e, const char *why)
{
	char text[1200];

	print_message("%s\n", err_text(e, text, sizeof text));
	if (!strstr(text, why))
		fail_msg("it does not say: %s", why);
	assert_true(e->hint[0] != '\0');
}
