#include "fixture.h"
#include "base/file.h"
#include "base/num.h"
#include "cluster/restart.h"
#include "fake-keyd.h"
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void make_dir(struct fixture *f, const char *name, mode_t mode)
{
	char path[256];
	struct err e;

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	assert_ok(file_make_dir(path, mode, (uid_t)-1, (gid_t)-1, &e), &e);
}

static void write_conf(struct fixture *f, const char *extra)
{
	char path[256], text[2048];
	struct err e;

	snprintf(text, sizeof text,
		 "[cluster]\nname = test10\npublisher = n1\ndomain = lab\n"
		 "run = %s/run\nstate-dir = %s/state\nfront-user = root\n"
		 "keyd-user = root\ntvs-user = root\ngroup = root\n"
		 "put-seconds = 5\nrestart-seconds = 1\nfetch-seconds = 3\n%s\n"
		 "[node n1]\nhost = test10pub\naddress = 127.0.0.1\n"
		 "folder = %s\ntftp-port = %u\nrestart = /bin/true\n"
		 "[node n2]\nhost = test10sub\naddress = 127.0.0.1\n"
		 "folder = %s\ntftp-port = %u\nrestart = /bin/true\n"
		 "[node n3]\nhost = test10tvs\naddress = 127.0.0.1\ntftp = no\n",
		 f->dir, f->dir, extra, f->folder[0], f->tftpd[0].port, f->folder[1],
		 f->tftpd[1].port);
	snprintf(path, sizeof path, "%s/cluster.conf", f->dir);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
	assert_ok(cluster_read(f->dir, &f->cluster, &e), &e);
}

/* What itlkeeperd does, without a command. */
static void answer(struct fixture *f, const char *name, int status,
		   volatile unsigned *count)
{
	char request[256], path[256], text[128];
	uint8_t CLEANUP_FREE *nonce = NULL;
	struct err e;
	size_t n = 0;

	snprintf(request, sizeof request, "%s/run/restart/%s", f->dir, name);
	snprintf(path, sizeof path, "%s/run/restarted/%s", f->dir, name);
	if (f->root_deaf || file_read(request, 100, &nonce, &n, &e) != RC_OK ||
	    n != 33)
		return;
	(void)unlink(request);
	++*count;
	snprintf(text, sizeof text, "%.32s\n%d\n%s\n", nonce, status,
		 status ? "no such service" : "");
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

static void *root_run(void *arg)
{
	struct fixture *f = arg;

	while (!f->root_end) {
		answer(f, "n1", f->status[0], &f->bounces[0]);
		answer(f, "n2", f->status[1], &f->bounces[1]);
		answer(f, RESTART_PHONES, f->phone_status, &f->phone_resets);
		usleep(5000);
	}
	return NULL;
}

struct fixture *fixture_new(const char *extra)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->dir = support_tmpdir();
	assert_int_equal(chmod(f->dir, 0711), 0);
	make_dir(f, "run", 0755);
	make_dir(f, "run/front", 0755);
	make_dir(f, "run/restart", 0755);
	make_dir(f, "run/restarted", 0755);
	make_dir(f, "state", 0755);
	make_dir(f, "state/front", 0750);
	make_dir(f, "state/trust", 0755);
	for (int i = 0; i < 2; i++) {
		snprintf(f->folder[i], sizeof f->folder[i], "%s/tftp%d", f->dir, i + 1);
		make_dir(f, strrchr(f->folder[i], '/') + 1, 0755);
		fixture_tftpd(f, i, true);
	}
	write_conf(f, extra);
	snprintf(f->syslog, sizeof f->syslog, "%s/syslog", f->dir);
	f->wall = time(NULL);
	f->mono = 1000;
	strcpy(f->boot, "first");
	/* Room for those too of which front has not yet seen that they closed. */
	f->conf = (struct front_conf){.connections = 64, .per_user = 48,
				      .silent_seconds = 20, .retry_seconds = 1,
				      .syslog = f->syslog};
	assert_int_equal(pthread_create(&f->root_thread, NULL, root_run, f), 0);
	return f;
}

void fixture_free(struct fixture *f)
{
	fixture_front(f, false);
	f->root_end = true;
	pthread_join(f->root_thread, NULL);
	for (int i = 0; i < 2; i++)
		fixture_tftpd(f, i, false);
	cluster_free(f->cluster);
	vault_conf_free(f->vaults);
	support_tmpdir_remove(f->dir);
	free(f);
}

int fixture_stop(void **state)
{
	if (*state)
		fixture_free(*state);
	fake_keyd_stop();
	return 0;
}

void fixture_tftpd(struct fixture *f, int node, bool run)
{
	struct server *s = &f->tftpd[node];

	if (!run)
		server_stop(s);
	else if (!s->pid)
		*s = server_tftp(f->folder[node], s->port);
}

static void *door_run(void *arg)
{
	struct fixture *f = arg;
	struct err e;

	if (door_serve(f->door, f->door_end, &e) != RC_OK)
		abort();
	return NULL;
}

static int64_t read_wall(void *arg)
{
	return ((struct fixture *)arg)->wall;
}

static double read_mono(void *arg)
{
	return (double)((struct fixture *)arg)->mono;
}

void fixture_pass(struct fixture *f, int64_t seconds)
{
	f->wall += seconds;
	f->mono += seconds;
}

void fixture_set_back(struct fixture *f, int64_t seconds)
{
	f->wall -= seconds;
}

void fixture_front(struct fixture *f, bool run)
{
	const struct front_clock clock = {read_wall, read_mono, f, f->boot};
	struct err e;

	if (run && !f->service) {
		struct service_setup setup = {f->cluster, &f->conf, NULL, &clock, f->dir};

		vault_conf_free(f->vaults);
		f->vaults = NULL;
		assert_ok(vault_conf_read(f->dir, &f->vaults, &e), &e);
		setup.vaults = f->vaults;
		assert_ok(service_start(&setup, &f->service, &e), &e);
		assert_ok(door_open(f->service, &f->door, &e), &e);
		f->door_end = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(pthread_create(&f->door_thread, NULL, door_run, f), 0);
	} else if (!run && f->service) {
		(void)!eventfd_write(f->door_end, 1);
		pthread_join(f->door_thread, NULL);
		service_halt(f->service);
		door_free(f->door);
		service_stop(f->service);
		close(f->door_end);
		f->service = NULL;
	}
}

static void keep_event(void *arg, json_t *event)
{
	json_array_append(arg, event);
}

json_t *fixture_ask_events(struct fixture *f, json_t *request, json_t **events,
			   struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	struct front *door = NULL;
	json_t *result = NULL;

	cluster_path(f->cluster, PATH_FRONT_SOCKET, path);
	*events = json_array();
	if (front_open(path, &door, e) == RC_OK &&
	    front_call(door, request, keep_event, *events, &result, e) != RC_OK)
		result = NULL;
	front_free(door);
	json_decref(request);
	return result;
}

json_t *fixture_ask(struct fixture *f, json_t *request, struct err *e)
{
	json_t *events, *result = fixture_ask_events(f, request, &events, e);

	json_decref(events);
	return result;
}

json_t *fixture_node(struct fixture *f, int node)
{
	struct err e;
	json_t *status = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e);
	json_t *out;

	assert_ok(status ? RC_OK : e.rc, &e);
	out = json_incref(json_array_get(json_object_get(status, "nodes"),
					 (size_t)node));
	json_decref(status);
	return out;
}

void fixture_wait_settled(struct fixture *f, int node, bool settled)
{
	/* Ends with the test's own time limit, if not before. */
	for (;;) {
		json_t *n;
		bool tried;

		pthread_mutex_lock(&f->service->lock);
		tried = f->service->loops[node].answered > 0;
		pthread_mutex_unlock(&f->service->lock);
		n = fixture_node(f, node);
		bool fine = json_is_null(json_object_get(n, "error")) &&
			    json_equal(json_object_get(n, "want"),
				       json_object_get(n, "have"));

		json_decref(n);
		if (tried && fine == settled)
			return;
		usleep(20000);
	}
}

void fixture_path(struct fixture *f, int node, const char *name, char path[300])
{
	snprintf(path, 300, "%s/%s", f->folder[node], name);
}

struct bytes fixture_read(struct fixture *f, int node, const char *name)
{
	char path[300];
	uint8_t *list = NULL;
	struct err e;
	size_t n = 0;

	fixture_path(f, node, name, path);
	if (file_read(path, 70000, &list, &n, &e) != RC_OK)
		return bytes_of(NULL, 0);
	return bytes_of(list, n);
}

void fixture_write(struct fixture *f, int node, const char *name, struct bytes content)
{
	char path[300];
	struct err e;

	fixture_path(f, node, name, path);
	assert_ok(file_replace(path, content, 0644, &e), &e);
}

struct bytes fixture_served(struct fixture *f, int node)
{
	return fixture_read(f, node, "ITLFile.tlv");
}

void fixture_serve(struct fixture *f, int node, struct bytes list)
{
	fixture_write(f, node, "ITLFile.tlv", list);
}
