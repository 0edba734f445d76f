/* carry's jobs over SSH, as jobs, on a real server. */
#ifndef JOBS_H
#define JOBS_H

#include "support/sshd.h"
#include "carry/run.h"
#include <limits.h>

/* One for the whole program. */
extern char program[PATH_MAX]; /* carry */
extern char *dir;
extern struct sshd sshd;
extern char fingerprint[64];

int start_all(void **state);
int stop_all(void **state);

/* A good job, then `more` members over it; NULL removes a member. */
json_t *job(const char *what, json_t *more);
/* With "content", and a password of n bytes (NULL: none). */
enum rc run(json_t *j, const char *password, size_t n, json_t **out, struct err *e);
const char *text_of(const json_t *j, const char *member);

/* It must succeed. */
void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A folder of the user's; its umask would keep others out. */
char *own_folder(const char *name);
/* A server of its own, for a login of another kind. */
void with_options(const char *options, void (*test)(const char *folder));

#endif
