#include "answer.h"

enum rc answer_request(const struct truststore *t, struct bytes frame, struct writer *out,
		       enum answer_kind *kind, struct err *e)
{
	const struct vouched *found;
	struct tvs_message ask, say;

	if (tvs_read(frame, &ask, e) != RC_OK)
		return e->rc;
	if (ask.kind != TVS_VERIFY && ask.kind != TVS_QUERY)
		return err_set(e, RC_USAGE, "TVS frame", "is an answer", NULL, "kind %u",
			       ask.kind);
	found = ask.kind == TVS_VERIFY ? truststore_by_cert(t, ask.cert)
				       : truststore_by_name(t, ask.issuer, ask.serial);
	say = (struct tvs_message){
		.kind = ask.kind == TVS_VERIFY ? TVS_VERIFIED : TVS_FOUND,
		.session = ask.session,
		.status = found ? TVS_VALID : TVS_INVALID,
	};
	if (found) {
		say.cert = bytes_of(found->der, found->der_len);
		say.roles = bytes_of(found->roles, found->nroles);
		say.ttl = found->ttl;
	}
	tvs_write(out, &say);
	if (out->bad)
		return err_set(e, RC_ERROR, "TVS frame", "the answer is too long", NULL,
			       "a certificate of %zu bytes", say.cert.n);
	*kind = found ? ANSWER_VALID : ANSWER_UNKNOWN;
	return RC_OK;
}
