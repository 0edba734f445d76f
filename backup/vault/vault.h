/* What the kinds of vaults have in common. */
#ifndef VAULT_INTERNAL_H
#define VAULT_INTERNAL_H

#include "carry/remote.h"
#include "vault/vault.h"

struct vault_found {
	struct vault_object *p;
	size_t n, cap;
};
/* Takes a file if its name is one of ours. */
enum rc vault_found(struct vault_found *f, const char *name, uint64_t size,
		    struct err *e) MUST_CHECK;

/* Two kinds: folder.c, remote.c. Names were checked before. */
struct vault_kind {
	enum rc (*open)(struct vault *v, struct err *e);
	void (*close)(struct vault *v);
	enum rc (*put)(struct vault *v, const char *name, const char *aside,
		       struct bytes content, struct err *e);
	enum rc (*get)(struct vault *v, const char *name, size_t max,
		       uint8_t **out, size_t *n, struct err *e);
	/* vault_found() for each file. */
	enum rc (*list)(struct vault *v, struct vault_found *to, struct err *e);
	enum rc (*remove)(struct vault *v, const char *name, struct err *e);
};
extern const struct vault_kind vault_folder, vault_remote;

struct vault {
	const struct vault_kind *kind;
	struct vault_target target;
	struct vault_access access;
	char text[VAULT_TEXT_MAX]; /* the target, for messages */

	int folder; /* local: its descriptor, or -1 */

	char program[4096];     /* remote: carry's path, */
	char known_hosts[4096]; /* the file, */
	struct carry_host server; /* and where it goes, with both */
};

enum rc vault_name_check(const char *name, struct err *e) MUST_CHECK;

#endif
