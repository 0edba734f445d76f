#include "alerts.h"
#include "base/num.h"
#include "base/text.h"
#include <string.h>
#include <time.h>

#define DAY CLOCK_DAY

/*
 * Names, severities and words of all alerts. Real syslog settles CertExpired and
 * its severity, the severity of a certificate's last day, and the form of the
 * line. All else here is (?): no source says it.
 */
enum { BACKUP, VAULT, TVS, CTL, EXPIRED, LAST_DAY, WEEK, MONTH, QUARTER };
#define BACKUP_NAME "ITLRecoveryNotBackedUp"

static const struct alert_kind kinds[] = {
	[BACKUP] = {BACKUP_NAME, 3, ALERT_DAILY,
		    "The recovery key is the only way back for locked phones and has no backup that counts"},
	[VAULT] = {"ITLRecoveryVaultCheck", 3, ALERT_DAILY,
		   "The daily check did not find the backup of the recovery key as it was proved"},
	[TVS] = {"TVSNotAnswering", 3, ALERT_DAILY,
		 "Phones that meet a list of a signer whom they do not know ask it, and are not answered"},
	[CTL] = {"CTLOutdated", 4, ALERT_DAILY,
		 "Phones in mixed mode trust the CTL first, and it names other certificates than the present ones"},
	[EXPIRED] = {"CertExpired", 0, ALERT_HOURLY,
		     "Certificate has Expired and needs to be changed at the earliest"},
	[LAST_DAY] = {"CertValidLessThanADay", 1, ALERT_HOURLY,
		      "Certificate will expire within a day and needs to be changed now"},
	[WEEK] = {"CertValidLessThanAWeek", 3, ALERT_DAILY,
		  "Certificate will expire within 7 days"},
	[MONTH] = {"CertValidLessThanAMonth", 4, ALERT_ONCE,
		   "Certificate will expire within 30 days"},
	[QUARTER] = {"CertExpiryApproaching", 5, ALERT_ONCE,
		     "Certificate will expire within 90 days"},
};

const char *const alert_backup_name = BACKUP_NAME;

/* How much of its life a certificate has left when its alerts begin, the shortest
 * first. */
static const struct {
	int64_t left;
	size_t kind;
} stages[] = {
	{0, EXPIRED}, {DAY, LAST_DAY}, {7 * DAY, WEEK}, {30 * DAY, MONTH},
	{90 * DAY, QUARTER},
};

static struct alert *begin(struct alert *a, size_t kind, const char *host)
{
	*a = (struct alert){.kind = &kinds[kind]};
	(void)snprintf(a->name, sizeof a->name, "%s", kinds[kind].name);
	(void)snprintf(a->host, sizeof a->host, "%s", host);
	return a;
}

/* The node's host, or of what is the cluster's the publisher's; an id whose node
 * is not configured any more stands for itself. */
static const char *host_of(const struct cluster *c, const struct label *l)
{
	const struct cluster_node *n = unit_is_of_node(l->unit)
					       ? cluster_node_by_id(c, l->node)
					       : cluster_publisher(c);

	return n ? n->host : l->node;
}

/* False if it has more to live than the longest stage. */
static bool about_cert(const struct alert_facts *f, const struct alert_cert *c,
		       struct alert *a)
{
	const char *unit = unit_name(c->label.unit);
	time_t end = (time_t)c->not_after;
	char when[40], label[LABEL_MAX];
	struct tm tm;
	size_t i = 0;

	while (i < COUNT_OF(stages) && c->not_after - f->now > stages[i].left)
		i++;
	if (i == COUNT_OF(stages))
		return false;
	begin(a, stages[i].kind, host_of(f->cluster, &c->label));
	label_text(&c->label, label);
	(void)snprintf(a->name, sizeof a->name, "%s/%s", a->kind->name, label);
	(void)strftime(when, sizeof when, "%a %b %d %H:%M:%S UTC %Y",
		       gmtime_r(&end, &tm));
	(void)snprintf(a->text, sizeof a->text,
		       "Certificate expiration Notification. Certificate name:%s.der Unit:%s Type:own-cert Expiration:%s",
		       unit, unit, when);
	return true;
}

static void about_vault(const struct alert_facts *f, const struct alert_vault *v,
			struct alert *a)
{
	char why[ALERT_TEXT_MAX - 48];

	begin(a, VAULT, cluster_publisher(f->cluster)->host);
	(void)snprintf(a->name, sizeof a->name, "%s/%s", a->kind->name, v->name);
	(void)snprintf(a->text, sizeof a->text, "vault %.33s: %s", v->name,
		       err_text(v->error, why, sizeof why));
}

static bool about_backup(const struct alert_facts *f, struct alert *a)
{
	const char *text = f->backup == ALERT_BACKUP_MISSING ? f->why
			   : f->backup == ALERT_BACKUP_UNKNOWN ? f->stood
							       : NULL;

	if (!text)
		return false;
	begin(a, BACKUP, cluster_publisher(f->cluster)->host);
	(void)snprintf(a->text, sizeof a->text, "%s", text);
	return true;
}

static void about_tvs(const struct alert_tvs *t, struct alert *a)
{
	char why[ALERT_TEXT_MAX - 80];

	begin(a, TVS, t->host);
	(void)snprintf(a->name, sizeof a->name, "%s/%s", a->kind->name, t->node);
	(void)snprintf(a->text, sizeof a->text, "TVS of %.60s: %s", t->host,
		       err_text(t->error, why, sizeof why));
}

/* All nodes serve the same. */
static void about_ctl(const struct alert_facts *f, struct alert *a)
{
	begin(a, CTL, f->ctl_host);
	(void)snprintf(a->text, sizeof a->text, "CTL of %.60s: %s", f->ctl_host, f->ctl);
}

size_t alerts_max(const struct alert_facts *f)
{
	return 2 + f->nvaults + f->ncerts + f->ntvs;
}

size_t alerts_stand(const struct alert_facts *f, struct alert *out)
{
	size_t n = 0;

	if (about_backup(f, &out[n]))
		n++;
	for (size_t i = 0; i < f->nvaults; i++)
		if (f->vaults[i].error->rc != RC_OK)
			about_vault(f, &f->vaults[i], &out[n++]);
	for (size_t i = 0; i < f->ntvs; i++)
		if (f->tvs[i].error->rc != RC_OK &&
		    f->now - f->tvs[i].since >= ALERT_TVS_AFTER)
			about_tvs(&f->tvs[i], &out[n++]);
	if (f->ctl_host)
		about_ctl(f, &out[n++]);
	for (size_t i = 0; i < f->ncerts; i++)
		if (about_cert(f, &f->certs[i], &out[n]))
			n++;
	for (size_t i = 0; i < n; i++)
		(void)text_flatten(out[i].text);
	return n;
}

bool alert_due(enum alert_pace pace, const struct moment *sent,
	       const struct moment *now)
{
	switch (pace) {
	case ALERT_ONCE:
		return moment_is_void(sent, now);
	case ALERT_HOURLY:
		return moment_is_due(CLOCK_HOUR, sent, now);
	case ALERT_DAILY:
		return moment_is_due(CLOCK_DAY, sent, now);
	}
	return true;
}

/* A server's or an operator's words must not end the brackets. */
static char *bracketed(const char *text, char to[ALERT_TEXT_MAX])
{
	(void)snprintf(to, ALERT_TEXT_MAX, "%s", text);
	for (char *s = to; *s; s++)
		if (*s == '[')
			*s = '(';
		else if (*s == ']')
			*s = ')';
	return to;
}

char *alert_line(const struct alert *a, const char *cluster,
		 char to[ALERT_LINE_MAX])
{
	char text[ALERT_TEXT_MAX];

	(void)snprintf(to, ALERT_LINE_MAX,
		       "%%UC_CERT-%d-%s: %%[Message=%s][AppID=Cisco Certificate Monitor][ClusterID=%s][NodeID=%s]: %s",
		       a->kind->severity, a->kind->name, bracketed(a->text, text), cluster,
		       a->host, a->kind->says);
	return to;
}
