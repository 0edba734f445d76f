/*
 * A backup by its parts, on a running cluster: what the password costs on purpose,
 * what the token takes, what the vault takes. Objects that it made are removed.
 */
#include "itlbench.h"
#include "ask/ask.h"
#include "base/proc.h"
#include "recovery/recovery.h"
#include <stdio.h>
#include <string.h>

struct parts {
	double sum[RECOVERY_STEPS]; /* seconds, of all rounds */
	double whole;
	unsigned rounds;
};

static void part_ended(void *arg, enum recovery_step step, double seconds)
{
	struct parts *p = arg;

	if (seconds >= 0)
		p->sum[step] += seconds;
}

static enum rc run_rounds(struct recovery *r, struct vault *v,
			  const char *where, double seconds, struct parts *p,
			  struct err *e)
{
	double end = proc_now() + seconds;

	r->step = part_ended;
	r->arg = p;
	do {
		struct recovery_made m;
		double since = proc_now();

		if (recovery_backup(r, v, where, RECOVERY_ENVELOPE, &m, e))
			return e->rc;
		p->whole += proc_now() - since;
		p->rounds++;
		if (recovery_remove(r, v, where, m.name, e))
			return e->rc;
	} while (proc_now() < end);
	return RC_OK;
}

static void print(const struct parts *p, const char *where)
{
	static const char *const texts[RECOVERY_STEPS] = {
		[RECOVERY_DERIVE] = "KDF: PBKDF2 for the key",
		[RECOVERY_WRAP] = "wrap: ticket, password check, C_WrapKey",
		[RECOVERY_SEAL] = "KDF: the MAC's and the envelope's Argon2id",
		[RECOVERY_STORE] = "upload: store, read back, rename",
		[RECOVERY_FETCH] = "proof: fetch",
		[RECOVERY_OPEN] = "proof: open, all three KDFs",
		[RECOVERY_PROVE] = "proof: ticket, unwrap, test signature",
	};
	double n = p->rounds, rest = p->whole;

	(void)printf("backup to %s, mean of %u\n", where, p->rounds);
	for (unsigned i = 0; i < RECOVERY_STEPS; i++) {
		if (!texts[i])
			continue;
		rest -= p->sum[i];
		(void)printf("  %-44s %8.3f s : %.3f s whole = %.2f\n", texts[i],
			     p->sum[i] / n, p->whole / n, p->sum[i] / p->whole);
	}
	(void)printf("  %-44s %8.3f s : %.3f s whole = %.2f\n",
		     "the rest: public state, record", rest / n, p->whole / n,
		     rest / p->whole);
}

static enum rc measure(const struct settings *s, struct recovery *r,
		       struct err *e)
{
	struct ask_vault CLEANUP(ask_vault_clear) ask = {.out = stdout};
	struct vault CLEANUP(vault_free) *v = NULL;
	char where[VAULT_TEXT_MAX];
	struct vault_target t;
	struct parts p = {0};

	if (vault_target_read(s->file, &t, e) ||
	    ask_vault_open(&ask, &t, &v, e) ||
	    run_rounds(r, v, vault_target_text(&t, where), s->seconds, &p, e))
		return e->rc;
	print(&p, where);
	return RC_OK;
}

enum rc measure_vault(const struct settings *s, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct secret CLEANUP(secret_free) *admin = NULL;
	struct secret CLEANUP(secret_free) *security = NULL;
	struct front CLEANUP(front_free) *front = NULL;
	struct keyd CLEANUP(keyd_free) *keyd = NULL;
	char path[CLUSTER_PATH_MAX];
	struct recovery r;

	if (cluster_read(s->config, &c, e) ||
	    ask_secret(ASK_ADMIN, s->password_file, "--password-file F", &admin,
		       e) ||
	    ask_secret(ASK_SECURITY, s->security_file,
		       "--security-password-file F", &security, e))
		return e->rc;
	cluster_path(c, PATH_KEYD_SOCKET, path);
	if (keyd_open(path, &keyd, e))
		return e->rc;
	cluster_path(c, PATH_FRONT_SOCKET, path);
	if (front_open(path, &front, e))
		return e->rc;
	r = (struct recovery){.keyd = keyd,
			      .front = front,
			      .cluster = c,
			      .conf_dir = s->config,
			      .pw = {.admin = admin, .security = security}};
	return measure(s, &r, e);
}
