#include "itlctl/passwords.h"

enum rc passwords_ask(const struct ctl *c, struct passwords *out, struct err *e)
{
	if (ctl_password(c, &out->admin, e) != RC_OK)
		return e->rc;
	return ctl_security_password(c, &out->security, e);
}

void passwords_clear(struct passwords *p)
{
	secret_free(p->admin);
	secret_free(p->security);
	*p = (struct passwords){0};
}
