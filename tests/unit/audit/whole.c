#include "whole.h"

enum rc audit_verify(struct bytes log, struct audit_report *out, struct err *e)
{
	struct audit_wanted nothing = {0};
	struct audit_verifier CLEANUP(audit_verifier_free) *v =
		audit_verifier_new(&nothing);
	struct audit_report r;

	if (!v)
		return err_errno(e, RC_ERROR, "verify", NULL, "the audit log");
	if (audit_verifier_feed(v, log, e) != RC_OK ||
	    audit_verifier_end(v, &r, e) != RC_OK)
		return e->rc;
	*out = r;
	return RC_OK;
}
