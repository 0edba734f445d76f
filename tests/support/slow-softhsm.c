/*
 * A token that does not use our processor: SoftHSM, but for C_Sign, which sleeps as
 * long as a network HSM computes and then answers from a table of signatures made
 * beforehand. RSA with PKCS #1 v1.5 makes one signature of one text, so the table is
 * made by asking for the same signatures once: what it does not hold, SoftHSM signs,
 * and it holds it from then on.
 *
 * Beside the file that SOFTHSM2_CONF names there may be a folder of that name and
 * ".slow", which whoever loads this module can write to:
 *   microseconds  how long C_Sign takes, as text (5000 without it)
 *   table         keeps the table from process to process
 *   counts        8-byte counters: slow.h
 *   wrong         if it is there, one bit of each signature is another one
 */
#include "support/slow.h"
#include "base/num.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ID_MAX 32        /* CKA_ID */
#define INPUT_MAX 96     /* a DigestInfo */
#define SIGNATURE_MAX 512
#define BUCKETS 65536u
#define KEYS_MAX 256

/* As the table's file has it, too. */
struct entry {
	uint8_t id[ID_MAX]; /* of the key, zeros behind it */
	uint8_t input[INPUT_MAX];
	uint8_t signature[SIGNATURE_MAX];
	uint16_t input_n, signature_n;
};

struct node {
	struct entry e;
	struct node *next;
};

static CK_FUNCTION_LIST *real, functions;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct node *table[BUCKETS];
static int table_fd = -1;
static long slow_us = 5000;
static bool wrong;
static uint64_t unshared[SLOW_COUNTS], *counts = unshared;

/* A key's handle is this process's own; its id is what the table knows it by. */
static struct known_key {
	CK_OBJECT_HANDLE handle;
	uint8_t id[ID_MAX];
} keys[KEYS_MAX];
static size_t nkeys;

/* What C_SignInit began: both calls come from the session's one thread. */
static _Thread_local struct {
	bool waits; /* SoftHSM has not been told yet */
	CK_MECHANISM mechanism;
	CK_OBJECT_HANDLE key;
	uint8_t id[ID_MAX];
} begun;

static void count(enum slow_count what)
{
	(void)__atomic_fetch_add(&counts[what], 1, __ATOMIC_RELAXED);
}

/* ---- the table ---- */

static struct node **bucket(const struct entry *e)
{
	uint32_t tail = 0;

	/* The end of a digest is as good as any hash of it. */
	memcpy(&tail, e->input + e->input_n - sizeof tail, sizeof tail);
	return &table[tail % BUCKETS];
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->input_n == b->input_n && !memcmp(a->id, b->id, ID_MAX) &&
	       !memcmp(a->input, b->input, a->input_n);
}

static bool find(struct entry *e)
{
	const struct node *n;

	(void)pthread_rwlock_rdlock(&lock);
	for (n = *bucket(e); n && !same(&n->e, e); n = n->next)
		;
	if (n)
		*e = n->e;
	(void)pthread_rwlock_unlock(&lock);
	return n;
}

static void keep(const struct entry *e)
{
	struct node *n = malloc(sizeof *n), **at = bucket(e);

	if (!n)
		return;
	n->e = *e;
	(void)pthread_rwlock_wrlock(&lock);
	n->next = *at;
	*at = n;
	(void)pthread_rwlock_unlock(&lock);
}

static void load_table(const char *path)
{
	struct entry e;

	table_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	while (table_fd >= 0 && read(table_fd, &e, sizeof e) == (ssize_t)sizeof e)
		if (e.input_n >= sizeof(uint32_t) && e.input_n <= INPUT_MAX)
			keep(&e);
}

/* ---- PKCS#11 ---- */

static bool key_id(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
		   uint8_t id[ID_MAX])
{
	CK_ATTRIBUTE a = {CKA_ID, id, ID_MAX};
	bool known = false;

	(void)pthread_rwlock_rdlock(&lock);
	for (size_t i = 0; i < nkeys && !known; i++)
		if (keys[i].handle == key) {
			memcpy(id, keys[i].id, ID_MAX);
			known = true;
		}
	(void)pthread_rwlock_unlock(&lock);
	if (known)
		return true;
	memset(id, 0, ID_MAX);
	if (real->C_GetAttributeValue(session, key, &a, 1) != CKR_OK)
		return false;
	(void)pthread_rwlock_wrlock(&lock);
	if (nkeys < KEYS_MAX) {
		keys[nkeys].handle = key;
		memcpy(keys[nkeys++].id, id, ID_MAX);
	}
	(void)pthread_rwlock_unlock(&lock);
	return true;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *m,
		       CK_OBJECT_HANDLE key)
{
	begun.waits = m->mechanism == CKM_RSA_PKCS && key_id(session, key, begun.id);
	if (!begun.waits)
		return real->C_SignInit(session, m, key);
	begun.mechanism = *m;
	begun.key = key;
	return CKR_OK;
}

static struct timespec end_of_call(void)
{
	static _Thread_local bool exact;
	struct timespec t;

	if (!exact) /* the kernel's 50 microseconds more are not the token's */
		(void)prctl(PR_SET_TIMERSLACK, 1);
	exact = true;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += slow_us % 1000000 * 1000;
	t.tv_sec += slow_us / 1000000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* SoftHSM's own, which may be asked for the length alone. */
static CK_RV sign_there(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n,
			CK_BYTE *sig, CK_ULONG *sig_n)
{
	CK_RV rv = CKR_OK;

	if (begun.waits)
		rv = real->C_SignInit(session, &begun.mechanism, begun.key);
	begun.waits = false;
	return rv != CKR_OK ? rv : real->C_Sign(session, data, n, sig, sig_n);
}

static CK_RV sign_slowly(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n,
			 CK_BYTE *sig, CK_ULONG *sig_n)
{
	bool ours = begun.waits && sig && n >= sizeof(uint32_t) && n <= INPUT_MAX &&
		    *sig_n <= SIGNATURE_MAX;
	struct entry e = {.input_n = (uint16_t)n};
	CK_RV rv;

	if (!ours)
		return sign_there(session, data, n, sig, sig_n);
	memcpy(e.id, begun.id, ID_MAX);
	memcpy(e.input, data, n);
	if (find(&e) && e.signature_n <= *sig_n) {
		begun.waits = false;
		memcpy(sig, e.signature, e.signature_n);
		*sig_n = e.signature_n;
		return CKR_OK;
	}
	count(SLOW_UNKNOWN);
	rv = sign_there(session, data, n, sig, sig_n);
	if (rv != CKR_OK)
		return rv;
	memcpy(e.signature, sig, *sig_n);
	e.signature_n = (uint16_t)*sig_n;
	keep(&e);
	if (table_fd >= 0)
		(void)!write(table_fd, &e, sizeof e);
	return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n,
		  CK_BYTE *sig, CK_ULONG *sig_n)
{
	struct timespec end = end_of_call();
	CK_RV rv = sign_slowly(session, data, n, sig, sig_n);

	count(SLOW_SIGN);
	if (wrong && rv == CKR_OK && sig)
		sig[*sig_n / 2] ^= 1;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	return rv;
}

/* Some tokens say that they failed where nobody encrypted: 0 and 1. */
static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG n, CK_BYTE *out,
		     CK_ULONG *out_n)
{
	CK_ULONG zeros = 0;

	while (zeros < n && in[zeros] == 0)
		zeros++;
	if (zeros == n || (zeros == n - 1 && in[zeros] == 1))
		return CKR_FUNCTION_FAILED;
	return real->C_Decrypt(session, in, n, out, out_n);
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *t, CK_ULONG n)
{
	count(SLOW_FIND);
	return real->C_FindObjectsInit(session, t, n);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app,
			  CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	count(SLOW_OPEN);
	return real->C_OpenSession(slot, flags, app, notify, session);
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE *t, CK_ULONG n)
{
	count(SLOW_ATTRIBUTE);
	return real->C_GetAttributeValue(session, object, t, n);
}

/* ---- the start ---- */

static void share_counts(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof unshared) == 0)
		p = mmap(NULL, sizeof unshared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (p != MAP_FAILED)
		counts = p;
}

static long read_number(const char *path, long otherwise)
{
	FILE *f = fopen(path, "re");
	long n;

	if (!f)
		return otherwise;
	if (fscanf(f, "%ld", &n) == 1 && n >= 0)
		otherwise = n;
	(void)fclose(f);
	return otherwise;
}

static void configure(void)
{
	const char *conf = getenv("SOFTHSM2_CONF");
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s.slow/microseconds", conf ? conf : "");
	slow_us = read_number(path, slow_us);
	(void)snprintf(path, sizeof path, "%s.slow/table", conf ? conf : "");
	load_table(path);
	(void)snprintf(path, sizeof path, "%s.slow/counts", conf ? conf : "");
	share_counts(path);
	(void)snprintf(path, sizeof path, "%s.slow/wrong", conf ? conf : "");
	wrong = access(path, F_OK) == 0;
}

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	void *softhsm = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*get)(CK_FUNCTION_LIST **);

	if (!softhsm)
		return CKR_GENERAL_ERROR;
	*(void **)&get = dlsym(softhsm, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	(void)pthread_once(&once, configure);
	functions = *real;
	functions.C_OpenSession = open_session;
	functions.C_GetAttributeValue = get_attribute;
	functions.C_FindObjectsInit = find_init;
	functions.C_SignInit = sign_init;
	functions.C_Sign = sign;
	functions.C_Decrypt = decrypt;
	*out = &functions;
	return CKR_OK;
}
