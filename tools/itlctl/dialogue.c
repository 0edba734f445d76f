#include "itlctl/dialogue.h"
#include "itlctl/answer.h"
#include "base/num.h"
#include <stdarg.h>
#include <string.h>

#define KEPT_MAX 1024 /* bytes: three lines with two host names */

struct node_lines {
	const struct cluster_node *node;
	bool done;  /* verified or failed, or not asked for */
	size_t n;
	char kept[KEPT_MAX]; /* lines that may not be printed yet */
};

struct dialogue {
	FILE *out;
	const struct cluster *cluster;
	bool all;   /* nodes, not one: files are transferred */
	bool ctl;   /* it is the CTL, no ITL */
	const char *what; /* is transferred: "reset ITL", "previous ITL", "CTL" */
	size_t now; /* the node whose lines are printed as they come */
	size_t nnodes;
	struct node_lines nodes[CLUSTER_MAX_NODES];
};

struct dialogue *dialogue_new(FILE *out, const struct cluster *c,
			      const struct cluster_node *only)
{
	struct dialogue *d = calloc(1, sizeof *d);
	const struct cluster_node *n;

	if (!d)
		return NULL;
	d->out = out;
	d->cluster = c;
	d->all = only == NULL;
	d->what = "reset ITL";
	while ((n = cluster_node_at(c, d->nnodes)))
		d->nodes[d->nnodes++] =
			(struct node_lines){.node = n, .done = n != only};
	return d;
}

/* Print what the nodes before and at `now` have, and go on to the first that
 * is not done. */
static void advance(struct dialogue *d)
{
	for (; d->now < d->nnodes; d->now++) {
		struct node_lines *l = &d->nodes[d->now];

		(void)fwrite(l->kept, 1, l->n, d->out);
		l->n = 0;
		if (!l->done)
			break;
	}
	(void)fflush(d->out);
}

void dialogue_free(struct dialogue *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->nnodes; i++)
		d->nodes[i].done = true;
	advance(d);
	free(d);
}

static struct node_lines *find(struct dialogue *d, const char *name)
{
	for (size_t i = 0; i < d->nnodes; i++)
		if (!strcmp(d->nodes[i].node->id, name) ||
		    !strcmp(d->nodes[i].node->host, name))
			return &d->nodes[i];
	return NULL;
}

static void say(struct node_lines *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct node_lines *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->kept + l->n, sizeof l->kept - l->n, fmt, ap);
	va_end(ap);
	if (n > 0 && num_size(n) < sizeof l->kept - l->n)
		l->n += num_size(n);
}

static void servers(struct dialogue *d, const json_t *hosts)
{
	json_t *host;
	size_t i, printed = 0;

	json_array_foreach(hosts, i, host) {
		const char *name = json_string_value(host);
		struct node_lines *l = name ? find(d, name) : NULL;

		if (l)
			l->done = false; /* it will report */
	}
	(void)fprintf(d->out,
		      "\nLocating active Tftp servers in the cluster.....\n\n"
		      "Following is the list of Active tftp servers in the cluster\n\n[");
	for (i = 0; i < d->nnodes; i++)
		if (!d->nodes[i].done)
			(void)fprintf(d->out, "%s'%s'", printed++ ? ", " : "",
				      d->nodes[i].node->host);
	(void)fprintf(d->out, "]\n");
}

/* A node may get its other list too, which is none of the dialogue's. */
static void transferred(const struct dialogue *d, const char *file,
			struct node_lines *l)
{
	if (!d->all || l->node == cluster_publisher(d->cluster) ||
	    d->ctl != !strcmp(file, "ctl"))
		return;
	say(l, "Successfully transferred %s to node %s\n\n", d->what, l->node->host);
}

/* Signed again; what could not be, the command says at its end. */
static void files(const json_t *f, struct node_lines *l)
{
	int64_t all = answer_int(f, "all"), refused = answer_int(f, "refused");

	if (answer_int(f, "done") == all && all > refused)
		say(l, "The signed files on host %s are of its new certificate: %lld\n",
		    l->node->host, (long long)(all - refused));
}

static void node_event(const struct dialogue *d, const json_t *event,
		       struct node_lines *l)
{
	const char *name = answer_text(event, "event"), *host = l->node->host;

	if (!strcmp(name, "transferred"))
		transferred(d, answer_text(event, "file"), l);
	else if (!strcmp(name, "files"))
		files(json_object_get(event, "files"), l);
	else if (!strcmp(name, "restarting"))
		say(l, "Restarting Cisco Tftp service on host %s\n", host);
	else if (!strcmp(name, "restarted"))
		say(l, "Cisco Tftp service restarted on host %s\n", host);
	else if (!strcmp(name, "verified") || !strcmp(name, "failed"))
		l->done = true;
}

void dialogue_missing(FILE *out, const json_t *event)
{
	char text[1200];

	if (!strcmp(answer_text(event, "event"), "missing"))
		(void)fprintf(out, "Missing host %s: %s\n",
			      answer_text(event, "host"),
			      answer_any(event, "error", text, sizeof text));
}

void dialogue_event(void *arg, json_t *event)
{
	struct dialogue *d = arg;
	const char *name = answer_text(event, "event");
	struct node_lines *l = find(d, answer_text(event, "node"));

	if (!strcmp(name, "missing")) {
		dialogue_missing(d->out, event);
	} else if (!strcmp(name, "servers")) {
		servers(d, json_object_get(event, "hosts"));
	} else if (!strcmp(name, "generated")) {
		d->ctl = !strcmp(answer_text(event, "kind"), "ctl");
		if (d->ctl)
			d->what = "CTL";
		(void)fprintf(d->out, "The %s file was generated successfully\n\n\n",
			      d->what);
	} else if (!strcmp(name, "transferring")) {
		(void)fprintf(d->out,
			      "Transferring new %s file to the TFTP server nodes in the cluster.........\n\n",
			      d->what);
	} else if (!strcmp(name, "restoring")) {
		d->what = "previous ITL";
		(void)fprintf(d->out,
			      "\n\nTransferring previous ITL files to the TFTP server nodes in the cluster.........\n\n");
	} else if (l) {
		node_event(d, event, l);
		advance(d);
		return;
	}
	(void)fflush(d->out);
}

enum rc dialogue_call(struct ctl *c, const struct cluster_node *only, json_t *request,
		      json_t **result, struct err *e)
{
	struct dialogue CLEANUP(dialogue_free) *d = NULL;

	if (c->json)
		return ctl_call(c, request, ctl_event_json, c, result, e);
	d = dialogue_new(c->out, c->cluster, only);
	if (!d) {
		json_decref(request);
		return err_set(e, RC_ERROR, "dialogue", "out of memory", NULL, "itlctl");
	}
	return ctl_call(c, request, dialogue_event, d, result, e);
}
