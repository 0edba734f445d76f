#include "uri.h"
#include "base/num.h"
#include "hsm/token.h"
#include <stdint.h>
#include <string.h>

#define URI_SCHEME "pkcs11:"
#define MAX_URI 1024

#define OBJECT_WHY "it names an object; keys are chosen by their CKA_ID"
#define OBJECT_HINT "name the token alone: pkcs11:token=LABEL"
#define PIN_WHY "a PIN, or a way to it, has no place in a URI"
#define PIN_HINT "remove it, and name the PIN file in the configuration"
#define MODULE_WHY "the module is not chosen by the URI"
#define MODULE_HINT "name the module in its own line of the configuration"

/* RFC 7512 2.3 and 2.4. Those with `why` are known, and refused. */
static const struct attribute {
	const char *name, *why, *hint;
} attributes[] = {
	{"token", NULL, NULL},
	{"manufacturer", NULL, NULL},
	{"serial", NULL, NULL},
	{"model", NULL, NULL},
	{"library-manufacturer", NULL, NULL},
	{"library-description", NULL, NULL},
	{"library-version", NULL, NULL},
	{"slot-manufacturer", NULL, NULL},
	{"slot-description", NULL, NULL},
	{"slot-id", NULL, NULL},
	{"object", OBJECT_WHY, OBJECT_HINT},
	{"type", OBJECT_WHY, OBJECT_HINT},
	{"object-type", OBJECT_WHY, OBJECT_HINT},
	{"objecttype", OBJECT_WHY, OBJECT_HINT},
	{"id", OBJECT_WHY, OBJECT_HINT},
	{"pin-value", PIN_WHY, PIN_HINT},
	{"pin-source", PIN_WHY, PIN_HINT},
	{"pinfile", PIN_WHY, PIN_HINT},
	{"module-name", MODULE_WHY, MODULE_HINT},
	{"module-path", MODULE_WHY, MODULE_HINT},
};

/* Which of the attributes a URI has: bits by row. */
_Static_assert(COUNT_OF(attributes) <= 32, "the bits of `seen`");

static const struct attribute *find(const char *name, size_t n)
{
	for (size_t i = 0; i < COUNT_OF(attributes); i++)
		if (strlen(attributes[i].name) == n &&
		    !memcmp(attributes[i].name, name, n))
			return &attributes[i];
	return NULL;
}

/* Messages give an attribute's name and never its value, which may be a PIN. */
static enum rc refuse(struct err *e, const char *why, const char *hint,
		      const char *name, size_t n)
{
	if (n == 0)
		return err_set(e, RC_USAGE, "token URI", why, hint,
			       "the URI");
	return err_set(e, RC_USAGE, "token URI", why, hint,
		       "attribute \"%.*s\"", num_int(n > 40 ? 40 : n), name);
}

/* One "name=value" of n bytes. */
static enum rc check_attribute(const char *text, size_t n, uint32_t *seen,
			       struct err *e)
{
	const char *equals = memchr(text, '=', n);
	size_t len = equals ? num_size(equals - text) : n;
	const struct attribute *a = find(text, len);
	uint32_t bit;

	if (!equals)
		return refuse(e, "an attribute has no value",
			      "write pkcs11:token=LABEL", "", 0);
	if (!a)
		return refuse(e, "the attribute is unknown",
			      "RFC 7512 has: token, serial, manufacturer, model",
			      text, len);
	if (a->why)
		return refuse(e, a->why, a->hint, text, len);
	bit = UINT32_C(1) << (a - attributes);
	if (*seen & bit)
		return refuse(e, "the attribute stands twice",
			      "leave one of them", text, len);
	*seen |= bit;
	return RC_OK;
}

/* The attributes of a part of the URI, which `separator` divides. */
static enum rc check_part(const char *text, size_t n, char separator,
			  uint32_t *seen, struct err *e)
{
	while (n) {
		const char *end = memchr(text, separator, n);
		size_t len = end ? num_size(end - text) : n;

		if (check_attribute(text, len, seen, e) != RC_OK)
			return e->rc;
		if (!end)
			break;
		if (len + 1 == n)
			return refuse(e, "nothing follows its last separator",
				      "remove the separator", "", 0);
		text += len + 1;
		n -= len + 1;
	}
	return RC_OK;
}

/*
 * p11-kit lets the last of two attributes win, drops white space anywhere, and
 * takes each query attribute that it does not know for a vendor's: so the text
 * is checked here, before p11-kit sees it.
 */
static enum rc check_text(const char *uri, struct err *e)
{
	const char *path, *query;
	uint32_t seen = 0, slot = UINT32_C(1) << (find("slot-id", 7) - attributes),
		 token = UINT32_C(1) << (find("token", 5) - attributes);
	size_t n;

	if (strncmp(uri, URI_SCHEME, strlen(URI_SCHEME)) != 0)
		return refuse(e, "it does not begin with pkcs11:",
			      "write pkcs11:token=LABEL", "", 0);
	if (strlen(uri) > MAX_URI)
		return refuse(e, "it is too long", NULL, "", 0);
	for (const char *s = uri; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return refuse(e, "it has a blank, a control or a non-ASCII character",
				      "write such characters as %XX", "", 0);
	path = uri + strlen(URI_SCHEME);
	n = strcspn(path, "?");
	query = path[n] ? path + n + 1 : path + n;
	if (check_part(path, n, ';', &seen, e) != RC_OK ||
	    check_part(query, strlen(query), '&', &seen, e) != RC_OK)
		return e->rc;
	if (path[n])
		return refuse(e, "a URI of a token has no query",
			      "remove the ? and what follows", "", 0);
	if (seen & slot && !(seen & token))
		return refuse(e, "slots change their numbers",
			      "add token=LABEL", "slot-id", 7);
	return RC_OK;
}

enum rc uri_parse(const char *text, P11KitUri **out, struct err *e)
{
	P11KitUri CLEANUP(uri_free) *uri = NULL;
	int r;

	if (check_text(text, e) != RC_OK)
		return e->rc;
	uri = p11_kit_uri_new();
	if (!uri)
		return err_set(e, RC_ERROR, "p11_kit_uri_new", "out of memory",
			       NULL, "the URI");
	r = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
	if (r != P11_KIT_URI_OK)
		return refuse(e, p11_kit_uri_message(r),
			      "write pkcs11:token=LABEL", "", 0);
	if (p11_kit_uri_any_unrecognized(uri))
		return refuse(e, "a value is too long for its attribute",
			      "a label has at most 32 bytes, model and serial 16",
			      "", 0);
	*out = uri;
	uri = NULL;
	return RC_OK;
}

void uri_free(P11KitUri *uri)
{
	if (!uri)
		return;
	p11_kit_uri_set_pin_value(uri, NULL);
	p11_kit_uri_free(uri);
}

enum rc hsm_uri_check(const char *uri, struct err *e)
{
	P11KitUri CLEANUP(uri_free) *parsed = NULL;

	return uri_parse(uri, &parsed, e);
}
