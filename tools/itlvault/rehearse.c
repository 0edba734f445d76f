/*
 * The disaster on demand: what is left after a publisher and its token burnt down
 * is a vault and a password. Do they still make a list that phones accept?
 */
#include "itlvault.h"
#include "base/proc.h"
#include "itl/accept.h"
#include "itl/itl.h"
#include <string.h>

struct rehearsal {
	double began;
	struct vault_object object;
	struct own_key key;
	char sha1[SHA1_HEX];
	bool has_source; /* the envelope had the publisher's list */
	bool accepted;   /* a phone that holds it takes the new one */
	char why[256];
};

/* The list that the phones of the publisher held. */
static struct bytes source_of(const struct recovery_file *f)
{
	const struct envelope *v = f->envelope;

	for (size_t i = 0; v && i < v->nitems; i++)
		if (v->items[i].kind == ENVELOPE_LIST &&
		    !strcmp(v->items[i].name, v->manifest.publisher))
			return v->items[i].content;
	return bytes_of(NULL, 0);
}

static enum rc check_list(struct rehearsal *h, struct bytes source,
			  struct bytes list, struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	enum itl_verdict v;

	if (itl_parse(list, 0, &l, e) != RC_OK || itl_verify_self(l, e) != RC_OK)
		return e->rc;
	itl_sha1_hex(list, h->sha1);
	h->has_source = source.n > 0;
	if (!h->has_source)
		return RC_OK;
	v = itl_accept(bytes_of(NULL, 0), source, list, NULL, NULL, h->why);
	h->accepted = itl_accepted(v);
	if (!h->accepted)
		return err_set(e, RC_VERIFY, "rehearse", h->why,
			       "the backup holds another key than the phones' lists: make a new one, after all phones were reset",
			       "a phone with the publisher's list");
	return RC_OK;
}

static enum rc sign(struct itlvault *a, struct own_token *t,
		    const struct recovery_file *f, struct rehearsal *h,
		    struct err *e)
{
	const char *cluster = f->envelope ? f->envelope->manifest.cluster
					  : "rehearsal";
	struct bytes source = source_of(f);
	uint8_t CLEANUP_FREE *list = NULL;
	double since = proc_now();
	struct err ignored;
	size_t n = 0;
	enum rc rc;

	if (own_token_import(t, cluster, f->p12, false, true, &h->key, e) != RC_OK)
		return e->rc;
	report_step(a, RECOVERY_IMPORT, proc_now() - since);
	rc = own_token_sign_list(t, source, &list, &n, e);
	if (rc == RC_OK)
		rc = check_list(h, source, bytes_of(list, n), e);
	/* It was a rehearsal: the token is left as it was found. */
	if (rc != RC_OK) {
		(void)!own_token_forget(t, &ignored);
		return rc;
	}
	return own_token_forget(t, e);
}

static enum rc report(struct itlvault *a, const struct place *p,
		      const struct recovery_file *f, const struct rehearsal *h,
		      struct err *e)
{
	double seconds = proc_now() - h->began;
	char made[24];

	if (a->o.json)
		return report_json(
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:f}",
				  "vault", p->text, "name", h->object.name, "key",
				  h->key.label, "route", h->key.route, "sha1",
				  h->sha1, "verified", 1, "accepted", h->accepted,
				  "seconds", seconds), e);
	(void)printf("\nRehearsed with %s\n", h->object.name);
	if (f->envelope)
		(void)printf("  of cluster %s, made %s, %u bits, with %zu certificates, lists and files\n",
			     f->envelope->manifest.cluster,
			     report_time(f->envelope->manifest.time, made),
			     f->envelope->manifest.bits, f->envelope->nitems);
	(void)printf("  key into the token: route %s\n"
		     "  list: signed in the token, verified; SHA-1 %s\n"
		     "  phones: %s\n"
		     "  the token is as it was\n"
		     "From nothing to a signed list: %.1f s\n",
		     h->key.route, h->sha1,
		     h->has_source ? "one that holds the publisher's list accepts it"
				   : "not known: the backup holds no list (a bare p12)",
		     seconds);
	return RC_OK;
}

enum rc verb_rehearse(struct itlvault *a, struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = NULL;
	struct own_token CLEANUP(own_token_free) *t = NULL;
	struct place CLEANUP(place_clear) p = {0};
	struct rehearsal h = {.began = proc_now()};
	const char *object;

	if (own_token_open(a, &t, e) != RC_OK ||
	    place_and_object(a, &p, &object, e) != RC_OK ||
	    recovery_fetch(&a->r, p.vault, object, a->inner, &h.object, &f, e) !=
		    RC_OK ||
	    sign(a, t, f, &h, e) != RC_OK)
		return e->rc;
	return report(a, &p, f, &h, e);
}
