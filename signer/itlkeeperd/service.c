#include "service.h"
#include "cluster/change.h"
#include "cluster/program.h"
#include "base/log.h"
#include "base/proc.h"
#include "spawn.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

struct service_kind {
	const char *name;
	size_t user; /* its user's place in struct cluster */
	const char *const *keep; /* of the environment */
	const char *pin_hint;
	bool (*wanted)(const struct cluster *c); /* NULL: always */
};

#define KEEP_ALL "PATH", "LANG", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"

/* The token's library and the PIN are keyd's business alone. */
static const char *const keep_keyd[] = {KEEP_ALL, "SOFTHSM2_CONF",
					"CREDENTIALS_DIRECTORY", NULL};
static const char *const keep_front[] = {KEEP_ALL, NULL};

static const struct service_kind kinds[SERVICE_COUNT] = {
	{"keyd", offsetof(struct cluster, keyd_user), keep_keyd,
	 "see keyd's message above, write the right PIN where keyd.conf says, then restart itlkeeperd",
	 NULL},
	{"front", offsetof(struct cluster, front_user), keep_front, "", NULL},
	{"tvs", offsetof(struct cluster, tvs_user), keep_front, "", cluster_has_tvs},
};

/* Its program and its user. */
static enum rc find(const struct service_kind *kind, const struct cluster *c,
		    struct service *out, struct err *e)
{
	struct service v = {.kind = kind, .wanted = true};

	v.user = *(char *const *)(const void *)((const char *)c + kind->user);
	if (proc_sibling(kind->name, v.path, sizeof v.path, e) != RC_OK ||
	    proc_user(v.user, &v.uid, &v.gid, e) != RC_OK)
		return e->rc;
	*out = v;
	return RC_OK;
}

enum rc services_open(const struct cluster *c, const char *config,
		      struct services *out, struct err *e)
{
	struct services s = {.config = config, .cluster = c};

	for (size_t i = 0; i < SERVICE_COUNT; i++) {
		s.all[i].kind = &kinds[i];
		if ((!kinds[i].wanted || kinds[i].wanted(c)) &&
		    find(&kinds[i], c, &s.all[i], e) != RC_OK)
			return e->rc;
	}
	*out = s;
	return RC_OK;
}

/* Users stay what they were at the start; `c` may not live as long as they. */
void services_follow(struct services *s, const struct cluster *c)
{
	for (size_t i = 0; i < SERVICE_COUNT; i++) {
		struct service *v = &s->all[i];
		struct err e;

		if (!kinds[i].wanted || kinds[i].wanted(c) == v->wanted)
			continue;
		if (!v->wanted && !v->user) {
			if (find(&kinds[i], s->cluster, v, &e) != RC_OK)
				log_error("start", &e);
			continue;
		}
		v->wanted = !v->wanted;
		if (!v->wanted && v->pid)
			(void)kill(v->pid, SIGTERM);
	}
}

static enum rc start(const struct services *s, const struct service *v,
		     bool check, pid_t *pid, struct err *e)
{
	const char *const argv[] = {v->kind->name, "--config", s->config,
				    check ? "-n" : NULL, NULL};
	const struct spawn how = {.path = v->path,
				  .argv = argv,
				  .keep = v->kind->keep,
				  .user = geteuid() == 0 ? v->user : NULL,
				  .uid = v->uid,
				  .gid = v->gid,
				  .stderr_fd = -1,
				  .dies_with_us = SIGTERM};

	return spawn_start(&how, pid, e);
}

enum rc services_check(struct services *s, int *status, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < SERVICE_COUNT; i++) {
		int w = 0;
		pid_t pid;

		if (!s->all[i].wanted)
			continue;
		if (start(s, &s->all[i], true, &pid, e) != RC_OK)
			return e->rc;
		while (waitpid(pid, &w, 0) < 0)
			if (errno != EINTR)
				return err_errno(e, RC_ERROR, "wait", NULL, "%s",
						 s->all[i].kind->name);
		if (w && !first)
			first = WIFEXITED(w) ? WEXITSTATUS(w)
					     : 128 + WTERMSIG(w);
	}
	*status = first;
	return RC_OK;
}

double service_next_pause(double life, double *pause)
{
	double now = life >= SERVICE_STABLE ? 0 : *pause;

	*pause = now < 0.5 ? 0.5 : now * 2;
	if (*pause > SERVICE_MAX_PAUSE)
		*pause = SERVICE_MAX_PAUSE;
	return now;
}

void services_work(struct services *s, double *deadline)
{
	for (size_t i = 0; i < SERVICE_COUNT; i++) {
		struct service *v = &s->all[i];
		double now = proc_now();
		struct err e;

		if (v->pid || v->given_up || !v->wanted)
			continue;
		if (now >= v->next_start) {
			v->started = now;
			if (start(s, v, false, &v->pid, &e) == RC_OK) {
				log_info("event=start program=%s pid=%d user=%s",
					 v->kind->name, v->pid, v->user);
				continue;
			}
			log_error("start", &e);
			v->next_start = now + SERVICE_MAX_PAUSE;
		}
		if (v->next_start < *deadline)
			*deadline = v->next_start;
	}
}

bool services_ended(struct services *s, pid_t pid, int w)
{
	struct service *v = s->all;
	double now = proc_now(), life, pause;

	while (v < s->all + SERVICE_COUNT && v->pid != pid)
		v++;
	if (v == s->all + SERVICE_COUNT)
		return false;
	v->pid = 0;
	if (!v->wanted) {
		log_info("event=stopped program=%s pid=%d msg=\"cluster.conf has no use for it\"",
			 v->kind->name, pid);
		return true;
	}
	if (WIFEXITED(w) && WEXITSTATUS(w) == PROGRAM_EXIT_PIN) {
		v->given_up = true;
		log_warn("event=given-up program=%s status=%d msg=\"the token refused the PIN; it is not started again, so that no PIN is sent twice\" hint=\"%s\"",
			 v->kind->name, PROGRAM_EXIT_PIN, v->kind->pin_hint);
		return true;
	}
	life = now - v->started;
	/* It asked for it. Not without end, should it do so at every start. */
	if (WIFEXITED(w) && WEXITSTATUS(w) == PROGRAM_EXIT_CONFIG &&
	    life >= CLUSTER_LOOK_SECONDS) {
		v->next_start = now;
		log_info("event=restart program=%s pid=%d msg=\"it takes up the changed cluster.conf\"",
			 v->kind->name, pid);
		return true;
	}
	pause = service_next_pause(life, &v->pause);
	v->next_start = now + pause;
	log_warn("event=ended program=%s pid=%d %s=%d life=%.1f restart-in=%.1f",
		 v->kind->name, pid, WIFEXITED(w) ? "status" : "signal",
		 WIFEXITED(w) ? WEXITSTATUS(w) : WTERMSIG(w), life, pause);
	return true;
}

static void signal_all(const struct services *s, int sig)
{
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		if (s->all[i].pid)
			(void)kill(s->all[i].pid, sig);
}

static bool any_left(struct services *s)
{
	bool left = false;

	for (size_t i = 0; i < SERVICE_COUNT; i++) {
		if (s->all[i].pid &&
		    waitpid(s->all[i].pid, NULL, WNOHANG) == s->all[i].pid)
			s->all[i].pid = 0;
		left = left || s->all[i].pid;
	}
	return left;
}

void services_stop(struct services *s)
{
	const struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};
	double until = proc_now() + SERVICE_STOP_SECONDS;

	signal_all(s, SIGTERM);
	while (any_left(s) && proc_now() < until)
		(void)nanosleep(&nap, NULL);
	signal_all(s, SIGKILL);
	while (any_left(s))
		(void)nanosleep(&nap, NULL);
}
