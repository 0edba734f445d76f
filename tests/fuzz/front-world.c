/* Their headers declare what the linker has front call (wrap, in CMakeLists.txt). */
#define tvs_ask_all __wrap_tvs_ask_all
#define sock_send __wrap_sock_send
#define node_fetch __wrap_node_fetch
#define node_probe __wrap_node_probe
#define loops_work __wrap_loops_work

#include "front-world.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/num.h"
#include "tvs_answers.h"
#include "tvs_ask.h"
#include "fake-keyd.h"
#include "heads.h"
#include "lists.h"
#include "loop.h"
#include "node.h"
#include "scratch.h"
#include "store_sql.h"
#include "vaults.h"
#include "watch.h"
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define ANSWERS_MAX (1u << 20)
#define STATE "state/front/state.db"

struct service *world;
bool world_nodes_fail;

static bool ours; /* a thread is the service's: libFuzzer has made its own before */

static struct cluster *cluster, *next_cluster;
static struct vault_conf no_vaults;
static uint8_t *state; /* the file, as each input finds it */
static size_t state_n;
static int64_t rows_before;

static char answers[ANSWERS_MAX];
static size_t answers_n, messages;

/* What n1 and n2 serve. */
static struct file {
	uint8_t bytes[16u << 10];
	size_t n; /* 0: no such file */
} files[2][FILE_COUNT], files_before[2][FILE_COUNT];
static unsigned served;

/* ---- wrapped ---- */

/* No TVS runs here. */
void tvs_ask_all(struct service *s, struct err of[CLUSTER_MAX_NODES])
{
	for (size_t i = 0; i < s->cluster->nnodes; i++)
		err_set(&of[i], RC_STALE, "connect", "nobody answers", NULL, "%s",
			s->cluster->nodes[i].host);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *),
			  void *arg);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *),
			  void *arg);
int __wrap_pthread_join(pthread_t t, void **out);
int __real_pthread_join(pthread_t t, void **out);

enum rc sock_send(int fd, struct bytes message, int pass, int flags, struct err *e)
{
	(void)fd, (void)flags, (void)e;
	if (pass >= 0 || message.n == 0 || message.n > SOCK_MESSAGE_MAX ||
	    memchr(message.p, 0, message.n) || answers_n + message.n + 1 > sizeof answers)
		abort();
	memcpy(answers + answers_n, message.p, message.n);
	answers_n += message.n;
	answers[answers_n++] = '\0';
	messages++;
	return RC_OK;
}

static struct file *file_of(const struct cluster_node *n, enum served_file f)
{
	return &files[!strcmp(n->id, "n2")][f];
}

enum rc node_fetch(struct service *s, const struct cluster_node *n, const char *name,
			  uint8_t **out, size_t *len, struct err *e)
{
	const struct file *f = file_of(n, strcmp(name, ITL_FILE) ? FILE_CTL : FILE_ITL);
	char words[303] = "xx";

	for (size_t i = 0; i < 100; i++)
		memcpy(words + 2 + 3 * i, "\xe2\x82\xac", 4);
	(void)s;
	if (world_nodes_fail) /* too long, and cut within a character */
		return err_set(e, RC_STALE, "fetch", words, NULL, "%s", n->host);
	if (!f->n)
		return err_set(e, RC_NOTFOUND, "fetch", "no such file", NULL, "%s", name);
	*out = malloc(f->n);
	if (!*out)
		abort();
	memcpy(*out, f->bytes, f->n);
	*len = f->n;
	return RC_OK;
}

enum rc node_probe(struct service *s, const struct cluster_node *n,
			  struct node_key *key, struct err *e)
{
	(void)s, (void)e;
	*key = (struct node_key){.unknown = !strcmp(n->id, "n2"), .type = "ssh-ed25519"};
	return RC_OK;
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *),
			  void *arg)
{
	if (!ours)
		return __real_pthread_create(t, a, run, arg);
	*t = pthread_self();
	(void)run(arg); /* it ends: the service is being stopped, or it is a probe */
	return 0;
}

int __wrap_pthread_join(pthread_t t, void **out)
{
	return ours ? 0 : __real_pthread_join(t, out);
}

static void must(enum rc rc)
{
	if (rc != RC_OK)
		abort();
}

/* As loop.c does it, of a node that always answers. */
static void serve(struct service *s, const struct cluster_node *n)
{
	struct target t;
	struct err e;

	must(store_target(s->store, n->id, &t, &e));
	for (enum served_file f = 0; f < FILE_COUNT; f++) {
		const struct served *v = target_served(&t, f);
		struct list CLEANUP(list_clear) l = {0};
		struct file *file = file_of(n, f);

		if (!v->want[0] || !strcmp(v->want, v->have))
			continue;
		must(store_list(s->store, v->want, &l, &e));
		if (l.n > sizeof file->bytes)
			abort();
		memcpy(file->bytes, l.bytes, l.n);
		file->n = l.n;
		served++;
		must(store_have(s->store, n->id, f, &l, &e));
	}
	must(store_attempt(s->store, n->id, t.bounce, NULL, 0, &e));
}

enum rc loops_work(struct service *s, struct loop *const *loops, size_t n,
			  void (*event)(void *arg, json_t *event), void *arg, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < n; i++) {
		serve(s, loops[i]->node);
		loops[i]->answered = ++loops[i]->asked;
		loops[i]->last = (struct err){0};
		if (event)
			event(arg, json_pack("{s:s, s:s, s:s}", "event", "verified", "node",
					     loops[i]->node->id, "host",
					     loops[i]->node->host));
	}
	return RC_OK;
}

/* ---- once ---- */

static int64_t wall(void *arg)
{
	(void)arg;
	return (int64_t)time(NULL);
}

static double mono(void *arg)
{
	(void)arg;
	return 1000;
}

static void read_cluster(const char *name, const char *n2, struct cluster **out)
{
	char text[1024], path[PATH_MAX];
	struct err e;

	(void)snprintf(text, sizeof text,
		       "[cluster]\nname=test10\npublisher=n1\ndomain=lab\nrun=%s/run\n"
		       "state-dir=%s/state\ngroup=root\n"
		       "[node n1]\nhost=test10pub\naddress=192.0.2.1\nfolder=/a\nrestart=:\n"
		       "[node n2]\nhost=test10sub\naddress=192.0.2.2\nfolder=/b\nrestart=:\n%s"
		       "[node n3]\nhost=test10tvs\naddress=192.0.2.3\ntftp=no\n",
		       scratch_dir(), scratch_dir(), n2);
	scratch_write(name, bytes_of_text(text));
	scratch_path(name, path);
	must(cluster_read_file(path, out, &e));
}

static void open_state(void)
{
	char path[PATH_MAX];
	struct keyd_key *keys = NULL;
	struct err e;
	size_t n = 0;

	scratch_path(STATE, path);
	must(store_open(path, &world->store, &e));
	must(service_keys(world, &keys, &n, &e)); /* the cache is what it shall be */
	keyd_keys_free(keys, n);
	rows_before = sqlite3_total_changes64(world->store->db);
}

static void make_service(void)
{
	struct service *s = calloc(1, sizeof *s);
	struct err e;

	if (!s)
		abort();
	world = s;
	s->cluster = cluster;
	s->dir = scratch_dir();
	s->conf = (struct front_conf){.connections = 1, .per_user = 1, .retry_seconds = 1,
				      .syslog = strdup("/nonexistent")};
	s->vaults = &no_vaults;
	s->clock = (struct front_clock){wall, mono, NULL, "boot"};
	s->group = WORLD_GROUP;
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->phones, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
	for (size_t i = 0; i < 2; i++)
		s->loops[s->nloops++] = (struct loop){.service = s, .node = &cluster->nodes[i], .asked = 1,
						      .answered = 1};
	open_state();
	s->stopping = true; /* its threads end as they begin */
	must(tvs_answers_start(s, &e));
	must(watch_start(s, &e));
	must(vaults_start(s, &e));
	s->stopping = false;
}

static void ask(const char *text)
{
	struct call c = {.service = world};

	door_answer(&c, text, strlen(text));
	if (strstr(answers + answers_n - 2, "error"))
		abort();
}

/* Both nodes serve their own lists; nothing else has happened. */
static void keep_state(void)
{
	char path[PATH_MAX];
	struct err e;

	ask("{\"do\":\"tftp-restart\",\"node\":\"n1\"}");
	ask("{\"do\":\"tftp-restart\",\"node\":\"n2\"}");
	if (served != 2)
		abort();
	memcpy(files_before, files, sizeof files);
	store_free(world->store); /* all is in the one file */
	scratch_path(STATE, path);
	must(file_read(path, 4u << 20, &state, &state_n, &e));
	open_state();
	fake_keyd_keep();
}

static void start_once(void)
{
	if (world)
		return;
	scratch_mkdir("run");
	scratch_mkdir("state");
	scratch_mkdir("state/front");
	read_cluster(CLUSTER_FILE, "", &cluster);
	read_cluster(CLUSTER_NEXT_FILE, "tftp=no\n", &next_cluster);
	fake_keyd_start();
	fake_keyd_renew(UNIT_CAPF, "test10");
	make_service();
	keep_state();
}

/* ---- before each input ---- */

static void reset_state(void)
{
	char path[PATH_MAX];

	store_free(world->store);
	scratch_path(STATE "-wal", path);
	(void)unlink(path);
	scratch_path(STATE "-shm", path);
	(void)unlink(path);
	scratch_write(STATE, bytes_of(state, state_n));
	open_state();
}

/* Of a backup: keyd says it once, to root. */
static void reset_proof(void)
{
	static const uint8_t digest[VAULT_DIGEST_LEN];
	uint8_t claim[VAULT_DIGEST_LEN];

	vault_claim("/v", "x.envelope", digest, claim);
	fake_keyd_prove(claim, 0);
}

void world_start(void)
{
	ours = true;
	start_once();
	fake_keyd = (struct fake_keyd){.security = 1};
	fake_keyd_again();
	fake_keyd.quick = true;
	world_nodes_fail = false;
	if (sqlite3_total_changes64(world->store->db) != rows_before)
		reset_state();
	reset_proof();
	memcpy(files, files_before, sizeof files);
	served = 0;
	memset(&world->slips, 0, sizeof world->slips);
	memset(&world->plan, 0, sizeof world->plan);
	answers_n = messages = 0;
}

/* ---- looking ---- */

const char *world_take(size_t *n)
{
	*n = messages;
	answers_n = messages = 0;
	return answers;
}

void world_look(struct world_state *out)
{
	struct target t;
	struct err e;

	memset(out, 0, sizeof *out);
	out->rows = sqlite3_total_changes64(world->store->db);
	out->served = served;
	out->used = fake_keyd.resets + fake_keyd.generated + fake_keyd.ctls +
		    fake_keyd.rollbacks + (fake_keyd.override[0] != 0);
	out->words = fake_keyd.notes;
	for (size_t i = 0; i < 2; i++) {
		must(store_target(world->store, cluster->nodes[i].id, &t, &e));
		strcpy(out->want[i][FILE_ITL], t.itl.want);
		strcpy(out->want[i][FILE_CTL], t.ctl.want);
	}
}

const char *world_word(char letter)
{
	static char text[SHA1_HEX];

	switch (letter) {
	case 'T':
		(void)snprintf(text, sizeof text, "%lld", (long long)time(NULL));
		return text;
	case '1': /* what n1 and n2 serve now */
	case '2':
		return itl_sha1_hex(bytes_of(files[letter - '1'][FILE_ITL].bytes,
					     files[letter - '1'][FILE_ITL].n), text);
	case '3': /* what they served at first */
	case '4':
		return itl_sha1_hex(bytes_of(files_before[letter - '3'][FILE_ITL].bytes,
					     files_before[letter - '3'][FILE_ITL].n), text);
	case 'K':
		return fake_ticket;
	case 'C':
		return next_cluster->sha256;
	default:
		return NULL;
	}
}
