/* SoftHSM's own configuration (softhsm2.conf(5)): key = value, and # comments. */
#include "base/file.h"
#include "base/num.h"
#include "softhsm.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONF (64u << 10)
#define DEFAULT_CONF "/etc/softhsm/softhsm2.conf"
#define DEFAULT_TOKENS "/var/lib/softhsm/tokens"

/* In place, without the blanks around it. */
static char *trimmed(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	for (n = strlen(text); n && strchr(" \t\r", text[n - 1]);)
		text[--n] = '\0';
	return text;
}

static void read_line(struct softhsm_conf *c, char *line)
{
	char *value, *key = line;

	line[strcspn(line, "#")] = '\0';
	value = strchr(line, '=');
	if (!value)
		return;
	*value++ = '\0';
	key = trimmed(key);
	value = trimmed(value);
	if (!strcmp(key, "directories.tokendir"))
		(void)snprintf(c->tokens, sizeof c->tokens, "%s", value);
	else if (!strcmp(key, "objectstore.backend"))
		c->files = !strcmp(value, "file");
}

/* The order of SoftHSM: the environment, the user's, the system's. */
static void find_file(char to[PATH_MAX])
{
	const char *named = getenv("SOFTHSM2_CONF"), *home = getenv("HOME");
	const struct passwd *user = home && *home ? NULL : getpwuid(geteuid());

	if (user)
		home = user->pw_dir;
	if (named) {
		(void)snprintf(to, PATH_MAX, "%s", named);
		return;
	}
	if (home && *home &&
	    snprintf(to, PATH_MAX, "%s/.config/softhsm2/softhsm2.conf", home) <
		    PATH_MAX &&
	    access(to, R_OK) == 0)
		return;
	strcpy(to, DEFAULT_CONF);
}

bool softhsm_conf_read(struct softhsm_conf *out)
{
	struct softhsm_conf c = {.tokens = DEFAULT_TOKENS, .files = true};
	uint8_t CLEANUP_FREE *text = NULL;
	struct err none;
	char *line, *rest;
	size_t n;

	find_file(c.file);
	memcpy(out->file, c.file, sizeof c.file);
	if (file_read(c.file, MAX_CONF, &text, &n, &none) != RC_OK)
		return false;
	rest = (char *)text;
	while ((line = strsep(&rest, "\n")))
		read_line(&c, line);
	for (n = strlen(c.tokens); n > 1 && c.tokens[n - 1] == '/';)
		c.tokens[--n] = '\0';
	*out = c;
	return true;
}
