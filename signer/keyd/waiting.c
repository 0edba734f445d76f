#include "waiting.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "cluster/cluster.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "csr"
#define MAGIC 0x494b5731u /* "IKW1" */
#define FILE_MAX (WAITING_DER_MAX + 256u)
#define PATH_LEN 256

static void path_of(const struct waiting *w, const struct label *l, char to[PATH_LEN])
{
	(void)snprintf(to, PATH_LEN, "%s/%s.%s", w->dir, unit_name(l->unit), l->node);
}

/* ---- a file ---- */

static bool read_pair(struct bytes file, struct waiting_pair *out)
{
	struct reader r = reader_of(file);
	bool ours = read_u32(&r) == MAGIC;
	char label[LABEL_MAX];
	struct bytes id, der;

	*out = (struct waiting_pair){.made = 0};
	read_text(&r, label, sizeof label);
	id = read_bytes(&r, HSM_ID_LEN);
	out->made = (int64_t)read_u64(&r);
	der = read_bytes32(&r);
	if (!ours || !reader_done(&r) || !der.n || der.n > sizeof out->der ||
	    !label_read(label, strlen(label), &out->label))
		return false;
	memcpy(out->id, id.p, sizeof out->id);
	memcpy(out->der, der.p, der.n);
	out->der_len = der.n;
	return true;
}

static enum rc write_pair(const struct waiting *w, const struct waiting_pair *p,
			  struct err *e)
{
	uint8_t file[FILE_MAX];
	struct writer out = writer_of(file, sizeof file);
	char label[LABEL_MAX], path[PATH_LEN];

	label_text(&p->label, label);
	write_u32(&out, MAGIC);
	write_text(&out, label);
	write_bytes(&out, bytes_of(p->id, sizeof p->id));
	write_u64(&out, (uint64_t)p->made);
	write_bytes32(&out, bytes_of(p->der, p->der_len));
	path_of(w, &p->label, path);
	return file_replace(path, writer_bytes(&out), 0600, e);
}

static enum rc remove_file(const struct waiting *w, const struct label *l, struct err *e)
{
	char path[PATH_LEN];

	path_of(w, l, path);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(e, RC_ERROR, "unlink", NULL, "%s", path);
	return RC_OK;
}

/* ---- all of them; called locked, or before there are threads ---- */

static struct waiting_pair *by_place(struct waiting *w, enum unit unit, const char *node)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->p[i].label.unit == unit && !strcmp(w->p[i].label.node, node))
			return &w->p[i];
	return NULL;
}

static struct waiting_pair *by_id(struct waiting *w, const uint8_t id[HSM_ID_LEN])
{
	for (size_t i = 0; i < w->n; i++)
		if (!memcmp(w->p[i].id, id, HSM_ID_LEN))
			return &w->p[i];
	return NULL;
}

static enum rc keep(struct waiting *w, const struct waiting_pair *p, struct err *e)
{
	struct waiting_pair *at = by_place(w, p->label.unit, p->label.node), *more;

	if (!at) {
		more = reallocarray(w->p, w->n + 1, sizeof *more);
		if (!more)
			return err_errno(e, RC_ERROR, "realloc", NULL, "a request");
		w->p = more;
		at = &more[w->n++];
	}
	*at = *p;
	return RC_OK;
}

static bool is_waiting(void *arg, const uint8_t id[HSM_ID_LEN])
{
	struct waiting *w = arg;
	bool is;

	(void)pthread_mutex_lock(&w->lock);
	is = by_id(w, id) != NULL;
	(void)pthread_mutex_unlock(&w->lock);
	return is;
}

static bool is_key(struct keyring *ring, const uint8_t id[HSM_ID_LEN])
{
	struct held_key *k;

	for (size_t i = 0; (k = keyring_at(ring, i)); i++)
		if (!memcmp(k->key->id, id, HSM_ID_LEN))
			return true;
	return false;
}

/* ---- at the start ---- */

static enum rc load_one(struct waiting *w, const char *name, struct keyring *ring,
			struct err *e)
{
	uint8_t CLEANUP_FREE *file = NULL;
	struct waiting_pair p;
	char path[PATH_LEN], own[PATH_LEN];
	size_t n = 0;

	if (file_path(path, sizeof path, w->dir, name, e) != RC_OK ||
	    file_read(path, FILE_MAX, &file, &n, e) != RC_OK)
		return e->rc;
	if (!read_pair(bytes_of(file, n), &p))
		return err_set(e, RC_ERROR, "read", "is no request of keyd's",
			       "move it aside; itlctl set csr gen makes a new one",
			       "%s", path);
	path_of(w, &p.label, own);
	if (strcmp(own, path) != 0)
		return err_set(e, RC_ERROR, "read", "is another unit's or node's",
			       "move it aside", "%s", path);
	return is_key(ring, p.id) ? remove_file(w, &p.label, e) : keep(w, &p, e);
}

enum rc waiting_open(struct waiting *w, const struct cluster *c, struct keyring *ring,
		     struct err *e)
{
	char state[CLUSTER_PATH_MAX];
	struct dirent *f;
	struct err why;
	DIR *d;

	*w = (struct waiting){.p = NULL};
	(void)pthread_mutex_init(&w->lock, NULL);
	cluster_path(c, PATH_KEYD_STATE, state);
	if (file_path(w->dir, sizeof w->dir, state, FOLDER, e) != RC_OK ||
	    file_make_dir(w->dir, 0700, (uid_t)-1, (gid_t)-1, e) != RC_OK)
		return e->rc;
	d = opendir(w->dir);
	if (!d)
		return err_errno(e, RC_ERROR, "opendir", NULL, "%s", w->dir);
	while ((f = readdir(d)))
		if (f->d_name[0] != '.' &&
		    load_one(w, f->d_name, ring, &why) != RC_OK)
			log_error("csr", &why);
	(void)closedir(d);
	ring->halves.arg = w;
	ring->halves.waits = is_waiting;
	return RC_OK;
}

/* ---- later ---- */

enum rc waiting_find(struct waiting *w, enum unit unit, const char *node,
		     struct waiting_pair *out, struct err *e)
{
	const struct waiting_pair *p;

	(void)pthread_mutex_lock(&w->lock);
	p = by_place(w, unit, node);
	if (p)
		*out = *p;
	(void)pthread_mutex_unlock(&w->lock);
	return p ? RC_OK
		 : err_set(e, RC_NOTFOUND, "find request",
			   "no request of it waits for a certificate",
			   "itlctl set csr gen makes one", "%s/%s", unit_name(unit),
			   node);
}

enum rc waiting_put(struct waiting *w, const struct waiting_pair *p, struct err *e)
{
	enum rc rc;

	(void)pthread_mutex_lock(&w->lock);
	rc = write_pair(w, p, e);
	if (rc == RC_OK)
		rc = keep(w, p, e);
	(void)pthread_mutex_unlock(&w->lock);
	return rc;
}

enum rc waiting_remove(struct waiting *w, const uint8_t id[HSM_ID_LEN], struct err *e)
{
	struct waiting_pair *p;
	enum rc rc = RC_OK;

	(void)pthread_mutex_lock(&w->lock);
	p = by_id(w, id);
	if (p)
		rc = remove_file(w, &p->label, e);
	if (p && rc == RC_OK)
		*p = w->p[--w->n];
	(void)pthread_mutex_unlock(&w->lock);
	return rc;
}
