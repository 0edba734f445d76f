/* Lines of known_hosts: what a child says of one is checked, for the child met the
 * server. */
#include "base/file.h"
#include "base/num.h"
#include "carry/name.h"
#include "carry/remote.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_KEY 4096 /* bytes of a public key */

/* Is text[0..n) the base64 of a key with this fingerprint? */
static bool key_has(const char *text, size_t n, const char *fingerprint)
{
	uint8_t key[MAX_KEY], hash[crypto_hash_sha256_BYTES];
	char is[16 + sodium_base64_ENCODED_LEN(
			  sizeof hash, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)] =
		"SHA256:";
	size_t len = strlen(is), nkey = 0;

	if (sodium_base642bin(key, sizeof key, text, n, NULL, &nkey, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	crypto_hash_sha256(hash, key, nkey);
	sodium_bin2base64(is + len, sizeof is - len, hash, sizeof hash,
			  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	return !strcmp(is, fingerprint);
}

bool known_hosts_line_ok(const char *line, const char *host, unsigned port,
			 const char *fingerprint)
{
	char name[CARRY_KNOWN_HOST_MAX];
	const char *type, *key;
	size_t len, n;

	for (const char *s = line; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	len = strlen(carry_known_host(host, port, name));
	if (strncmp(line, name, len) != 0 || line[len] != ' ')
		return false;
	type = line + len + 1;
	n = strcspn(type, " ");
	key = type + n + 1;
	return n > 0 && type[n] && strlen(key) == strcspn(key, " ") &&
	       key_has(key, strlen(key), fingerprint);
}

static enum rc failed(const char *op, const char *path, struct err *e)
{
	return err_errno(e, RC_ERROR, op,
			 "let this user write it, or name another file of known hosts",
			 "%s", path);
}

enum rc known_hosts_add(const char *path, const char *line, unsigned mode,
			struct err *e)
{
	char dir[PATH_MAX], text[MAX_KEY * 2];
	char last = '\n';
	struct stat st;
	int n;

	if (strlen(path) >= sizeof dir)
		return err_set(e, RC_ERROR, "open", "path too long", NULL, "%.100s",
			       path);
	if (mkdir(dirname(strcpy(dir, path)), 0700) != 0 && errno != EEXIST)
		return failed("mkdir", path, e);
	int CLEANUP(fd_close) fd =
		open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, mode);

	if (fd < 0 || fstat(fd, &st) != 0 ||
	    (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
		return failed("open", path, e);
	/* A new one, whatever the umask. */
	if (st.st_size == 0 && fchmod(fd, (mode_t)mode) != 0)
		return failed("chmod", path, e);
	/* One write: others may append at the same time. */
	n = snprintf(text, sizeof text, "%s%s\n", last == '\n' ? "" : "\n", line);
	if (n >= num_int(sizeof text))
		return err_set(e, RC_ERROR, "write", "the line is too long", NULL,
			       "%s", path);
	if (!file_write_all(fd, bytes_of(text, num_size(n))) || fsync(fd) != 0)
		return failed("write", path, e);
	return RC_OK;
}
