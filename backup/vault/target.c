#include "base/num.h"
#include "vault.h"
#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define SSH_PORT 22

CLEANUP_DEFINE(CURLU *, curl_url_cleanup);
CLEANUP_DEFINE(char *, curl_free);

/* The text is not repeated: it may hold a password. */
static enum rc not_a_target(const char *why, struct err *e)
{
	return err_set(e, RC_USAGE, "vault", why,
		       "give /FOLDER, or sftp://USER@HOST[:PORT]/FOLDER", "%s",
		       "where it is");
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* A part of the URL, decoded; "" if there is none; false if it does not fit. */
static bool part(CURLU *u, CURLUPart what, unsigned flags, char *to, size_t cap)
{
	char CLEANUP(curl_free) *text = NULL;
	CURLUcode r = curl_url_get(u, what, &text, flags);

	if (r != CURLUE_OK)
		text = NULL;
	return (r == CURLUE_OK ||
		(r >= CURLUE_NO_SCHEME && r <= CURLUE_NO_ZONEID)) &&
	       snprintf(to, cap, "%s", text ? text : "") < num_int(cap);
}

/* Also a pattern of known_hosts: nothing that means something there. */
static bool host_is_plain(const char *host)
{
	for (const char *s = host; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(".-_:", *s))
			return false;
	return host[0] && host[0] != '-';
}

static void strip_brackets(char *host)
{
	size_t n = strlen(host);

	if (n < 2 || host[0] != '[' || host[n - 1] != ']')
		return;
	memmove(host, host + 1, n - 2);
	host[n - 2] = '\0';
}

/* No slash at the end but that of "/"; "/~/x" is x in the user's home. */
static bool set_path(struct vault_target *t, const char *path)
{
	size_t n;

	if (t->remote && (!strcmp(path, "/~") || !strncmp(path, "/~/", 3)))
		path += path[2] ? 3 : 2;
	if (strlen(path) >= sizeof t->path)
		return false;
	strcpy(t->path, path[0] ? path : ".");
	for (n = strlen(t->path); n > 1 && t->path[n - 1] == '/'; n--)
		t->path[n - 1] = '\0';
	return true;
}

static bool has(CURLU *u, CURLUPart what)
{
	char CLEANUP(curl_free) *text = NULL;

	return curl_url_get(u, what, &text, 0) == CURLUE_OK;
}

static enum rc read_url(const char *text, struct vault_target *t, struct err *e)
{
	CURLU CLEANUP(curl_url_cleanup) *u = curl_url();
	char scheme[16], path[sizeof t->path + 3], port[8];

	if (!u || curl_url_set(u, CURLUPART_URL, text,
			       CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS) !=
			  CURLUE_OK)
		return not_a_target("is neither an absolute path nor a URL", e);
	if (has(u, CURLUPART_PASSWORD))
		return not_a_target("a password does not belong into a URL", e);
	if (has(u, CURLUPART_QUERY) || has(u, CURLUPART_FRAGMENT) ||
	    has(u, CURLUPART_OPTIONS) || has(u, CURLUPART_ZONEID))
		return not_a_target("has parts that a vault has not", e);
	if (!part(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
	    strcmp(scheme, "sftp") != 0)
		return not_a_target("only sftp:// is a vault's protocol", e);
	if (!part(u, CURLUPART_USER, CURLU_URLDECODE, t->user, sizeof t->user) ||
	    !t->user[0] || !is_printable(t->user))
		return not_a_target("has no user, or too long a one", e);
	if (!part(u, CURLUPART_HOST, 0, t->host, sizeof t->host))
		return not_a_target("has no host, or too long a one", e);
	strip_brackets(t->host);
	if (!host_is_plain(t->host))
		return not_a_target("has no host, or one that is none", e);
	if (!part(u, CURLUPART_PORT, 0, port, sizeof port) ||
	    !part(u, CURLUPART_PATH, CURLU_URLDECODE, path, sizeof path) ||
	    !is_printable(path) || !set_path(t, path))
		return not_a_target("has no path that is one", e);
	t->port = port[0] ? (unsigned)strtoul(port, NULL, 10) : SSH_PORT;
	if (t->port < 1 || t->port > UINT16_MAX)
		return not_a_target("has no port that is one", e);
	return RC_OK;
}

/* ---- as text ---- */

static void put(struct writer *w, const char *text)
{
	write_bytes(w, bytes_of_text(text));
}

/* What is neither a letter, a digit, nor plain as %XX. */
static void encode(struct writer *w, const char *text, const char *plain)
{
	char code[4];

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		(void)snprintf(code, sizeof code,
			       isalnum(c) || strchr(plain, c) ? "%c" : "%%%02X", c);
		put(w, code);
	}
}

/* False if it does not fit; then to is "". */
static bool render(const struct vault_target *t, char to[VAULT_TEXT_MAX])
{
	struct writer w = writer_of(to, VAULT_TEXT_MAX - 1);
	bool v6 = strchr(t->host, ':') != NULL;
	char port[16] = "";

	if (t->remote) {
		if (t->port != SSH_PORT)
			(void)snprintf(port, sizeof port, ":%u", t->port);
		put(&w, "sftp://");
		encode(&w, t->user, "._-");
		put(&w, v6 ? "@[" : "@");
		put(&w, t->host);
		put(&w, v6 ? "]" : "");
		put(&w, port);
		put(&w, t->path[0] == '/' ? "" : "/~/");
		encode(&w, strcmp(t->path, ".") ? t->path : "", "/._-~+,=@:");
	} else {
		put(&w, t->path);
	}
	to[writer_bytes(&w).n] = '\0';
	return !w.bad;
}

char *vault_target_text(const struct vault_target *t, char to[VAULT_TEXT_MAX])
{
	(void)render(t, to);
	return to;
}

enum rc vault_target_read(const char *text, struct vault_target *out,
			  struct err *e)
{
	struct vault_target t = {.remote = text[0] != '/'};
	char again[VAULT_TEXT_MAX];

	if (!is_printable(text))
		return not_a_target("has control characters", e);
	if (t.remote && read_url(text, &t, e) != RC_OK)
		return e->rc;
	if (!t.remote && !set_path(&t, text))
		return not_a_target("is too long", e);
	if (!render(&t, again))
		return not_a_target("is too long", e);
	*out = t;
	return RC_OK;
}
