#include "itlctl/page.h"
#include "base/num.h"
#include <string.h>

void page_wrapped(FILE *out, const char *label, const char *text)
{
	size_t room = PAGE_WIDTH - 4 - strlen(label);

	while (*text) {
		size_t n = strlen(text), cut = n;

		if (n > room) {
			for (cut = room; cut > 0 && text[cut] != ' '; cut--)
				;
			if (cut == 0)
				cut = room;
		}
		(void)fprintf(out, "    %s%.*s\n", label, num_int(cut), text);
		text += cut;
		text += strspn(text, " ");
		/* The following lines stand below the first one's text. */
		label = "  ";
		room = PAGE_WIDTH - 6;
	}
}
