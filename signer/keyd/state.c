#include "state.h"
#include "base/file.h"
#include "base/num.h"
#include <string.h>
#include <time.h>

#define STATE_MAX 512

/* The formats that there were; the first is the one that is written. */
static const struct format {
	uint32_t magic;   /* "IKS" and the version */
	size_t passwords; /* how many, in enum order */
	bool counted;     /* each with its number and time */
	bool trust;
} formats[] = {
	{0x494b5333u, PASSWORD_COUNT, true, true},
	{0x494b5332u, PASSWORD_COUNT, true, false},
	{0x494b5331u, 1, false, false},
};

static void write_password(struct writer *w, const struct keyd_password *p)
{
	write_u8(w, p->set);
	write_bytes(w, bytes_of(p->salt, sizeof p->salt));
	write_u64(w, p->ops);
	write_u64(w, p->memory);
	write_bytes(w, bytes_of(p->hash, sizeof p->hash));
	write_u32(w, p->number);
	write_u64(w, (uint64_t)p->changed);
}

static void write_state(struct writer *w, const struct keyd_state *s)
{
	write_u32(w, formats[0].magic);
	for (size_t i = 0; i < PASSWORD_COUNT; i++)
		write_password(w, &s->passwords[i]);
	write_u8(w, s->pin.refused);
	write_u64(w, s->pin.device);
	write_u64(w, s->pin.inode);
	write_u64(w, (uint64_t)s->pin.seconds);
	write_u32(w, s->pin.nanoseconds);
	write_u32(w, s->trust);
}

static void read_into(struct reader *r, uint8_t *to, size_t n)
{
	struct bytes b = read_bytes(r, n);

	if (b.n)
		memcpy(to, b.p, b.n);
}

static void read_password(struct reader *r, const struct format *f,
			  struct keyd_password *p)
{
	p->set = read_u8(r) == 1;
	read_into(r, p->salt, sizeof p->salt);
	p->ops = read_u64(r);
	p->memory = read_u64(r);
	read_into(r, p->hash, sizeof p->hash);
	if (f->counted) {
		p->number = read_u32(r);
		p->changed = (int64_t)read_u64(r);
	}
}

static bool read_state(struct reader *r, struct keyd_state *s)
{
	uint32_t magic = read_u32(r);
	const struct format *f = NULL;

	for (size_t i = 0; i < COUNT_OF(formats); i++)
		if (formats[i].magic == magic)
			f = &formats[i];
	if (!f)
		return false;
	for (size_t i = 0; i < f->passwords; i++)
		read_password(r, f, &s->passwords[i]);
	s->pin.refused = read_u8(r) == 1;
	s->pin.device = read_u64(r);
	s->pin.inode = read_u64(r);
	s->pin.seconds = (int64_t)read_u64(r);
	s->pin.nanoseconds = read_u32(r);
	if (f->trust)
		s->trust = read_u32(r);
	return reader_done(r);
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

void keyd_state_password(struct keyd_state *s, enum which_password which,
			 struct keyd_password *out)
{
	(void)pthread_mutex_lock(&s->lock);
	*out = s->passwords[which];
	(void)pthread_mutex_unlock(&s->lock);
}

enum rc keyd_state_set_password(struct keyd_state *s, enum which_password which,
				const struct keyd_password *p, struct err *e)
{
	struct keyd_password *slot = &s->passwords[which], before;
	enum rc rc;

	(void)pthread_mutex_lock(&s->lock);
	before = *slot;
	*slot = *p;
	slot->number = before.number + 1;
	slot->changed = (int64_t)time(NULL);
	rc = keyd_state_save(s, e);
	if (rc != RC_OK)
		*slot = before;
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

uint32_t keyd_state_trust(struct keyd_state *s)
{
	uint32_t at;

	(void)pthread_mutex_lock(&s->lock);
	at = s->trust;
	(void)pthread_mutex_unlock(&s->lock);
	return at;
}

enum rc keyd_state_set_trust(struct keyd_state *s, uint32_t at, struct err *e)
{
	enum rc rc = RC_OK;
	uint32_t before;

	(void)pthread_mutex_lock(&s->lock);
	before = s->trust;
	if (at < before && (time_t)before <= time(NULL)) {
		rc = err_set(e, RC_REFUSED, "trust", "a newer set was signed meanwhile",
			     "give the command again", "of %u, not %u", before, at);
	} else if (at != before) {
		s->trust = at;
		rc = keyd_state_save(s, e);
		if (rc != RC_OK)
			s->trust = before;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}
