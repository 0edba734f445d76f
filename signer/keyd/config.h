/* keyd.conf, and the users that cluster.conf names. */
#ifndef KEYD_CONFIG_H
#define KEYD_CONFIG_H

#include "base/conf.h"
#include "base/secret.h"
#include "cluster/cluster.h"

#define KEYD_CONF "keyd.conf"

struct keyd_config {
	struct cluster *cluster;
	char *module, *uri, *pin; /* "credential:NAME" | "file:/PATH" | "prompt" */
	unsigned sessions;
	unsigned deadline_seconds, generate_seconds;
	unsigned checkpoint_seconds, rotate_mib; /* of the audit log */
	bool verify; /* each signature, in software */
	uid_t keyd_uid, front_uid, tvs_uid;
	gid_t group;
};

/* The table of keyd.conf, for the man page's test. */
extern const struct conf_row keyd_token_rows[], keyd_service_rows[];

/* Read cluster.conf and keyd.conf of the folder, and check them: users, URI,
 * the PIN's form. keyd_config_free() it. */
enum rc keyd_config_read(const char *dir, struct keyd_config **out,
			 struct err *e) MUST_CHECK;
void keyd_config_free(struct keyd_config *c);
CLEANUP_DEFINE(struct keyd_config *, keyd_config_free);

/* For -n, with file and line: a PIN file is there and is its owner's alone; a
 * module that is named by its path can be read. */
enum rc keyd_config_check_files(const struct keyd_config *c, const char *dir,
				struct err *e) MUST_CHECK;

/* Where the PIN lies, or "" for a prompt: the file whose refusal is remembered. */
void keyd_config_pin_path(const struct keyd_config *c, char *to, size_t cap);
enum rc keyd_config_pin(const struct keyd_config *c, struct secret **out,
			struct err *e) MUST_CHECK;

#endif
