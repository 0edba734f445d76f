#include "base/hex.h"
#include "base/num.h"
#include "base/secret.h"
#include "base/text.h"
#include "carry/carry.h"
#include "carry/run.h"
#include "send.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

#define MAIL_SECONDS 60 /* that a server may take for a message */

/* ---- the message ---- */

/* Our own texts, but words of servers stand in them: a header or a line stays
 * one. (libcurl takes care of lines of one dot.) */
static void put_line(FILE *f, const char *text)
{
	while (*text) {
		unsigned n = text_control(text);

		(void)fputc(n ? '?' : *text, f);
		text += n ? n : 1;
	}
	(void)fputs("\r\n", f);
}

static void put_header(FILE *f, const char *name, const char *value)
{
	(void)fprintf(f, "%s: ", name);
	put_line(f, value);
}

static void put_id(FILE *f, const struct mail *m)
{
	uint8_t random[16];
	char id[2 * sizeof random + 1], text[sizeof id + CLUSTER_CN_MAX + 16];

	randombytes_buf(random, sizeof random);
	(void)snprintf(text, sizeof text, "<%s@%.*s>",
		       hex_of(bytes_of(random, sizeof random), id, sizeof id),
		       CLUSTER_CN_MAX, m->host);
	put_header(f, "Message-ID", text);
}

static void put_message(FILE *f, const struct mail *m)
{
	char when[40], text[200];
	time_t t = (time_t)m->now;
	struct tm tm;

	(void)strftime(when, sizeof when, "%a, %d %b %Y %H:%M:%S +0000",
		       gmtime_r(&t, &tm));
	put_header(f, "Date", when);
	put_header(f, "From", m->conf->mail_from);
	put_header(f, "To", m->conf->mail_to);
	(void)snprintf(text, sizeof text, "[itlkeeper %s] %.120s", m->cluster,
		       m->subject);
	put_header(f, "Subject", text);
	put_id(f, m);
	put_header(f, "Auto-Submitted", "auto-generated");
	put_header(f, "MIME-Version", "1.0");
	put_header(f, "Content-Type", "text/plain; charset=utf-8");
	put_header(f, "Content-Transfer-Encoding", "8bit");
	put_line(f, "");
	for (size_t i = 0; i < m->n; i++)
		put_line(f, m->lines[i]);
}

char *mail_text(const struct mail *m)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	put_message(f, m);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- sending it ---- */

static json_t *recipients(const char *to)
{
	json_t *all = json_array();

	while (*to) {
		size_t n = strcspn(to, ",");

		(void)json_array_append_new(all, json_stringn(to, n));
		to += n;
		to += strspn(to, ", ");
	}
	return all;
}

static json_t *mail_job(const struct front_conf *c)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:s?, s:b, s:b, s:s?, s:i}", "do",
			 "mail", "url", c->mail_server, "from", c->mail_from,
			 "to", recipients(c->mail_to), "user", c->mail_user,
			 "password", c->mail_password != NULL, "starttls",
			 c->mail_starttls, "ca", c->mail_ca, "seconds",
			 MAIL_SECONDS);
}

enum rc send_mail(const struct mail *m, const char *carry, int stop_fd,
		  struct err *e)
{
	const struct front_conf *c = m->conf;
	struct secret CLEANUP(secret_free) *password = NULL;
	char CLEANUP_FREE *text = mail_text(m);
	struct carry_job job =
		CARRY_JOB(.program = carry, .seconds = MAIL_SECONDS);

	if (!text)
		return err_errno(e, RC_ERROR, "e-mail", NULL, "%s", c->mail_server);
	if (c->mail_password &&
	    secret_read_file(c->mail_password + strlen("file:"), &password, e) !=
		    RC_OK)
		return e->rc;
	job.stop_fd = stop_fd;
	job.content = bytes_of_text(text);
	job.password = password;
	job.job = mail_job(c);
	return carry_run(&job, NULL, NULL, e);
}
