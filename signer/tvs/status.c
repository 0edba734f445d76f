#include "status.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/proc.h"
#include "count.h"
#include <jansson.h>
#include <string.h>

#define LOG_SECONDS 60.0

static json_t *of_listener(const struct listener *l)
{
	bool serves = l->bound && l->ctx;
	uint8_t sha1[SHA1_LEN];
	char hex[SHA1_HEX] = "", why[1200] = "";
	unsigned n = sizeof sha1;

	if (l->cert && X509_digest(l->cert, EVP_sha1(), sha1, &n) == 1)
		(void)hex_of(bytes_of(sha1, n), hex, sizeof hex);
	if (!serves)
		(void)err_text(&l->why, why, sizeof why);
	return json_pack("{s:s, s:s, s:i, s:b, s:s, s:b, s:s}", "node", l->conf->node->id, "address",
			 tvs_listener_address(l->conf), "port", (int)l->conf->node->tvs_port,
			 "serves", serves, "certificate", hex, "rsa-key-exchange",
			 l->ctx && l->rsa, "why", why);
}

static json_t *of_listeners(const struct watch *w)
{
	json_t *all = json_array();

	for (size_t i = 0; i < w->nlisteners; i++)
		(void)json_array_append_new(all, of_listener(&w->listeners[i]));
	return all;
}

static json_t *of_counts(void)
{
	json_t *all = json_object();

	for (enum count c = 0; c < COUNT_END; c++)
		(void)json_object_set_new(all, count_name(c),
					  json_integer((json_int_t)count_of(c)));
	return all;
}

static json_t *of_trust(const struct watch *w)
{
	static const char *const states[] = {
		[TRUSTFILE_NONE] = "none",
		[TRUSTFILE_USED] = "used",
		[TRUSTFILE_REFUSED] = "refused",
	};
	char why[1200] = "";

	if (w->file.state == TRUSTFILE_REFUSED)
		(void)err_text(&w->file.why, why, sizeof why);
	return json_pack("{s:I, s:s, s:I, s:s}", "certificates", (json_int_t)w->vouched, "file",
			 states[w->file.state], "of-file",
			 (json_int_t)(w->file.trust ? w->file.trust->n : 0), "why", why);
}

/* NULL out of memory. */
static char *text_of(const struct watch *w)
{
	char away[1200] = "", *text = NULL;
	json_t *all;

	if (w->away.rc != RC_OK)
		(void)err_text(&w->away, away, sizeof away);
	all = json_pack("{s:i, s:s, s:I, s:o, s:o, s:o}", "pid", (int)getpid(), "keyd", away,
			"connections", (json_int_t)slots_used(w->given.slots), "listeners",
			of_listeners(w), "trust", of_trust(w), "counts", of_counts());
	if (all)
		text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

void status_write(const struct watch *w)
{
	static char *last;
	static bool told;
	char CLEANUP_FREE *text = text_of(w);
	char path[CLUSTER_PATH_MAX];
	struct err e;

	if (!text || (last && !strcmp(text, last)))
		return;
	cluster_path(w->given.cluster, PATH_TVS_STATUS, path);
	if (file_replace(path, bytes_of_text(text), 0644, &e) != RC_OK) {
		if (!told)
			log_error("status", &e);
		told = true;
		return;
	}
	told = false;
	free(last);
	last = text;
	text = NULL;
}

void status_log(void)
{
	static uint64_t before[COUNT_END];
	static double next;
	double now = proc_now();
	char line[512] = "";
	size_t n = 0;

	if (now < next)
		return;
	for (enum count c = COUNT_REFUSED; c < COUNT_END; c++) {
		uint64_t all = count_of(c), more = all - before[c];

		before[c] = all;
		if (more && n < sizeof line)
			n += (size_t)snprintf(line + n, sizeof line - n, " %s=%llu",
					      count_name(c), (unsigned long long)more);
	}
	if (!n)
		return;
	next = now + LOG_SECONDS;
	log_info("event=closed%s", line);
}
