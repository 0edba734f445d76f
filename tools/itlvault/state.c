/* What an envelope knows of the cluster, as files. */
#include "itlvault.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/num.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	enum envelope_kind kind;
	const char *before, *after; /* around the item's name */
} files[] = {
	{ENVELOPE_CONF, "", ""},
	{ENVELOPE_CERT, "cert-", ".der"},
	{ENVELOPE_LIST, "ITLFile-", ".tlv"},
	{ENVELOPE_TRUST, "", ""},
};

/* A name from outside, in one folder: slashes of labels become dashes. */
static enum rc name_of(const struct envelope_item *item, char *to, size_t cap,
		       struct err *e)
{
	const char *before = "", *after = "";
	int n;

	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (files[i].kind == item->kind) {
			before = files[i].before;
			after = files[i].after;
		}
	n = snprintf(to, cap, "%s%s%s", before, item->name, after);
	for (char *s = to; *s; s++)
		if (*s == '/')
			*s = '-';
		else if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			n = -1;
	if (n < 1 || (size_t)n >= cap || to[0] == '.')
		return err_set(e, RC_REFUSED, "write state",
			       "an item's name is no file name", NULL,
			       "the envelope");
	return RC_OK;
}

static enum rc write_item(const char *dir, const struct envelope_item *item,
			  struct err *e)
{
	char name[128], path[PATH_MAX];

	if (name_of(item, name, sizeof name, e) != RC_OK ||
	    file_path(path, sizeof path, dir, name, e) != RC_OK)
		return e->rc;
	return file_replace(path, item->content, 0644, e);
}

/* What it is, for people. */
static enum rc write_manifest(const char *dir, const struct envelope_manifest *m,
			      struct err *e)
{
	char text[1024], time[24], sha256[65], path[PATH_MAX];

	(void)snprintf(text, sizeof text,
		       "object %s\ncluster %s\npublisher %s\nkey %s\nserial %s\n"
		       "sha256 %s\nbits %u\nmade %s\nprogram %s\n",
		       m->name, m->cluster, m->publisher, m->key, m->serial,
		       hex_of(bytes_of(m->fingerprint, sizeof m->fingerprint),
			      sha256, sizeof sha256),
		       m->bits, report_time(m->time, time), m->program);
	if (file_path(path, sizeof path, dir, "MANIFEST", e) != RC_OK)
		return e->rc;
	return file_replace(path, bytes_of_text(text), 0644, e);
}

enum rc state_write(const struct recovery_file *f, const char *dir, struct err *e)
{
	if (!f->envelope)
		return err_set(e, RC_REFUSED, "write state",
			       "a bare p12 holds the key alone",
			       "restore from an envelope", "%s", dir);
	if (mkdir(dir, 0755) != 0)
		return err_errno(e, RC_ERROR, "mkdir",
				 "name a folder that is not there yet", "%s", dir);
	for (size_t i = 0; i < f->envelope->nitems; i++)
		if (write_item(dir, &f->envelope->items[i], e) != RC_OK)
			return e->rc;
	return write_manifest(dir, &f->envelope->manifest, e);
}
