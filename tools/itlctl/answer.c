#include "itlctl/answer.h"
#include "base/errjson.h"
#include "base/num.h"
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum rc answer_unpack(json_t *j, const char *what, struct err *e,
		      const char *fmt, ...)
{
	json_error_t why;
	va_list ap;
	int bad;

	va_start(ap, fmt);
	bad = json_vunpack_ex(j, &why, 0, fmt, ap);
	va_end(ap);
	if (bad)
		return err_set(e, RC_ERROR, "read answer", why.text,
			       "are itlctl and the service of the same version?",
			       "%s", what);
	return RC_OK;
}

bool answer_has(const json_t *j, const char *key)
{
	const json_t *at = json_object_get(j, key);

	return at && !json_is_null(at) &&
	       !(json_is_string(at) && json_string_length(at) == 0);
}

bool answer_true(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

const char *answer_text(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "-";
}

int64_t answer_int(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

char *answer_any(const json_t *j, const char *key, char *buf, size_t cap)
{
	json_t *at = json_object_get(j, key);
	struct err e;

	(void)snprintf(buf, cap, "%s", answer_text(j, key));
	if (json_is_integer(at))
		(void)snprintf(buf, cap, "%lld", json_integer_value(at));
	if (json_is_object(at)) {
		(void)err_from_json(at, &e);
		err_text(&e, buf, cap);
	}
	return buf;
}

char *answer_time(const json_t *j, const char *key, char buf[ANSWER_TIME])
{
	json_t *at = json_object_get(j, key);
	time_t t = (time_t)json_number_value(at);
	struct tm tm;

	(void)snprintf(buf, ANSWER_TIME, "%s", answer_text(j, key));
	if (json_is_number(at) && t > 0 && localtime_r(&t, &tm))
		(void)strftime(buf, ANSWER_TIME, "%Y-%m-%d %H:%M", &tm);
	return buf;
}

enum rc answer_base64(const char *text, const char *what, uint8_t **out,
		      size_t *n, struct err *e)
{
	size_t cap = strlen(text) / 4 * 3 + 3;
	uint8_t CLEANUP_FREE *bytes = malloc(cap);
	const char *end;
	size_t got;

	if (!bytes)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", what);
	if (sodium_base642bin(bytes, cap, text, strlen(text), NULL, &got, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0 || *end)
		return err_set(e, RC_ERROR, "read answer", "is not base64",
			       "are itlctl and the service of the same version?",
			       "%s", what);
	*out = bytes;
	*n = got;
	bytes = NULL;
	return RC_OK;
}

json_t *answer_bytes(struct bytes b)
{
	char text[4 * 1024 + 1];
	size_t at = 0;
	json_t *out;

	while (b.n && b.p[b.n - 1] == 0)
		b.n--;
	out = json_stringn(b.n ? (const char *)b.p : "", b.n);
	if (out)
		return out;
	for (size_t i = 0; i < b.n && at < sizeof text - 4; i++)
		at += (size_t)snprintf(text + at, 5,
				       b.p[i] < 0x80 ? "%c" : "\\x%02x",
				       b.p[i]);
	return json_stringn(text, at);
}
