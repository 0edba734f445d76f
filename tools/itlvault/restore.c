#include "itlvault.h"

/* --state: what is in the envelope beside the key, and nothing else. */
static enum rc write_state(struct itlvault *a, const struct recovery_file *f,
			   const char *name, struct err *e)
{
	if (state_write(f, a->o.state, e) != RC_OK)
		return e->rc;
	if (a->o.json)
		return report_json(json_pack("{s:s, s:s}", "name", name, "state",
					     a->o.state), e);
	(void)printf("The cluster's configuration, certificates and lists of %s: %s\n",
		     name, a->o.state);
	if (recovery_file_has_trust(f))
		(void)printf("The trust store among them counts for a cluster of new keys once it is added to it:\n"
			     "itlctl trust add %s/TrustFile.tlv\n", a->o.state);
	return RC_OK;
}

/* Whose key it is: the label in the token needs the cluster's identifier. */
static const char *cluster_of(const struct itlvault *a,
			      const struct recovery_file *f)
{
	if (f->envelope)
		return f->envelope->manifest.cluster;
	return a->cluster ? a->cluster->name : NULL;
}

static enum rc restore_here(struct itlvault *a, const struct recovery_file *f,
			    struct own_key *out, struct err *e)
{
	struct own_token CLEANUP(own_token_free) *t = NULL;
	const char *cluster = cluster_of(a, f);

	if (!cluster)
		return err_set(e, RC_USAGE, "restore",
			       "a bare p12 does not name its cluster",
			       "write cluster.conf first (--config)",
			       "the key's label");
	if (own_token_open(a, &t, e) != RC_OK)
		return e->rc;
	return own_token_import(t, cluster, f->p12, a->o.replace, false, out, e);
}

static enum rc restore_service(struct itlvault *a, const struct recovery_file *f,
			       struct own_key *out, char route[KEYD_ROUTE_MAX],
			       struct err *e)
{
	struct keyd_key key = {0};

	if (recovery_import(&a->r, f, a->o.replace, &key, &out->present, route,
			    e) != RC_OK)
		return e->rc;
	label_text(&key.label, out->label);
	X509_free(key.cert);
	out->route = route;
	return RC_OK;
}

enum rc verb_restore(struct itlvault *a, struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = NULL;
	struct place CLEANUP(place_clear) p = {0};
	char route[KEYD_ROUTE_MAX] = "";
	struct own_key key = {0};
	struct vault_object o;
	const char *object;
	enum rc rc;

	if (place_and_object(a, &p, &object, e) != RC_OK ||
	    recovery_fetch(&a->r, p.vault, object, a->inner, &o, &f, e) != RC_OK)
		return e->rc;
	if (a->o.state)
		return write_state(a, f, o.name, e);
	rc = a->o.token ? restore_here(a, f, &key, e)
			: restore_service(a, f, &key, route, e);
	if (rc != RC_OK)
		return e->rc;
	if (a->o.json)
		return report_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "vault",
					     p.text, "name", o.name, "encryption",
					     f->p12->encryption, "key",
					     key.label, "route", key.route,
					     "present", key.present), e);
	if (key.present)
		(void)printf("The token has this key already, as %s: nothing to do.\n",
			     key.label);
	else
		(void)printf("Restored from %s\n  as %s, route %s\n"
			     "Next: with the service running, `itlctl cluster init --restore VAULT` makes the keys that\n"
			     "are missing, and serves lists that phones accept.\n",
			     o.name, key.label, key.route);
	if (f->p12->converted)
		(void)printf("Another program made this file, under %s: `itlvault backup` makes one of our own.\n",
			     f->p12->encryption);
	return RC_OK;
}
