/* What known_hosts says of a server. */
#include "base/file.h"
#include "base/num.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "job.h"
#include "ssh.h"
#include <ctype.h>
#include <string.h>

#define MAX_KNOWN_HOSTS (4u << 20) /* bytes of a file */
#define REVOKED "@revoked "

CLEANUP_DEFINE(struct ssh_knownhosts_entry *, ssh_knownhosts_entry_free);
CLEANUP_DEFINE(json_t *, json_decref);

struct knowledge {
	char host[CARRY_KNOWN_HOST_MAX];
	ssh_key key;   /* the server's; */
	bool known;
	const char *revoked; /* the file that says so, or NULL */
	ssh_key other; /* one of before that it is not, of the same type if any, */
	const char *other_file; /* and where it is */
};

static bool same_type(ssh_key a, ssh_key b)
{
	return ssh_key_type(a) == ssh_key_type(b);
}

/* A line that libssh cannot read says nothing of this server. */
static void look_at(struct knowledge *k, const char *path, char *line)
{
	struct ssh_knownhosts_entry CLEANUP(ssh_knownhosts_entry_free) *entry = NULL;
	size_t marker = strlen(REVOKED);
	bool revoked, same;

	while (isspace((unsigned char)*line))
		line++;
	revoked = !strncmp(line, REVOKED, marker);
	if (revoked)
		line += marker + strspn(line + marker, " ");
	if (!*line || *line == '#' || *line == '@' ||
	    ssh_known_hosts_parse_line(k->host, line, &entry) != SSH_OK)
		return;
	same = ssh_key_cmp(k->key, entry->publickey, SSH_KEY_CMP_PUBLIC) == 0;
	if (same && revoked)
		k->revoked = path;
	else if (same)
		k->known = true;
	if (revoked || same || (k->other && same_type(k->other, k->key)))
		return;
	ssh_key_free(k->other);
	k->other = entry->publickey;
	k->other_file = path;
	entry->publickey = NULL;
}

/* One that does not exist knows nobody; another that cannot be read is a fault:
 * to ask for a key that is in it would be to forget it. */
static enum rc look_in(struct knowledge *k, const char *path, struct err *e)
{
	uint8_t CLEANUP_FREE *text = NULL;
	char *rest, *line;
	size_t n;

	if (file_read(path, MAX_KNOWN_HOSTS, &text, &n, e) != RC_OK)
		return e->rc == RC_NOTFOUND
			       ? RC_OK
			       : err_hint(e, "name a file of known hosts that this user can read");
	rest = (char *)text;
	while ((line = strsep(&rest, "\r\n")))
		look_at(k, path, line);
	return RC_OK;
}

static enum rc tell(const struct ssh *s, const struct knowledge *k,
		    struct err *e)
{
	char *known = k->known ? NULL : ssh_fingerprint(k->other), *entry = NULL;
	const char *state = k->known ? "known" : known ? "changed" : "unknown";
	json_t CLEANUP(json_decref) *j = NULL;

	if (ssh_session_export_known_hosts_entry(s->session, &entry) == SSH_OK) {
		entry[strcspn(entry, "\n")] = '\0';
		j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?}", "state",
			      state, "type",
			      ssh_key_type_to_char(ssh_key_type(s->key)),
			      "fingerprint", s->key_text, "address", s->address,
			      "entry", entry, "known", known, "file",
			      known ? k->other_file : NULL);
	}
	ssh_string_free_char(known);
	ssh_string_free_char(entry);
	return job_bring_json(j, e);
}

enum rc job_hostkey(json_t *job, struct err *e)
{
	struct ssh CLEANUP(ssh_clear) s = {0};
	struct knowledge k = {0};
	enum rc rc;

	if (job_members(job, e, "{" SSH_MEMBERS "}", SSH_MEMBERS_OF(&s)) != RC_OK ||
	    ssh_open(&s, e) != RC_OK)
		return e->rc;
	k.key = s.key;
	carry_known_host(s.host, (unsigned)s.port, k.host);
	rc = look_in(&k, s.known_hosts, e);
	if (rc == RC_OK)
		rc = look_in(&k, CARRY_KNOWN_HOSTS, e);
	if (rc == RC_OK && k.revoked)
		rc = err_set(e, RC_REFUSED, "host key", "the key is revoked",
			     "its administrator must give the server a new one",
			     "%.60s: %s in %.70s", s.where, s.key_text, k.revoked);
	if (rc == RC_OK)
		rc = tell(&s, &k, e);
	ssh_key_free(k.other);
	return rc;
}
