/* A frame from a phone, or from who says he is a TVS; what can be read must be
 * written as it was, but for what answers leave unspecified. */
#include "tvs/wire.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Answers come with a fourth byte of their own; a "no" needs no more. */
static bool is_plain(struct bytes frame, const struct tvs_message *m)
{
	return frame.p[3] == 0 && m->status == TVS_VALID;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t again[TVS_FRAME_MAX];
	struct bytes frame = bytes_of(data, n);
	struct writer w = writer_of(again, sizeof again);
	struct tvs_message m, back;
	struct err e;
	size_t length;

	if (tvs_frame_length(frame, TVS_REQUEST_MAX, &length, &e) == RC_OK &&
	    (length < TVS_HEADER || length > TVS_REQUEST_MAX))
		abort();
	if (tvs_read(frame, &m, &e) != RC_OK)
		return 0;
	tvs_write(&w, &m);
	if (w.bad || tvs_read(writer_bytes(&w), &back, &e) != RC_OK)
		abort();
	/* Elements may have come in another order. */
	if (is_plain(frame, &m) && w.n != n)
		abort();
	return 0;
}
