/* Whether an RSA key's numbers are one key's. */
#ifndef HSM_AGREE_H
#define HSM_AGREE_H

#include "wrapped/pkcs8.h"

/* p q = n; d, dp and dq undo e; qinv undoes q. Not whether p and q are primes.
 * OpenSSL's copies are cleansed. */
bool numbers_agree(const struct bytes numbers[PKCS8_NUMBERS]);

#endif
