#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/file.h"
#include "base/num.h"
#include "base/sock.h"
#include "itlctl/prompt.h"
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

struct keyd_seen keyd_seen;

/* ---- keyd: these stand in for its client ---- */

struct keyd {
	int unused;
};

enum rc keyd_open(const char *path, struct keyd **out, struct err *e)
{
	(void)path;
	*out = calloc(1, sizeof **out);
	return *out ? RC_OK : err_errno(e, RC_ERROR, "calloc", NULL, "keyd");
}

void keyd_free(struct keyd *k)
{
	free(k);
}

enum rc keyd_status(struct keyd *k, struct keyd_status *out, struct err *e)
{
	(void)k, (void)e;
	*out = (struct keyd_status){.password_set = keyd_seen.password_set,
				    .security = keyd_seen.security};
	return RC_OK;
}

enum rc keyd_keys(struct keyd *k, struct keyd_key **keys, size_t *n, struct err *e)
{
	(void)k, (void)e;
	*n = keyd_seen.nkeys;
	*keys = calloc(*n + 1, sizeof **keys);
	assert_non_null(*keys);
	memcpy(*keys, keyd_seen.keys, *n * sizeof **keys);
	return RC_OK;
}

void keyd_keys_free(struct keyd_key *keys, size_t n)
{
	(void)n; /* their certificates are the test's */
	free(keys);
}

static bool is_password(const struct secret *s)
{
	return s->n == strlen(PASSWORD) && !memcmp(s->p, PASSWORD, s->n);
}

enum rc keyd_ticket(struct keyd *k, const struct secret *password,
		    const struct keyd_intent *intent,
		    uint8_t ticket[KEYD_TICKET_LEN], struct err *e)
{
	(void)k;
	if (!is_password(password))
		return err_set(e, RC_REFUSED, "ticket", "wrong password", NULL,
			       "administrator");
	assert_true(keyd_seen.ntickets < COUNT_OF(keyd_seen.tickets));
	keyd_seen.tickets[keyd_seen.ntickets++] = *intent;
	memset(ticket, num_int(keyd_seen.ntickets), KEYD_TICKET_LEN);
	return RC_OK;
}

static void note(char to[64], const struct secret *s)
{
	(void)snprintf(to, 64, "%.*s", s ? num_int(s->n) : 0,
		       s ? (const char *)s->p : "");
}

enum rc keyd_override(struct keyd *k, const struct secret *password, const char *text,
		      struct err *e)
{
	(void)k;
	if (!is_password(password))
		return err_set(e, RC_REFUSED, "password", "is wrong", NULL, "the administrator");
	(void)snprintf(keyd_seen.override, sizeof keyd_seen.override, "%s", text);
	return RC_OK;
}

enum rc keyd_password_set(struct keyd *k, const struct secret *old,
			  const struct secret *new_password, struct err *e)
{
	(void)k, (void)e;
	keyd_seen.password_set = true;
	keyd_seen.with_old = old != NULL;
	note(keyd_seen.new_password, new_password);
	return RC_OK;
}

enum rc keyd_security_set(struct keyd *k, const struct keyd_passwords *pw,
			  const struct secret *new_password, struct err *e)
{
	(void)k;
	if (!is_password(pw->admin))
		return err_set(e, RC_REFUSED, "ticket", "wrong password", NULL,
			       "administrator");
	if (fake_call(e, "security", "") != RC_OK)
		return e->rc;
	keyd_seen.security++;
	note(keyd_seen.old_security, pw->security);
	note(keyd_seen.new_security, new_password);
	return RC_OK;
}

enum rc keyd_prove(struct keyd *k, const struct keyd_passwords *pw,
		   const struct wrapped_key *w, X509 *cert,
		   const uint8_t claim[KEYD_CLAIM_LEN], char label[LABEL_MAX],
		   char route[KEYD_ROUTE_MAX], struct err *e)
{
	(void)k, (void)claim;
	assert_non_null(w);
	assert_non_null(cert);
	assert_true(is_password(pw->admin));
	assert_null(pw->security); /* a test alone: nothing is to be recorded */
	label[0] = '\0'; /* another's key */
	(void)snprintf(route, KEYD_ROUTE_MAX, "token-cbc-pad");
	return fake_call(e, "prove", "");
}

/* Only integration tests have files with keys. */
enum rc keyd_import(struct keyd *k, const struct keyd_passwords *pw,
		    enum unit unit, const char *node,
		    const struct wrapped_key *w, X509 *cert, bool replace,
		    struct keyd_key *out, bool *present,
		    char route[KEYD_ROUTE_MAX], struct err *e)
{
	(void)k, (void)pw, (void)node, (void)w, (void)cert, (void)replace;
	(void)out, (void)present, (void)route;
	return err_set(e, RC_ERROR, "import", "is not faked", NULL, "%s",
		       unit_name(unit));
}

/* ---- the door ---- */

static const char *const conf =
	"[cluster]\nname = test10\npublisher = n1\ndomain = joemar2.lab\n"
	"run = %s/run\nstate-dir = %s/state\n"
	"[node n2]\nhost = test10sub\naddress = 127.0.0.2\nfolder = %s/n2\nrestart = true\n"
	"[node n1]\nhost = test10pub\naddress = 127.0.0.1\nfolder = %s/n1\nrestart = true\n"
	"[node n3]\nhost = test10sub2\naddress = 127.0.0.3\nfolder = %s/n3\nrestart = true\n";

static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0600, &e), &e);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char text[4096], path[512];
	struct err e;
	const char *d;

	assert_non_null(w);
	w->dir = support_tmpdir();
	d = w->dir;
	(void)snprintf(text, sizeof text, conf, d, d, d, d, d);
	put(d, "cluster.conf", text);
	put(d, "password", PASSWORD "\n");
	put(d, "wrong", "wrong\n");
	put(d, "security", SECURITY "\n");
	put(d, "sftp", "of the server\n");
	(void)snprintf(path, sizeof path, "%s/run/front", d);
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	w->requests = json_array();
	assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0); /* of who runs the test */
	keyd_seen = (struct keyd_seen){.password_set = true, .security = 1};
	fake_reset();
	*state = w;
	return 0;
}

static const struct reply *find_reply(const struct world *w, json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "do"));
	const struct reply *found = NULL, *r;
	char forced[64];

	(void)snprintf(forced, sizeof forced, "%s forced", name ? name : "");
	for (r = w->replies; r->name; r++)
		if (!found && name && !strcmp(r->name, name))
			found = r;
		else if (json_is_true(json_object_get(request, "force")) &&
			 !strcmp(r->name, forced))
			return r;
	return found ? found : r;
}

/* Wait for a peer; false if the test is over. A test that failed midway may
 * have left its connection open. */
static bool wait_for(const struct world *w, int fd)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
			      {.fd = w->stop, .events = POLLIN}};

	return poll(p, 2, -1) > 0 && !p[1].revents;
}

/* One peer, until it goes. */
static void serve(struct world *w, int fd)
{
	static char buf[SOCK_MESSAGE_MAX];
	struct err e;
	size_t n;

	while (wait_for(w, fd) &&
	       sock_recv(fd, buf, sizeof buf, &n, NULL, 0, &e) == RC_OK) {
		json_t *request = json_loadb(buf, n, 0, NULL);
		const struct reply *r = find_reply(w, request);

		(void)json_array_append_new(w->requests, request);
		for (size_t i = 0; r->name && r->messages[i]; i++)
			if (sock_send(fd, bytes_of_text(r->messages[i]), -1, 0, &e) != RC_OK)
				return;
		if (!r->name)
			return; /* hangs up */
	}
}

static void *listen_on(void *arg)
{
	struct world *w = arg;
	struct err e;
	int fd;

	while (wait_for(w, w->listener))
		if (sock_accept(w->listener, &fd, &e) == RC_OK && fd >= 0) {
			serve(w, fd);
			fd_close(fd);
		}
	return NULL;
}

void world_open(struct world *w, const struct reply *replies)
{
	char path[512];
	struct err e;

	w->replies = replies;
	w->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(w->stop >= 0);
	(void)snprintf(path, sizeof path, "%s/run/front/front.sock", w->dir);
	assert_ok(sock_listen(path, 0666, &w->listener, &e), &e);
	assert_int_equal(pthread_create(&w->thread, NULL, listen_on, w), 0);
	w->open = true;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	if (w->open) {
		assert_int_equal(eventfd_write(w->stop, 1), 0);
		assert_int_equal(pthread_join(w->thread, NULL), 0);
		fd_close(w->listener);
		fd_close(w->stop);
	}
	json_decref(w->requests);
	support_tmpdir_remove(w->dir);
	free(w);
	return 0;
}

json_t *world_request(struct world *w, size_t n)
{
	return json_array_get(w->requests, n);
}

/* The line with the world's folder in place of each "%d". */
static void in_world(const struct world *w, const char *line, char *to, size_t cap)
{
	size_t n = 0;

	for (; *line; line++) {
		bool here = !strncmp(line, "%d", 2);

		n += num_size(snprintf(to + n, cap - n, "%.*s",
				       here ? num_int(strlen(w->dir)) : 1,
				       here ? w->dir : line));
		assert_true(n < cap);
		line += here;
	}
}

void world_vaults(const struct world *w, const char *vaults)
{
	char text[2048] = "";

	in_world(w, vaults, text, sizeof text);
	put(w->dir, "vault.conf", text);
}

static struct output run(struct world *w, const char *line, const char *password,
			 const char *const *answers)
{
	struct output o = {0};
	size_t nout, nerr;
	struct session s = {.out = open_memstream(&o.out, &nout),
			    .err = open_memstream(&o.err, &nerr)};
	char text[4096] = "";

	assert_true(s.out && s.err);
	in_world(w, line, text, sizeof text);
	s.opt.value[OPT_CONFIG] = w->dir;
	s.opt.value[OPT_PASSWORD_FILE] = password;
	fake.terminal = answers ? s.out : NULL;
	fake.answers = answers;
	o.code = prompt_line(&s, text);
	fake.terminal = NULL;
	if (fake.answers && *fake.answers)
		fail_msg("was not asked for: %s", *fake.answers);
	(void)fclose(s.out);
	(void)fclose(s.err);
	return o;
}

struct output world_run(struct world *w, const char *line)
{
	char password[512];

	(void)snprintf(password, sizeof password, "%s/password", w->dir);
	return run(w, line, password, NULL);
}

struct output world_talk(struct world *w, const char *line,
			 const char *const *answers)
{
	return run(w, line, NULL, answers);
}

void output_clear(struct output *o)
{
	free(o->out);
	free(o->err);
}

char *squeezed(const char *text)
{
	char *to = malloc(strlen(text) + 1);
	size_t n = 0;

	assert_non_null(to);
	for (; *text; text++) {
		bool blank = strchr(" \t\n", *text) != NULL;

		if (!blank)
			to[n++] = *text;
		else if (n && to[n - 1] != ' ')
			to[n++] = ' ';
	}
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = '\0';
	return to;
}

void check_squeezed(const char *out, const char *expected)
{
	char *a = squeezed(out), *b = squeezed(expected);

	assert_string_equal(a, b);
	free(a);
	free(b);
}
