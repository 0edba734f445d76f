#include "itlvault.h"
#include "base/proc.h"

static enum rc backup(struct itlvault *a, struct place *p, struct err *e)
{
	struct recovery_made m;
	double since = proc_now();

	if (!a->o.json)
		(void)printf("Backup of the recovery key to %s\n", p->text);
	if (recovery_backup(&a->r, p->vault, p->text,
			    a->o.plain ? RECOVERY_PLAIN : RECOVERY_ENVELOPE, &m,
			    e) != RC_OK)
		return e->rc;
	if (a->o.json)
		return report_json(recovery_made_json(&m), e);
	report_proved(&m);
	(void)printf("  route %s; %.1f s in all\n", m.route, proc_now() - since);
	return RC_OK;
}

enum rc verb_backup(struct itlvault *a, struct err *e)
{
	return places_each(a, backup, e);
}
