#include "fakehalves.h"
#include "door.h"
#include "support/support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_halves fake_halves;

enum rc keyd_incomplete(struct keyd *k, struct keyd_half **halves, size_t *n,
			struct err *e)
{
	(void)k, (void)e;
	*halves = calloc(fake_halves.n + 1, sizeof **halves);
	assert_non_null(*halves);
	memcpy(*halves, fake_halves.p, fake_halves.n * sizeof **halves);
	*n = fake_halves.n;
	return RC_OK;
}

enum rc keyd_tidy(struct keyd *k, const struct keyd_passwords *pw,
		  const uint8_t id[16], bool give_up, struct err *e)
{
	(void)k, (void)give_up;
	if (pw->admin->n != strlen(PASSWORD))
		return err_set(e, RC_REFUSED, "ticket", "wrong password", NULL,
			       "administrator");
	for (size_t i = 0; i < fake_halves.n; i++)
		if (!memcmp(fake_halves.p[i].id, id, 16)) {
			char *end = strchr(fake_halves.removed, '\0');

			(void)snprintf(end, (size_t)(fake_halves.removed +
						     sizeof fake_halves.removed - end),
				       "%.63s ", fake_halves.p[i].label);
			return RC_OK;
		}
	return err_set(e, RC_NOTFOUND, "tidy", "nothing has this id", NULL, "it");
}
