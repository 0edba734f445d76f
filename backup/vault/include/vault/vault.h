/*
 * Vaults: a local folder, or one on an SFTP server.
 *
 * An object comes under its final name only when it is whole there: written
 * under a temporary name, synced where that can be had, read back and compared,
 * then renamed to a name that never existed before. A server is met by carry, a
 * child of this process and user (carry/carry.h), with a deadline for each job.
 * A struct vault is used by one thread at a time.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "base/bytes.h"
#include "base/conf.h"
#include "base/secret.h"
#include "carry/remote.h"
#include <stdint.h>

/* ---- where ---- */

struct vault_target {
	bool remote;
	char user[65], host[256]; /* remote; an IPv6 address without brackets */
	unsigned port;
	char path[512];           /* the folder; absolute if local */
};

/* "/folder" or "sftp://user@host[:port]/folder" (libcurl's URL parser; the path
 * of the URL is absolute on the server, "/~/x" is x in the user's home). A
 * password in it is refused, and not repeated. */
enum rc vault_target_read(const char *text, struct vault_target *out,
			  struct err *e) MUST_CHECK;
/* As it is shown and stored; the standard port is left out. Returns to. */
#define VAULT_TEXT_MAX 900
char *vault_target_text(const struct vault_target *t, char to[VAULT_TEXT_MAX]);

/* vault.conf: [vault NAME], the vaults that the cluster uses. */
#define VAULT_CONF "vault.conf"
#define VAULTS_MAX 8

struct vault_entry {
	char name[33];
	char *target_text, *identity, *known_hosts, *agent; /* NULL: not set */
	unsigned keep, seconds;
	struct vault_target target;
};
struct vault_conf {
	size_t n;
	struct vault_entry entries[VAULTS_MAX];
};
extern const struct conf_row vault_rows[]; /* for the man page's test */
/* DIR/vault.conf; without one there is no vault. vault_conf_free() it. */
enum rc vault_conf_read(const char *dir, struct vault_conf **out,
			struct err *e) MUST_CHECK;
void vault_conf_free(struct vault_conf *c);
CLEANUP_DEFINE(struct vault_conf *, vault_conf_free);

/* ---- how ---- */

/* All borrowed, as long as the vault is open. Tried in this order, where set:
 * agent, identity, password. */
struct vault_access {
	const char *agent;       /* its socket's path ($SSH_AUTH_SOCK), or NULL */
	const char *identity;    /* a private key file without a passphrase */
	const struct secret *password;
	const char *known_hosts; /* file; NULL: ~/.ssh/known_hosts */
	/* A host that no file knows: ask. Yes adds it to known_hosts. NULL: no.
	 * One whose key has changed is refused without a question. */
	carry_confirm *confirm;
	void *arg;
	unsigned seconds; /* for each job; 0: 60 */
	int stop_fd;      /* readable: give up; -1: none */
};

struct vault;

/*
 * Check the folder, or the host's key and the login. Each failure has words of its
 * own: nobody answers, the name has no address, host unknown, host key changed
 * (both fingerprints; RC_REFUSED), login refused and which methods the server
 * offers (RC_REFUSED), no such folder. vault_free() it.
 */
enum rc vault_open(const struct vault_target *t, const struct vault_access *a,
		   struct vault **out, struct err *e) MUST_CHECK;
void vault_free(struct vault *v); /* NULL is fine */
CLEANUP_DEFINE(struct vault *, vault_free);

/* ---- objects ---- */

#define VAULT_NAME_MAX 128
#define VAULT_OBJECT_MAX (8u << 20) /* bytes */

/* "ITLRecovery-SERIAL-20140226T102400Z.envelope"; ".p12" for a plain one. */
struct vault_name {
	char serial[65]; /* hex */
	int64_t time;    /* Unix time */
	bool plain;
};
char *vault_name_text(const struct vault_name *n, char to[VAULT_NAME_MAX]);
bool vault_name_read(const char *text, struct vault_name *out);

/* Store whole under `name` (RC_REFUSED if there is one), or, with aside != NULL,
 * first rename what stands there to `aside`. A name is no path. */
enum rc vault_put(struct vault *v, const char *name, const char *aside,
		  struct bytes content, struct err *e) MUST_CHECK;

/* malloc()ed; RC_NOTFOUND if there is none; RC_REFUSED over max bytes. */
enum rc vault_get(struct vault *v, const char *name, size_t max, uint8_t **out,
		  size_t *n, struct err *e) MUST_CHECK;

struct vault_object {
	char name[VAULT_NAME_MAX];
	struct vault_name is; /* its name, read */
	uint64_t size;
};
/* Those whose names are ours, newest first (by their names); malloc()ed. */
enum rc vault_list(struct vault *v, struct vault_object **out, size_t *n,
		   struct err *e) MUST_CHECK;

enum rc vault_remove(struct vault *v, const char *name, struct err *e) MUST_CHECK;

/*
 * What is proved, and recorded: this content, under this name, in this vault (as
 * vault_target_text() says it). keyd remembers the claim that an administrator
 * proved; front makes the same of what it is told, and asks keyd for it.
 */
#define VAULT_DIGEST_LEN 32 /* BLAKE2b-256 */
void vault_claim(const char *vault, const char *name,
		 const uint8_t digest[VAULT_DIGEST_LEN],
		 uint8_t out[VAULT_DIGEST_LEN]);

#endif
