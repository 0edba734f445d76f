/* Real servers of SSH and mail on loopback: sshd, smtpd beside this file. */
#ifndef SUPPORT_SSHD_H
#define SUPPORT_SSHD_H

#include <stddef.h>
#include <sys/types.h>

struct sshd {
	char dir[256]; /* all it has: see the head of the script */
	char user[32], password[32];
	char vault[300], key[300], key_locked[300], known_hosts[300];
	unsigned port;
};

/* Start one in dir with the script's options ("" or several); its keys are made
 * at the first start. It fails the test if it does not start. */
void sshd_start(struct sshd *s, const char *dir, const char *options);
void sshd_stop(const struct sshd *s); /* and its agent */
void sshd_rekey(const struct sshd *s);
void sshd_agent(const struct sshd *s, char *path, size_t cap);

struct smtpd {
	pid_t pid;
	int hold; /* it ends with this */
	unsigned port;
};

void smtpd_start(struct smtpd *s, const char *dir, const char *options);
void smtpd_stop(struct smtpd *s);

#endif
