/*
 * Messages to front's door. The first byte: how keyd behaves; then for each message
 * who sends it ('r' root, 'g' a member of the group, else nobody) and its text, up to
 * a NUL. '@' and a letter stand for what no input can know (world_word()).
 *
 * Each message is answered once, events before; nobody changes anything, and without
 * a ticket that keyd took no member has nodes serve what a ticket is for.
 */
#include "base/num.h"
#include "fake-keyd.h"
#include "front-world.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 24576u /* of the door */
#define MESSAGES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* With the words in their places. Returns the length. */
static size_t fill_in(struct bytes in, char *to, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n < cap; i++) {
		const char *word = in.p[i] == '@' && i + 1 < in.n
					   ? world_word((char)in.p[i + 1])
					   : NULL;

		if (!word) {
			to[n++] = (char)in.p[i];
			continue;
		}
		i++;
		for (; *word && n < cap; word++)
			to[n++] = *word;
	}
	return n;
}

/* "out of memory" is what an answer becomes that JSON cannot hold. */
static void check_error(json_t *error)
{
	const char *why = json_string_value(json_object_get(error, "why"));

	if (error && (!why || !why[0] || !strcmp(why, "out of memory")))
		abort();
}

/* Exactly one result or error, the last; what comes before are events. */
static void check_answers(const char *p, size_t n)
{
	bool last = false;

	while (n) {
		char *whole = NULL;
		size_t len = 0;
		json_t *j, *error;

		/* pieces: a '+' before all but the last */
		for (bool more = true; more && n; n--) {
			size_t m = strlen(p);

			more = p[0] == '+';
			whole = realloc(whole, len + m + 1);
			if (!whole)
				abort();
			memcpy(whole + len, p + more, m - more + 1);
			len += m - more;
			p += m + 1;
		}
		j = json_loadb(whole, len, JSON_REJECT_DUPLICATES, NULL);
		if (!j || last || json_object_size(j) == 0)
			abort();
		error = json_object_get(j, "error");
		check_error(error);
		last = !json_object_get(j, "event");
		if (last && (json_object_size(j) != 1 || !error == !json_object_get(j, "result")))
			abort();
		json_decref(j);
		free(whole);
	}
	if (!last)
		abort();
}

static bool asks_for(const char *text, size_t n, const char *what)
{
	return memmem(text, n, what, strlen(what)) != NULL;
}

static void send(char who, const char *text, size_t n)
{
	struct call c = {.service = world, .fd = -1, .peer = {.uid = 1000, .gid = 1000}};
	struct world_state before, after;
	const char *answers;
	size_t messages;

	if (who == 'r')
		c.peer.uid = 0;
	if (who == 'g')
		c.peer.groups[c.peer.ngroups++] = WORLD_GROUP;
	world_look(&before);
	door_answer(&c, text, n);
	world_look(&after);
	answers = world_take(&messages);
	check_answers(answers, messages);
	if (c.gone)
		abort();
	if (who != 'r' && who != 'g' && memcmp(&before, &after, sizeof before) != 0)
		abort();
	/* A restart builds the node's own list, and needs no ticket for that. */
	if (memcmp(before.want, after.want, sizeof before.want) != 0 &&
	    after.used == before.used && !asks_for(text, n, "tftp-restart"))
		abort();
	if (pthread_mutex_trylock(&world->lock) != 0 ||
	    pthread_mutex_trylock(&world->phones) != 0)
		abort();
	(void)pthread_mutex_unlock(&world->lock);
	(void)pthread_mutex_unlock(&world->phones);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char text[TEXT_MAX];
	struct bytes left;
	uint8_t mode;

	if (n < 2 || n > 2 * TEXT_MAX)
		return 0;
	world_start();
	mode = data[0];
	fake_keyd.away = mode & 1;
	fake_keyd.bad_list = mode & 2;
	fake_keyd.lost = mode & 4;
	fake_keyd.busy = mode & 8;
	fake_keyd.bad_cert = mode & 16;
	fake_keyd.token = mode & 32 ? "fake" : "caf\xe9"; /* blanks and digits have it */
	world_nodes_fail = mode & 64;
	left = bytes_of(data + 1, n - 1);
	for (int i = 0; i < MESSAGES_MAX && left.n; i++) {
		const uint8_t *end = memchr(left.p, 0, left.n);
		size_t m = end ? num_size(end - left.p) : left.n;
		char *exact;
		size_t len;

		len = m ? fill_in(bytes_of(left.p + 1, m - 1), text, sizeof text) : 0;
		exact = malloc(len ? len : 1); /* a read behind its end is found */
		if (!exact)
			abort();
		memcpy(exact, text, len);
		send(m ? (char)left.p[0] : 'n', exact, len);
		free(exact);
		left = bytes_of(left.p + m + (end != NULL), left.n - m - (end != NULL));
	}
	return 0;
}
