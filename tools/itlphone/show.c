/* What phones hold, and taking it away by hand. */
#include "itlphone.h"
#include "phone.h"
#include <stdio.h>
#include <string.h>

/* The signer that the installed ITL names, cut at its first part. */
static void signer_text(const struct phone *p, char *to, size_t cap)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct err e;

	if (!phone_installed(p, PHONE_ITL).n)
		(void)snprintf(to, cap, "-");
	else if (itl_parse(phone_installed(p, PHONE_ITL), ITL_LENIENT, &l, &e))
		(void)snprintf(to, cap, "(damaged)");
	else
		(void)snprintf(to, cap, "%.*s", (int)l->signer_name.n,
			       (const char *)l->signer_name.p);
	to[strcspn(to, ";,")] = '\0';
	for (char *c = to; *c; c++) /* a list's text is a stranger's */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static const char *last_status(const json_t *report)
{
	const json_t *lines = json_object_get(report, "status");
	size_t n = json_array_size(lines);

	return n ? json_string_value(json_array_get(lines, n - 1)) : NULL;
}

static void show_json(const struct phone *p, const json_t *report,
		      const char *sha1, const char *ctl, const char *signer)
{
	json_t *o = json_pack("{ss ss* ss? ss? ss? ss?}", "phone", p->name,
			      "server",
			      json_string_value(json_object_get(report, "server")),
			      "itl", sha1, "ctl", ctl, "signer", signer,
			      "status", last_status(report));

	(void)json_dumpf(o, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(o);
}

static enum rc show_one(const struct settings *s, uint64_t mac, struct err *e)
{
	struct phone p;
	char itl[SHA1_HEX] = "", ctl[SHA1_HEX] = "", signer[128];
	const char *status, *server;
	json_t *report;

	if (phone_load(&p, s->state, mac, e))
		return e->rc;
	report = phone_read_report(&p);
	if (phone_installed(&p, PHONE_ITL).n)
		itl_sha1_hex(phone_installed(&p, PHONE_ITL), itl);
	if (phone_installed(&p, PHONE_CTL).n)
		itl_sha1_hex(phone_installed(&p, PHONE_CTL), ctl);
	signer_text(&p, signer, sizeof signer);
	status = last_status(report);
	server = json_string_value(json_object_get(report, "server"));
	if (s->json)
		show_json(&p, report, itl[0] ? itl : NULL, ctl[0] ? ctl : NULL,
			  itl[0] ? signer : NULL);
	else
		(void)printf("%-15s  %-40s  %-32s  %-26s  %s\n", p.name,
			     itl[0] ? itl : "-", signer,
			     status ? status : phone_trust_text(&p),
			     server ? server : "-");
	json_decref(report);
	phone_clear(&p);
	return RC_OK;
}

enum rc phones_show(const struct settings *s, int *code, struct err *e)
{
	if (!s->json)
		(void)printf("%-15s  %-40s  %-32s  %-26s  %s\n", "PHONE",
			     "LIST (SHA-1)", "SIGNER", "STATUS", "SERVER");
	for (unsigned i = 0; i < s->count; i++)
		if (show_one(s, s->mac + i, e))
			return e->rc;
	*code = 0;
	return RC_OK;
}

enum rc phones_erase(const struct settings *s, int *code, struct err *e)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct phone p;

		/* Not phone_load(): erasing is the way out of damage. */
		if (phone_open(&p, s->state, s->mac + i, e) ||
		    phone_erase(&p, e))
			return e->rc;
		if (s->json)
			(void)printf("{\"phone\":\"%s\",\"erased\":true}\n",
				     p.name);
		else
			(void)printf("%-15s  lists erased\n", p.name);
	}
	*code = 0;
	return RC_OK;
}
