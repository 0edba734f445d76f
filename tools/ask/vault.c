#include "ask/ask.h"
#include "base/num.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "RSA" of "ssh-rsa", as OpenSSH's and the original's question names it. */
static const char *short_type(const char *type)
{
	static const struct {
		const char *prefix, *name;
	} types[] = {
		{"ssh-rsa", "RSA"},	  {"ssh-ed25519", "ED25519"},
		{"ecdsa-sha2-", "ECDSA"}, {"ssh-dss", "DSA"},
	};

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (!strncmp(type, types[i].prefix, strlen(types[i].prefix)))
			return types[i].name;
	return type;
}

enum rc ask_host(FILE *out, const struct carry_host_key *k, bool *yes,
		 struct err *e)
{
	(void)fprintf(out,
		      "\nThe authenticity of host '%s (%s)' can't be\n"
		      "established.\n"
		      "%s key fingerprint is %s.\n",
		      k->host, k->address, short_type(k->type), k->fingerprint);
	(void)fflush(out);
	/* --yes does not answer this: a password would go to whoever answers. */
	if (ask_yes("Are you sure you want to continue connecting (yes/no)?",
		    false, yes, e) != RC_OK)
		return err_hint(e, "compare the fingerprint with its administrator's, and write the key into known_hosts (ssh-keyscan)");
	return RC_OK;
}

static enum rc confirm(void *arg, const struct carry_host_key *k, bool *yes,
		       struct err *e)
{
	return ask_host(((struct ask_vault *)arg)->out, k, yes, e);
}

/* The service's identity and agent are its user's and root's, perhaps not ours. */
static const char *ours(const char *path, int mode)
{
	return path && access(path, mode) == 0 ? path : NULL;
}

static void fill_access(struct ask_vault *a)
{
	const struct vault_entry *v = a->entry;
	const char *agent = getenv("SSH_AUTH_SOCK");

	a->access = (struct vault_access){
		.agent = agent && *agent ? agent : NULL,
		.identity = a->identity,
		.known_hosts = a->known_hosts,
		.confirm = confirm,
		.arg = a,
		.stop_fd = -1,
	};
	if (!v)
		return;
	if (!a->access.agent)
		a->access.agent = ours(v->agent, R_OK | W_OK);
	if (!a->access.identity)
		a->access.identity = ours(v->identity, R_OK);
	if (!a->access.known_hosts)
		a->access.known_hosts = v->known_hosts;
	a->access.seconds = v->seconds;
}

/* ---- the password ---- */

static enum rc get_password(struct ask_vault *a, const char *prompt, struct err *e)
{
	return ask_secret(prompt, a->password_file, "--sftp-password-file FILE",
			  &a->password, e);
}

enum rc ask_vault_password(struct ask_vault *a, const char *prompt, struct err *e)
{
	enum rc rc;

	fill_access(a);
	if (a->access.identity && !a->password_file)
		return RC_OK;
	rc = get_password(a, prompt, e);
	/* Nobody can be asked; a file that cannot be read is told. */
	if (rc == RC_USAGE && !a->password_file && a->access.agent)
		return RC_OK;
	return rc;
}

static bool lacks_password(const struct ask_vault *a)
{
	if (a->password)
		return false;
	return a->password_file || (!a->access.identity && !a->access.agent);
}

/* ---- open ---- */

enum rc ask_vault_open(struct ask_vault *a, const struct vault_target *t,
		       struct vault **out, struct err *e)
{
	fill_access(a);
	if (t->remote && lacks_password(a) &&
	    get_password(a, ASK_SFTP, e) != RC_OK)
		return e->rc;
	a->access.password = a->password;
	return vault_open(t, &a->access, out, e);
}

void ask_vault_clear(struct ask_vault *a)
{
	secret_free(a->password);
	a->password = NULL;
}
