#include "state.h"
#include "base/file.h"
#include <string.h>

#define STATE_MAGIC 0x494b5331u /* "IKS1": the number is the format's version */
#define STATE_MAX 256

static void write_state(struct writer *w, const struct keyd_state *s)
{
	write_u32(w, STATE_MAGIC);
	write_u8(w, s->password.set);
	write_bytes(w, bytes_of(s->password.salt, sizeof s->password.salt));
	write_u64(w, s->password.ops);
	write_u64(w, s->password.memory);
	write_bytes(w, bytes_of(s->password.hash, sizeof s->password.hash));
	write_u8(w, s->pin.refused);
	write_u64(w, s->pin.device);
	write_u64(w, s->pin.inode);
	write_u64(w, (uint64_t)s->pin.seconds);
	write_u32(w, s->pin.nanoseconds);
}

static bool read_state(struct reader *r, struct keyd_state *s)
{
	uint32_t magic = read_u32(r);
	struct bytes b;

	s->password.set = read_u8(r) == 1;
	b = read_bytes(r, sizeof s->password.salt);
	if (b.n)
		memcpy(s->password.salt, b.p, b.n);
	s->password.ops = read_u64(r);
	s->password.memory = read_u64(r);
	b = read_bytes(r, sizeof s->password.hash);
	if (b.n)
		memcpy(s->password.hash, b.p, b.n);
	s->pin.refused = read_u8(r) == 1;
	s->pin.device = read_u64(r);
	s->pin.inode = read_u64(r);
	s->pin.seconds = (int64_t)read_u64(r);
	s->pin.nanoseconds = read_u32(r);
	return reader_done(r) && magic == STATE_MAGIC;
}

enum rc keyd_state_load(struct keyd_state *s, const char *path, struct err *e)
{
	uint8_t CLEANUP_FREE *file = NULL;
	struct reader r;
	size_t n;

	memset(s, 0, sizeof *s);
	(void)snprintf(s->path, sizeof s->path, "%s", path);
	(void)pthread_mutex_init(&s->lock, NULL);
	if (file_read(path, STATE_MAX, &file, &n, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	r = reader_of(bytes_of(file, n));
	if (!read_state(&r, s))
		return err_set(e, RC_ERROR, "read", "is not keyd's state",
			       "move it aside; root then sets the password anew",
			       "%s", path);
	return RC_OK;
}

enum rc keyd_state_save(struct keyd_state *s, struct err *e)
{
	uint8_t buf[STATE_MAX];
	struct writer w = writer_of(buf, sizeof buf);

	write_state(&w, s);
	return file_replace(s->path, writer_bytes(&w), 0600, e);
}

static bool mark_of(const char *path, struct keyd_pin_mark *out)
{
	struct stat st;

	if (!path[0] || stat(path, &st) != 0)
		return false;
	*out = (struct keyd_pin_mark){
		.refused = true,
		.device = (uint64_t)st.st_dev,
		.inode = (uint64_t)st.st_ino,
		.seconds = (int64_t)st.st_mtim.tv_sec,
		.nanoseconds = (uint32_t)st.st_mtim.tv_nsec,
	};
	return true;
}

bool keyd_state_pin_refused(const struct keyd_state *s, const char *path)
{
	struct keyd_pin_mark now;

	return s->pin.refused && mark_of(path, &now) &&
	       now.device == s->pin.device && now.inode == s->pin.inode &&
	       now.seconds == s->pin.seconds &&
	       now.nanoseconds == s->pin.nanoseconds;
}

enum rc keyd_state_refuse_pin(struct keyd_state *s, const char *path,
			      struct err *e)
{
	return mark_of(path, &s->pin) ? keyd_state_save(s, e) : RC_OK;
}

enum rc keyd_state_accept_pin(struct keyd_state *s, struct err *e)
{
	if (!s->pin.refused)
		return RC_OK;
	s->pin = (struct keyd_pin_mark){0};
	return keyd_state_save(s, e);
}

void keyd_state_password(struct keyd_state *s, struct keyd_password *out)
{
	(void)pthread_mutex_lock(&s->lock);
	*out = s->password;
	(void)pthread_mutex_unlock(&s->lock);
}

enum rc keyd_state_set_password(struct keyd_state *s,
				const struct keyd_password *p, struct err *e)
{
	struct keyd_password before;
	enum rc rc;

	(void)pthread_mutex_lock(&s->lock);
	before = s->password;
	s->password = *p;
	rc = keyd_state_save(s, e);
	if (rc != RC_OK)
		s->password = before;
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}
