/*
 * tvs in a storm: TLS handshakes of a running cluster's TVS, beside OpenSSL servers
 * that do nothing else. Clients and servers share this machine, and both sides have
 * the same clients.
 */
#include "itlbench.h"
#include "bench.h"
#include "base/num.h"
#include "base/sock.h"
#include "config.h" /* keyd's: the very token */
#include "hsm/module.h"
#include "keyd/client.h"
#include "tlsload.h"
#include "tlsserver.h"
#include "tvsconf.h"
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLIENTS_PER_LOOP 2 /* so that no thread waits for work */

enum server { TVS, TOKEN, MEMORY, OPENSSL, SERVERS };

static const struct compared {
	enum server bare;
	int version;
	bool resumed;
	double goal;
	const char *name;
} rows[] = {
	{TOKEN, TLS1_2_VERSION, false, 0.85, "full handshakes, TLS 1.2, key by libp11"},
	{TOKEN, TLS1_3_VERSION, false, 0.85, "full handshakes, TLS 1.3, key by libp11"},
	{MEMORY, TLS1_2_VERSION, false, 0.60, "full handshakes, TLS 1.2, key in memory"},
	{MEMORY, TLS1_3_VERSION, false, 0.60, "full handshakes, TLS 1.3, key in memory"},
	{OPENSSL, TLS1_2_VERSION, true, 0.90, "resumed, TLS 1.2, openssl s_server"},
	{OPENSSL, TLS1_3_VERSION, true, 0.90, "resumed, TLS 1.3, openssl s_server"},
};

struct storm {
	struct keyd_config *keyd;
	struct tvs_conf *tvs;
	const struct tvs_listener *listener;
	struct keyd_key *keys;
	size_t nkeys;
	char module[PATH_MAX], token[33], label[LABEL_MAX];
	struct tls_server servers[SERVERS]; /* TVS: not ours, the port alone */
	unsigned clients;
	pid_t tvs_pid, keyd_pid; /* 0: not known */
};

static void storm_clear(struct storm *s)
{
	for (size_t i = 0; i < SERVERS; i++)
		tls_server_stop(&s->servers[i]);
	keyd_keys_free(s->keys, s->nkeys);
	tvs_conf_free(s->tvs);
	keyd_config_free(s->keyd);
}

static enum rc find_listener(struct storm *s, struct err *e)
{
	const char *publisher = s->keyd->cluster->publisher;

	for (size_t i = 0; i < s->tvs->nlisteners; i++)
		if (!strcmp(s->tvs->listeners[i].node->id, publisher)) {
			s->listener = &s->tvs->listeners[i];
			s->servers[TVS].port = s->listener->node->tvs_port;
			return RC_OK;
		}
	return err_set(e, RC_NOTFOUND, "itlbench tvs", "runs no TVS", NULL,
		       "the publisher, node %s", publisher);
}

/* Which token keyd uses, and which key in it is the listener's. */
static enum rc find_key(struct storm *s, X509 **cert, struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	const struct keyd_key *key;
	struct keyd_status status;
	char path[CLUSTER_PATH_MAX];

	cluster_path(s->keyd->cluster, PATH_KEYD_SOCKET, path);
	if (keyd_open(path, &k, e) || keyd_status(k, &status, e) ||
	    keyd_keys(k, &s->keys, &s->nkeys, e))
		return e->rc;
	key = keyd_key_current(s->keys, s->nkeys, UNIT_TVS, s->listener->node->id);
	if (!key)
		return err_set(e, RC_NOTFOUND, "itlbench tvs", "has no TVS key", NULL, "node %s",
			       s->listener->node->id);
	label_text(&key->label, s->label);
	(void)snprintf(s->token, sizeof s->token, "%s", status.token);
	*cert = key->cert;
	return hsm_module_path(s->keyd->module, s->module, e);
}

/* Whose time counts. keyd is who listens, unless systemd does it for it. */
static void find_processes(struct storm *s)
{
	char path[CLUSTER_PATH_MAX];
	struct sock_peer peer;
	json_t *status;
	struct err e;
	int fd = -1;

	cluster_path(s->keyd->cluster, PATH_TVS_STATUS, path);
	status = json_load_file(path, 0, NULL);
	s->tvs_pid = (pid_t)json_integer_value(json_object_get(status, "pid"));
	json_decref(status);
	cluster_path(s->keyd->cluster, PATH_KEYD_SOCKET, path);
	if (sock_connect(path, &fd, &e) == RC_OK && sock_peer(fd, &peer, &e) == RC_OK)
		s->keyd_pid = peer.pid;
	fd_close(fd);
}

static enum rc start_servers(struct storm *s, const char *pin_file, X509 *cert, struct err *e)
{
	const struct tls_server_token token = {s->module, s->token, s->label, pin_file, cert};
	unsigned bits = (unsigned)EVP_PKEY_get_bits(X509_get0_pubkey(cert));

	if (tls_server_start(&token, 0, s->tvs->loops, &s->servers[TOKEN], e) ||
	    tls_server_start(NULL, bits, s->tvs->loops, &s->servers[MEMORY], e))
		return e->rc;
	return tls_server_openssl(bits, &s->servers[OPENSSL], e);
}

/* ---- a row ---- */

struct side {
	struct tls_load load;
	unsigned clients;
	pid_t pids[2];    /* of the server; 0: none */
	double processor; /* seconds of it for each handshake, of all turns */
};

static double processor_of(const struct side *s)
{
	double all = 0;

	for (size_t i = 0; i < COUNT_OF(s->pids); i++) {
		clockid_t clock;

		if (s->pids[i] > 0 && clock_getcpuclockid(s->pids[i], &clock) == 0)
			all += bench_clock(clock);
	}
	return all;
}

static enum rc measure_side(void *arg, double seconds, double *rate, struct err *e)
{
	struct side *s = arg;
	double before = processor_of(s);

	if (bench_rate(tls_load_step, &s->load, s->clients, seconds, rate, e))
		return e->rc;
	s->processor += (processor_of(s) - before) / (*rate * seconds);
	return RC_OK;
}

/* With others on the machine that is truer than a rate. */
static void print_processor(const struct side *bare, const struct side *tvs)
{
	(void)printf("processor for each: bare server %.0f us, tvs and keyd %.0f us; ratio %.2f\n",
		     bare->processor * 1e6 / BENCH_TURNS, tvs->processor * 1e6 / BENCH_TURNS,
		     tvs->processor > 0 ? bare->processor / tvs->processor : 0);
}

static enum rc compare(const struct storm *s, const struct compared *row, double seconds,
		       struct err *e)
{
	struct side bare = {.clients = s->clients, .pids = {s->servers[row->bare].pid}};
	struct side tvs = {.clients = s->clients, .pids = {s->tvs_pid, s->keyd_pid}};
	struct bench_side a = {row->name, measure_side, &bare, 0};
	struct bench_side b = {"tvs", measure_side, &tvs, 0};
	enum rc rc;

	rc = tls_load_open(&bare.load, "127.0.0.1", s->servers[row->bare].port, row->version,
			   row->resumed, e);
	if (rc == RC_OK)
		rc = tls_load_open(&tvs.load, tvs_listener_address(s->listener),
				   s->servers[TVS].port, row->version, row->resumed, e);
	if (rc == RC_OK)
		rc = bench_compare(&a, &b, seconds, e);
	tls_load_clear(&bare.load);
	tls_load_clear(&tvs.load);
	if (rc == RC_OK) {
		bench_print(&a, &b, row->goal);
		print_processor(&bare, &tvs);
	}
	(void)fflush(stdout);
	return rc;
}

static enum rc run(struct storm *s, const struct settings *set, struct err *e)
{
	X509 *cert = NULL;

	if (keyd_config_read(set->config, &s->keyd, e) ||
	    tvs_conf_read(set->config, s->keyd->cluster, &s->tvs, e) || find_listener(s, e) ||
	    find_key(s, &cert, e) || start_servers(s, set->pin_file, cert, e))
		return e->rc;
	find_processes(s);
	s->clients = CLIENTS_PER_LOOP * s->tvs->loops;
	(void)printf("threads of each server but s_server: %u; clients at a time: %u\n",
		     s->tvs->loops, s->clients);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (compare(s, &rows[i], set->seconds, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

enum rc measure_tvs(const struct settings *set, struct err *e)
{
	struct storm s = {0};
	enum rc rc = run(&s, set, e);

	storm_clear(&s);
	return rc;
}
