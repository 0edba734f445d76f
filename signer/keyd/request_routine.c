/*
 * Routine: parameters come in, keyd builds what it signs. There is nothing to
 * check, because nothing foreign is signed.
 */
#include "service.h"
#include "base/file.h"
#include "base/text.h"
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The certificates of an ITL, as the ring has them now. */
struct parts {
	struct held_key *callmanager, *capf, *tvs, *recovery;
	X509 *others[CLUSTER_MAX_NODES];
	size_t nothers;
};

static enum rc find_parts(struct request *q, const struct cluster_node *node,
			  struct parts *p, struct err *e)
{
	struct keyring *r = &q->service->keys;
	const struct cluster *c = q->service->config->cluster;

	if (keyring_current(r, UNIT_CALLMANAGER, node->id, &p->callmanager, e) !=
		    RC_OK ||
	    keyring_current(r, UNIT_CAPF, NULL, &p->capf, e) != RC_OK ||
	    keyring_current(r, UNIT_ITLRECOVERY, NULL, &p->recovery, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct cluster_node *n = cluster_node_at(c, i);
		struct held_key *k;

		if (!n->tvs)
			continue;
		if (keyring_current(r, UNIT_TVS, n->id, &k, e) != RC_OK)
			return e->rc;
		if (n == node)
			p->tvs = k;
		else
			p->others[p->nothers++] = k->key->cert;
	}
	return RC_OK;
}

enum rc request_itl(struct request *q, struct err *e)
{
	const struct cluster *c = q->service->config->cluster;
	struct itl_entry entries[CLUSTER_MAX_NODES + 5];
	const struct cluster_node *node = NULL;
	uint8_t CLEANUP_FREE *list = NULL;
	struct parts p = {0};
	struct token_signer t = {.session = q->session};
	struct itl_signer signer = token_signer_of(&t);
	struct itl_plan plan = {
		.file_name = ITL_FILE,
		.digest = request_list_digest(q),
		.entries = entries,
	};
	size_t n;

	if (request_read_node(q, &node, e) != RC_OK)
		return e->rc;
	plan.timestamp = read_u32(&q->in);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (!node->tftp)
		return err_set(e, RC_REFUSED, "itl", "the node serves no lists",
			       NULL, "%s", node->id);
	if (find_parts(q, node, &p, e) != RC_OK)
		return e->rc;
	t.key = c->policy == POLICY_ITLRECOVERY ? p.recovery : p.callmanager;
	plan.signer = t.key->key->cert;
	plan.nentries = itl_entries(p.callmanager->key->cert, p.capf->key->cert,
				    p.tvs ? p.tvs->key->cert : NULL,
				    p.recovery->key->cert, p.others, p.nothers,
				    entries);
	note_key(&q->note, t.key);
	if (itl_build(&plan, &signer, &list, &n, e) != RC_OK)
		return e->rc;
	return request_give_list(q, bytes_of(list, n), false, e);
}

/* ---- .sgn ---- */

/*
 * A name as phones ask for it, folders included. Never a list's: a .sgn header
 * over a list's bytes must not be mistaken for a list.
 */
static enum rc check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (text_control(name + i))
			return err_set(e, RC_REFUSED, "sgn",
				       "control characters in a file name", NULL,
				       "byte %zu", i);
	/* Quotes would end the audit log's word for it. */
	if (strpbrk(name, "\"\\"))
		return err_set(e, RC_REFUSED, "sgn",
			       "quotes or backslashes in a file name", NULL, "%s", name);
	if (n == 0 || name[0] == '/' || strstr(name, "..") ||
	    name[n - 1] == '/')
		return err_set(e, RC_REFUSED, "sgn",
			       "is no file name that a phone asks for", NULL,
			       "%s", name);
	if (n >= 4 && strcasecmp(name + n - 4, ".tlv") == 0)
		return err_set(e, RC_REFUSED, "sgn",
			       "is a list's name: lists are signed as lists", NULL,
			       "%s", name);
	return RC_OK;
}

/* A descriptor's content, which nobody can change any more. */
static enum rc read_sealed(int fd, uint8_t **out, size_t *n, struct err *e)
{
	const int need = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	uint8_t CLEANUP_FREE *buf = NULL;
	struct stat st;
	size_t got = 0;

	if (seals < 0 || (seals & need) != need || fstat(fd, &st) != 0)
		return err_set(e, RC_REFUSED, "sgn",
			       "the descriptor is not a sealed memfd", NULL,
			       "the content");
	if (st.st_size < 0 || (uintmax_t)st.st_size > KEYD_CONTENT_MAX)
		return err_set(e, RC_REFUSED, "sgn", "is too large", NULL,
			       "%jd bytes, at most %u", (intmax_t)st.st_size,
			       KEYD_CONTENT_MAX);
	*n = (size_t)st.st_size;
	buf = malloc(*n + 1);
	if (!buf || !file_read_start(fd, buf, *n, &got) || got < *n)
		return err_errno(e, RC_ERROR, "pread", NULL, "the content");
	*out = buf;
	buf = NULL;
	return RC_OK;
}

enum rc request_sgn(struct request *q, struct err *e)
{
	uint8_t header[ITL_MAX_SGN_HEADER], CLEANUP_FREE *large = NULL;
	const struct cluster_node *node = NULL;
	char name[KEYD_NAME_MAX];
	struct bytes content = {NULL, 0};
	struct token_signer t = {.session = q->session};
	struct itl_signer signer = token_signer_of(&t);
	struct itl_plan plan = {.file_name = name};
	size_t n = 0;

	if (request_read_node(q, &node, e) != RC_OK)
		return e->rc;
	read_text(&q->in, name, sizeof name);
	plan.digest = read_u8(&q->in);
	plan.timestamp = read_u32(&q->in);
	if (q->fd < 0)
		content = read_bytes32(&q->in);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	note_detail(&q->note, "name=\"%s\"", name);
	if (check_name(name, e) != RC_OK)
		return e->rc;
	if (plan.digest != ITL_SHA1 && plan.digest != ITL_SHA512)
		return err_set(e, RC_USAGE, "sgn",
			       "the digest is neither SHA-1 nor SHA-512", NULL,
			       "number %u", plan.digest);
	if (q->fd >= 0 && read_sealed(q->fd, &large, &content.n, e) != RC_OK)
		return e->rc;
	if (large)
		content.p = large;
	if (keyring_current(&q->service->keys, UNIT_CALLMANAGER, node->id,
			    &t.key, e) != RC_OK)
		return e->rc;
	plan.signer = t.key->key->cert;
	note_key(&q->note, t.key);
	if (itl_build_sgn(&plan, content, &signer, header, sizeof header, &n,
			  e) != RC_OK)
		return e->rc;
	note_digest(&q->note, bytes_of(header, n));
	write_bytes32(&q->out, bytes_of(header, n));
	return RC_OK;
}
