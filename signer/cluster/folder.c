/* What a node's `folder` says. No more is taken than a folder of a TFTP server needs:
 * keyd reads this file too, and parts of it become words of a command line. */
#include "base/num.h"
#include "tables.h"
#include <arpa/inet.h>
#include <string.h>

#define SCHEME "sftp://"
#define SSH_PORT 22

static const char *const why_form = "must be /FOLDER or sftp://USER@HOST[:PORT]/FOLDER";

/* The n characters at p, if they are a text of ours and fit. */
static bool take(const char *p, size_t n, const char *others, char *to, size_t cap)
{
	if (n == 0 || n >= cap || p[0] == '-' || !cluster_all(p, n, others))
		return false;
	memcpy(to, p, n);
	to[n] = '\0';
	return true;
}

/* A name, or an address; one of IPv6 stands in brackets. *p moves behind it. */
static bool take_host(const char **p, char *to, size_t cap)
{
	unsigned char v6[sizeof(struct in6_addr)];
	bool brackets = **p == '[';
	size_t n;

	*p += brackets;
	n = strcspn(*p, brackets ? "]" : ":/");
	if (!take(*p, n, brackets ? ".:" : ".-", to, cap))
		return false;
	*p += n;
	if (!brackets)
		return to[0] != '.';
	return *(*p)++ == ']' && inet_pton(AF_INET6, to, v6) == 1;
}

static bool take_port(const char **p, unsigned *port)
{
	unsigned v = 0;
	size_t n;

	*port = SSH_PORT;
	if (**p != ':')
		return true;
	n = strspn(++*p, "0123456789");
	if (n < 1 || n > 5)
		return false;
	for (; n; n--)
		v = v * 10 + (unsigned)(*(*p)++ - '0');
	*port = v;
	return v >= 1 && v <= UINT16_MAX;
}

/* One folder has one name: no empty part, no "." and no "..". */
static bool one_way(const char *path)
{
	size_t n;

	for (const char *p = path + 1; *p || p[-1] == '/'; p += n + (p[n] == '/')) {
		n = strcspn(p, "/");
		if (n == 0 || (n <= 2 && strspn(p, ".") >= n))
			return !path[1];
		if (!p[n])
			break;
	}
	return true;
}

const char *cluster_folder_read(const char *text, struct cluster_ssh *out,
				bool *remote)
{
	struct cluster_ssh s = {0};
	const char *p = text + sizeof SCHEME - 1;
	size_t n;

	*remote = strncmp(text, SCHEME, sizeof SCHEME - 1) == 0;
	if (!*remote)
		return text[0] == '/' ? NULL
				      : "must be an absolute path, or sftp://USER@HOST[:PORT]/FOLDER";
	n = strcspn(p, "@/");
	if (p[n] == '@' && memchr(p, ':', n))
		return "a password does not belong there";
	if (p[n] != '@' || !take(p, n, "._-", s.user, sizeof s.user))
		return why_form;
	p += n + 1;
	if (!take_host(&p, s.host, sizeof s.host) || !take_port(&p, &s.port) ||
	    *p != '/')
		return why_form;
	if (!take(p, strlen(p), "._/-", s.path, sizeof s.path))
		return "a folder of an SSH server has A-Z a-z 0-9 . _ / - alone";
	if (!one_way(s.path))
		return "must be without empty parts, \".\" and \"..\"";
	*out = s;
	return NULL;
}
