#include "itlctl/commands.h"
#include "audit/audit.h"
#include "base/file.h"
#include "base/hex.h"
#include <time.h>

#define LOG_MAX ((size_t)4 << 30) /* bytes of a log that is read whole */

static char *date(int64_t t, char to[24])
{
	time_t at = (time_t)t;
	struct tm tm;

	to[0] = '\0';
	if (localtime_r(&at, &tm))
		(void)strftime(to, 24, "%Y-%m-%d %H:%M:%S", &tm);
	return to;
}

static enum rc show(struct ctl *c, const char *path,
		    const struct audit_report *r, struct err *e)
{
	char head[2 * AUDIT_HASH_LEN + 1], first[24], last[24];

	hex_of(bytes_of(r->head, sizeof r->head), head, sizeof head);
	if (c->json)
		return ctl_result(c, json_pack("{s:s, s:b, s:I, s:I, s:I, s:s, s:I}",
					       "file", path, "verified", 1,
					       "entries", (json_int_t)r->entries,
					       "first_time", (json_int_t)r->first_time,
					       "last_time", (json_int_t)r->last_time,
					       "head", head,
					       "torn", (json_int_t)r->torn), e);
	(void)fprintf(c->out, "%s: %llu entries, the chain is whole\n", path,
		      (unsigned long long)r->entries);
	if (r->entries)
		(void)fprintf(c->out, "From %s to %s\nHead: %s\n",
			      date(r->first_time, first),
			      date(r->last_time, last), head);
	if (r->torn)
		(void)fprintf(c->out, "An unfinished last line of %zu bytes, which was never answered for, is left out.\n",
			      r->torn);
	return RC_OK;
}

enum rc audit_verify_log(struct ctl *c, struct err *e)
{
	uint8_t CLEANUP_FREE *log = NULL;
	char own[CLUSTER_PATH_MAX];
	const char *path = own;
	struct audit_report report;
	size_t n;

	if (c->nargs) {
		path = c->args[0];
	} else {
		if (ctl_open(c, NEED_CLUSTER, e) != RC_OK)
			return e->rc;
		cluster_path(c->cluster, PATH_AUDIT_LOG, own);
	}
	if (file_read(path, LOG_MAX, &log, &n, e) != RC_OK)
		return e->rc;
	if (audit_verify(bytes_of(log, n), &report, e) != RC_OK)
		return err_within(e, path);
	return show(c, path, &report, e);
}
