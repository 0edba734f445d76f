/* Lists from software keys. */
#ifndef LISTS_H
#define LISTS_H

#include "itl/itl.h"

struct signing {
	EVP_PKEY *key;
	X509 *cert;
};

/* What a node's list is made of; RSA-1024, quickly made. */
struct keys {
	struct signing callmanager, tvs, capf, recovery;
};

void keys_new(struct keys *k, const char *host);
void keys_free(struct keys *k);

/* malloc()ed */
struct bytes list_itl(const struct keys *k, uint32_t timestamp);
/* Its SAST certificates are the CallManager's, which signs, and ITLRecovery's. */
struct bytes list_ctl(const struct keys *k, uint32_t timestamp);
struct bytes list_reset(const struct keys *k, struct bytes source,
			uint32_t timestamp);
struct bytes list_sgn(const struct keys *k, const char *name,
		      const char *content);

#endif
