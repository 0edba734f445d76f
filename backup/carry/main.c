/* carry: one job, and the end (carry/carry.h). */
#include "base/errjson.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "job.h"
#include "sandbox.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const struct job {
	const char *name;
	enum rc (*run)(json_t *job, struct err *e);
	bool puts; /* a file into a folder of this machine */
} jobs[] = {
	{"put", job_put, true},
	{"writable", job_writable, false},
	{"fetch", job_fetch, false},
	{"hostkey", job_hostkey, false},
	{"probe", job_probe, false},
	{"store", job_store, false},
	{"replace", job_replace, false},
	{"exec", job_exec, false},
	{"again", job_again, false},
	{"load", job_load, false},
	{"list", job_list, false},
	{"remove", job_remove, false},
	{"mail", job_mail, false},
	{"tvs", job_tvs, false},
};

static enum rc read_job(json_t **out, struct err *e)
{
	char text[CARRY_JOB_MAX + 1];
	size_t n = fread(text, 1, sizeof text, stdin);
	json_error_t je;
	json_t *job;

	if (n > CARRY_JOB_MAX)
		return err_set(e, RC_USAGE, "job", "is too long", NULL,
			       "at most %u bytes", CARRY_JOB_MAX);
	job = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(job)) {
		json_decref(job);
		return err_set(e, RC_USAGE, "job",
			       job ? "is not a JSON object" : je.text, NULL,
			       "standard input");
	}
	*out = job;
	return RC_OK;
}

/* What a job never needs is gone before it starts. */
static enum rc drop(pid_t parent, struct err *e)
{
	/* A put's file; what others bring goes through a pipe. */
	struct rlimit largest = {CARRY_CONTENT_MAX, CARRY_CONTENT_MAX};

	if (proc_harden(e) != RC_OK || sandbox_rights(e) != RC_OK)
		return e->rc;
	/* An own file that is too large fails with EFBIG instead of a signal. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &largest) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return err_errno(e, RC_ERROR, "prctl", NULL, "this process");
	if (getppid() != parent)
		return err_set(e, RC_STALE, "job", "its parent is gone", NULL,
			       "process %d", parent);
	return RC_OK;
}

static enum rc run(json_t *job, struct err *e)
{
	const char *name = json_string_value(json_object_get(job, "do"));
	json_int_t parent = json_integer_value(json_object_get(job, "parent"));
	const struct job *found = NULL;

	for (size_t i = 0; name && i < COUNT_OF(jobs); i++)
		if (!strcmp(jobs[i].name, name))
			found = &jobs[i];
	if (!found)
		return err_set(e, RC_USAGE, "job", "no such job", NULL, "%s",
			       name ? name : "\"do\"");
	if (parent < 1 || parent > INT_MAX)
		return err_set(e, RC_USAGE, "job", "no such process", NULL,
			       "\"parent\"");
	if (drop((pid_t)parent, e) != RC_OK ||
	    sandbox_calls(found->puts, e) != RC_OK)
		return e->rc;
	(void)json_object_del(job, "do");
	(void)json_object_del(job, "parent");
	return found->run(job, e);
}

static void answer(const struct err *e)
{
	json_t *j = err_json(e);

	if (j)
		(void)json_dumpf(j, stdout, JSON_COMPACT);
	json_decref(j);
}

static int usage(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("carry " ITLKEEPER_VERSION);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		puts("usage: carry [--help | --version]\n"
		     "front and those who open a vault start it, with a job on standard input:\n"
		     "itlkeeper-carry(8)");
		return 0;
	}
	fputs("usage: carry [--help | --version]\n", stderr);
	return err_exit_code(RC_USAGE);
}

int main(int argc, char **argv)
{
	json_t *job = NULL;
	struct err e = {0};
	enum rc rc;

	if (argc > 1)
		return usage(argc, argv);
	rc = read_job(&job, &e);
	if (rc == RC_OK)
		rc = run(job, &e);
	if (rc != RC_OK)
		answer(&e);
	json_decref(job);
	(void)fflush(stdout);
	/* At once: this process may not be traced, so a leak check at the end
	 * of a build that has one could only fail. */
	_exit(err_exit_code(rc));
}
