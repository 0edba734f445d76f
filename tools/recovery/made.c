#include "recovery/recovery.h"
#include "base/errjson.h"
#include "base/hex.h"

json_t *recovery_made_json(const struct recovery_made *m)
{
	char digest[2 * sizeof m->digest + 1];

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:I, s:b, s:o?}",
			 "vault", m->vault, "name", m->name, "key", m->key,
			 "route", m->route, "bytes", (json_int_t)m->bytes,
			 "plain", m->plain, "digest",
			 hex_of(bytes_of(m->digest, sizeof m->digest), digest,
				sizeof digest),
			 "made", (json_int_t)m->made, "recorded", m->recorded,
			 "error", m->recorded ? NULL : err_json(&m->record));
}
