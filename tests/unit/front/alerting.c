#include "alerting.h"
#include "base/file.h"
#include "base/hex.h"
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int log_fd = -1;
char heard_last[2048];

void listen_syslog(struct fixture *f)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memcpy(at.sun_path, f->syslog, strlen(f->syslog) + 1);
	assert_int_equal(bind(log_fd, (struct sockaddr *)&at, sizeof at), 0);
}

unsigned heard(const char *what)
{
	unsigned n = 0;
	ssize_t r;

	while ((r = recv(log_fd, heard_last, sizeof heard_last - 1, 0)) > 0) {
		heard_last[r] = '\0';
		n += strstr(heard_last, what) != NULL;
	}
	return n;
}

json_t *ask(struct fixture *f, const char *what)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s}", "do", what), &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	return r;
}

unsigned look(struct fixture *f, const char *what)
{
	json_decref(ask(f, "alerts-check"));
	return heard(what);
}

json_t *alert(struct fixture *f, const char *name)
{
	json_t *r = ask(f, "alerts"), *a, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(r, "alerts"), i, a)
		if (!found && !strncmp(json_string_value(json_object_get(a, "name")),
				       name, strlen(name)))
			found = json_incref(a);
	json_decref(r);
	return found;
}

bool stands(struct fixture *f, const char *name)
{
	json_t *a = alert(f, name);

	json_decref(a);
	return a != NULL;
}

static int start_with(void **state, bool syslog)
{
	struct fixture *f;

	if (geteuid() != 0)
		return 0;
	fake_keyd_start();
	f = fixture_new("");
	*state = f;
	if (syslog)
		listen_syslog(f);
	fixture_front(f, true);
	return 0;
}

int alerting_start(void **state)
{
	return start_with(state, true);
}

int alerting_start_silent(void **state)
{
	return start_with(state, false);
}

int alerting_stop(void **state)
{
	fd_close(log_fd);
	log_fd = -1;
	return fixture_stop(state);
}

void restart(struct fixture *f)
{
	fixture_front(f, false);
	fixture_front(f, true);
}

void objects_folder(struct fixture *f, char to[256])
{
	snprintf(to, 256, "%s/vault", f->dir);
}

void object_path(struct fixture *f, const char *name, char to[512])
{
	snprintf(to, 512, "%s/vault/%s", f->dir, name);
}

void object_put(struct fixture *f, const char *name, const char *content)
{
	char path[512];
	struct err e;

	object_path(f, name, path);
	assert_ok(file_replace(path, bytes_of_text(content), 0600, &e), &e);
}

static void digest_of(const char *content, uint8_t digest[VAULT_DIGEST_LEN])
{
	crypto_generichash(digest, VAULT_DIGEST_LEN, (const uint8_t *)content,
			   strlen(content), NULL, 0);
}

json_t *proved(struct fixture *f, const char *name, const char *content,
		      const char *member, json_t *value, struct err *e)
{
	char folder[256], hex[2 * VAULT_DIGEST_LEN + 1];
	uint8_t digest[VAULT_DIGEST_LEN];
	json_t *request;

	objects_folder(f, folder);
	digest_of(content, digest);
	request = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:I}", "do",
			    "backup-proved", "vault", folder, "name", name, "digest",
			    hex_of(bytes_of(digest, sizeof digest), hex, sizeof hex),
			    "bytes", (json_int_t)strlen(content), "plain", 0, "route",
			    "cbc-pad", "made", (json_int_t)1000);
	if (member)
		json_object_set_new(request, member, value);
	return fixture_ask(f, request, e);
}

void prove(struct fixture *f, const char *name, const char *content, uid_t uid)
{
	uint8_t digest[VAULT_DIGEST_LEN], claim[VAULT_DIGEST_LEN];
	char folder[256];

	objects_folder(f, folder);
	digest_of(content, digest);
	vault_claim(folder, name, digest, claim);
	fake_keyd_prove(claim, uid);
}

void back_up(struct fixture *f, const char *name, const char *content)
{
	struct err e = {0};
	json_t *r;

	prove(f, name, content, geteuid());
	r = proved(f, name, content, NULL, NULL, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
}
