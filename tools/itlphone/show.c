/* What phones hold, and taking it away by hand. */
#include "itlphone.h"
#include "phone.h"
#include <stdio.h>
#include <string.h>

/* What is shown of an installed list. */
struct shown {
	const char *sha1, *signer; /* NULL: it is not installed */
	char hex[SHA1_HEX], name[128];
};

/* The signer that the list names, cut at its first part. */
static void signer_text(struct bytes list, char *to, size_t cap)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct err e;

	if (itl_parse(list, ITL_LENIENT, &l, &e))
		(void)snprintf(to, cap, "(damaged)");
	else
		(void)snprintf(to, cap, "%.*s", (int)l->signer_name.n,
			       (const char *)l->signer_name.p);
	to[strcspn(to, ";,")] = '\0';
	for (char *c = to; *c; c++) /* a list's text is a stranger's */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static struct shown *read_list(const struct phone *p, enum phone_list which,
			       struct shown *to)
{
	struct bytes list = phone_installed(p, which);

	*to = (struct shown){0};
	if (list.n) {
		to->sha1 = itl_sha1_hex(list, to->hex);
		signer_text(list, to->name, sizeof to->name);
		to->signer = to->name;
	}
	return to;
}

static const char *last_status(const json_t *report)
{
	const json_t *lines = json_object_get(report, "status");
	size_t n = json_array_size(lines);

	return n ? json_string_value(json_array_get(lines, n - 1)) : NULL;
}

static void show_json(const struct phone *p, const json_t *report,
		      const struct shown *itl, const struct shown *ctl)
{
	json_t *o = json_pack("{ss ss* ss? ss? ss? ss? ss?}", "phone", p->name,
			      "server",
			      json_string_value(json_object_get(report, "server")),
			      "itl", itl->sha1, "ctl", ctl->sha1, "signer",
			      itl->signer, "ctl_signer", ctl->signer, "status",
			      last_status(report));

	(void)json_dumpf(o, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(o);
}

/* A phone's row, and one for its CTL, which most have not. */
static void show_rows(const struct phone *p, const json_t *report,
		      const struct shown *itl, const struct shown *ctl)
{
	const char *status = last_status(report);
	const char *server = json_string_value(json_object_get(report, "server"));

	(void)printf("%-15s  %-40s  %-32s  %-26s  %s\n", p->name,
		     itl->sha1 ? itl->sha1 : "-", itl->signer ? itl->signer : "-",
		     status ? status : phone_trust_text(p), server ? server : "-");
	if (ctl->sha1)
		(void)printf("%15s  %-40s  %s\n", "CTL", ctl->sha1, ctl->signer);
}

static enum rc show_one(const struct settings *s, uint64_t mac, struct err *e)
{
	struct phone p;
	struct shown itl, ctl;
	json_t *report;

	if (phone_load(&p, s->state, mac, e))
		return e->rc;
	report = phone_read_report(&p);
	(s->json ? show_json : show_rows)(&p, report, read_list(&p, PHONE_ITL, &itl),
					  read_list(&p, PHONE_CTL, &ctl));
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
