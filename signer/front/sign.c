/*
 * Files to sign come as descriptors, and their headers go back the same way: no content
 * in JSON. Whose descriptors they are is not trusted: only regular files are read, of
 * file systems that answer by themselves, and never more than they said they have.
 */
#include "sign.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/itl.h"
#include "keyd/sgn.h"
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

struct header {
	uint8_t *p; /* malloc()ed; NULL: refused */
	size_t n;
};

struct signing {
	struct call *call;
	json_t *names, *refused;
	struct header headers[FRONT_FILES_MAX];
	uint8_t *content; /* of the file that was read last */
	size_t cap;
};

static void signing_clear_at(struct signing *s)
{
	for (size_t i = 0; i < FRONT_FILES_MAX; i++)
		free(s->headers[i].p);
	free(s->content);
	json_decref(s->refused);
}

/* Where a read may wait for somebody, or is no file's content. */
static bool is_strange(int fd)
{
	static const unsigned long strange[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
		CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC,
		PIPEFS_MAGIC, SOCKFS_MAGIC, DEVPTS_SUPER_MAGIC, BPF_FS_MAGIC,
		FUSE_SUPER_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return true;
	for (size_t i = 0; i < COUNT_OF(strange); i++)
		if ((unsigned long)fs.f_type == strange[i])
			return true;
	return false;
}

static enum rc look_at(const struct signing *s, int fd, const char *name, size_t *n,
		       struct err *e)
{
	size_t most = s->call->service->cluster->file_bytes;
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || is_strange(fd))
		return err_set(e, RC_REFUSED, "sign", "is not a regular file",
			       "copy it to a file system of this machine", "%.150s", name);
	if ((uintmax_t)st.st_size > most)
		return err_set(e, RC_REFUSED, "sign", "is too large",
			       "file-bytes of cluster.conf is the limit",
			       "%.150s: %jd bytes, at most %zu", name, (intmax_t)st.st_size,
			       most);
	*n = num_size(st.st_size);
	return RC_OK;
}

/* Just so many bytes; one that grows or shrinks meanwhile is refused. */
static enum rc read_content(struct signing *s, int fd, const char *name, size_t n,
			    struct err *e)
{
	size_t got = 0;

	if (n + 1 > s->cap) {
		free(s->content);
		s->cap = n + 1 > 65536 ? n + 1 : 65536;
		s->content = malloc(s->cap);
		if (!s->content) {
			s->cap = 0;
			return err_errno(e, RC_ERROR, "malloc", NULL, "%.150s", name);
		}
	}
	/* One byte more: that there is none is its end. */
	if (!file_read_start(fd, s->content, n + 1, &got))
		return err_errno(e, RC_REFUSED, "read", "it must be open for reading",
				 "%.150s", name);
	if (got != n)
		return err_set(e, RC_REFUSED, "read", "it changes while it is read",
			       "sign it again when it is whole", "%.150s", name);
	return RC_OK;
}

static enum rc file(void *arg, size_t i, struct keyd_sgn_file *out, struct err *e)
{
	struct signing *s = arg;
	const char *name = json_string_value(json_array_get(s->names, i));
	size_t n = 0;

	if (look_at(s, s->call->files[i], name, &n, e) != RC_OK ||
	    read_content(s, s->call->files[i], name, n, e) != RC_OK)
		return e->rc;
	*out = (struct keyd_sgn_file){name, bytes_of(s->content, n)};
	return RC_OK;
}

static void answered(void *arg, size_t i, struct bytes header, const struct err *why)
{
	struct signing *s = arg;
	struct header *h = &s->headers[i];
	struct err none;

	if (header.n && (h->p = bytes_copy(header))) {
		h->n = header.n;
		return;
	}
	if (header.n) {
		err_errno(&none, RC_ERROR, "malloc", NULL, "a header");
		why = &none;
	}
	(void)json_array_append_new(
		s->refused, json_pack("{s:I, s:o}", "at", (json_int_t)i, "error",
				      err_json(why)));
}

/* All headers, as they go back. */
static enum rc give(struct signing *s, struct err *e)
{
	size_t n = s->call->nfiles, all = 0;
	uint8_t CLEANUP_FREE *p = NULL;
	int CLEANUP(fd_close) fd = memfd_create("headers", MFD_CLOEXEC);
	struct writer w;

	for (size_t i = 0; i < n; i++)
		all += 4 + s->headers[i].n;
	p = malloc(all + 1);
	w = writer_of(p, all);
	for (size_t i = 0; p && i < n; i++)
		write_bytes32(&w, bytes_of(s->headers[i].p, s->headers[i].n));
	if (!p || fd < 0 || !file_write_all(fd, writer_bytes(&w)))
		return err_errno(e, RC_ERROR, "memfd_create", NULL, "headers");
	s->call->give = fd;
	fd = -1;
	return RC_OK;
}

static enum rc read_request(struct signing *s, struct keyd_sgn *job, struct err *e)
{
	struct call *c = s->call;
	const char *digest;
	json_int_t timestamp;
	json_t *name;
	size_t i;

	if (call_members(c, e, "{s:o, s:s, s:I}", "names", &s->names, "digest", &digest,
			 "timestamp", &timestamp) != RC_OK)
		return e->rc;
	job->digest = !strcmp(digest, "sha1")	? ITL_SHA1
		      : !strcmp(digest, "sha512") ? ITL_SHA512
						  : 0;
	if (!job->digest || timestamp < 0 || timestamp > UINT32_MAX)
		return err_set(e, RC_USAGE, "request", "the digest or the time is none", NULL,
			       "%s", c->name);
	job->timestamp = (uint32_t)timestamp;
	json_array_foreach(s->names, i, name)
		if (!json_is_string(name))
			return err_set(e, RC_USAGE, "request", "a name is no text", NULL,
				       "%s", c->name);
	if (!json_is_array(s->names) || json_array_size(s->names) != c->nfiles)
		return err_set(e, RC_USAGE, "request",
			       "there must be a descriptor for each name", NULL,
			       "%s: %zu descriptors", c->name, c->nfiles);
	return RC_OK;
}

enum rc sign_files(struct call *c, json_t **result, struct err *e)
{
	struct signing s CLEANUP(signing_clear) = {.call = c, .refused = json_array()};
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_sgn job = {.node = c->node->id,
			       .n = c->nfiles,
			       .file = file,
			       .answered = answered,
			       .arg = &s};

	if (read_request(&s, &job, e) != RC_OK ||
	    keyd_open(c->service->keyd, &k, e) != RC_OK ||
	    keyd_sgn(k, &job, e) != RC_OK || give(&s, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:O}", "refused", s.refused);
	return RC_OK;
}
