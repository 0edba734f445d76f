/*
 * front's door: JSON over a Unix SOCK_SEQPACKET socket.
 *
 * A request is one message {"do": NAME, ...}. Answers are any number of
 * {"event": NAME, ...} and then exactly one {"result": {...}} or
 * {"error": {...}} (base/errjson.h). Then the connection may carry the next
 * request. Members that are not known are errors.
 *
 * | do | who | members | result and events |
 * | --- | --- | --- | --- |
 * | status | all | | cluster, config (SHA-256 of the cluster.conf that front runs; keyd.config: that keyd runs), policy, publisher, op (null or {id,kind,who,started}), last (the last operation that ended: null or {id,kind,who,started,ended,well,note}), keyd ({token,...} or {error}), nodes: [{asked (false: not yet since front began; then this is from before),id,host,address,publisher,tftp,tvs, tvs_answers (null: it runs no TVS; or {answers,seen (it has answered, once),since,checked (0: not since front began),error}), want,have (null or {sha1,kind,signer,made}), have_since, ctl: {want,have,have_since,old} (the same of its CTL; old: null, or it names other certificates than the present ones: {adds,drops} as of ctl-plan), files (as of tftp-restart: the last time), error, next_try}], holds: [{node (an id),unit,seconds}]: after this unit's certificate was made, another one of the node is refused for so long; kind: "itl", "reset", "ctl", or "other" (no key of this token signed it) |
 * | list | all | node, file ("itl" if it is missing, or "ctl") | node, sha1, kind, since, bytes (base64) of what the node serves (`have`); rc not-found if nothing |
 * | certs | all | | certs: [{label,unit,node,generation,current,id,bits,subject,issuer,serial,not_before,not_after,sha1,sha256,pem}], error (null; or why the token could not be asked: then these are what it said last) |
 * | services | all | | services: [{name,node (null),state ("STARTED", "FAILED", "STOPPED": a TVS that never answered),detail}] |
 * | init-plan | all | | keys: [{unit,node (null for the cluster's),bits,present}], nodes: [ids of TFTP nodes that do not serve what they shall], foreign: [hosts of those that serve a list which no key of this token signed] |
 * | backups | all | | key (null or {label,bits,sealed}), security {set, number (1, 2, ... each change), set_at}, good (bool), why (text; "" if good), vaults: [names of vault.conf], backups: [{id,vault,name,digest (hex, BLAKE2b-256),bytes,plain,key,security (which password),route,made,proved,checked (0: never),error (null, or gone or changed),counts (it opens with the present password to the present key, has no error, and was proved or checked within 30 days)}], newest first; error (null; or why keyd could not be asked: then key is null, security is not known, and nothing counts) |
 * | alerts | all | | alerts: [{name,severity (0..7),text,since,sent (0: not yet),times}], the gravest first; syslog, mail: null, or the error of the last attempt |
 * | audit | all | | lists: [{sha1,kind,node,entry,head (hex),time}]: which entry was the audit log's last, and its h, when each list was published |
 * | keys | group | | keep_days, keys: [{label,unit,node (null for the cluster's),generation,current,sha1 (of the certificate),not_after,lists: [{node,file,sha1,kind,last (seen there; 0: never),now (the node serves it or may again),signed (the key signed it; else it names the certificate),until (0: nobody can say)}] that phones may hold and that need the key, removable, why ("" if removable), removable_at (0: nobody can say)}] |
 * | generate-plan | group | unit, node (null), force | refused as generate with regenerate would be; else present (bool), overrides (null, or what force overrides), locks (bool: among it, that phones would be locked), phone_reset (bool: cluster.conf says how) |
 * | generate | group | unit, node (null), ticket (hex), regenerate, force | the members of a cert, as in certs, tries, and overrode (null, or what force overrode); refused without regenerate if there is a key: a first one is made, no more; with it, refused unless force by a hold of the node (the error's name is "HELD", its code the seconds that are left) |
 * | csr-show | all | unit, node (null) | the result of csr, of the pair that waits; rc not-found if none does |
 * | csr | group | unit, node (null), ticket (hex) | label, unit, node, made, pem: of a new pair that waits for its certificate; nothing in force changes, no hold is met or set |
 * | cert-import | group | unit, node (null), certificates (base64 of DER: the waiting pair's, then its authorities' up to one that signed itself; 16 KiB at most), ticket (hex), force | the members of a cert, as in certs, and overrode, as of generate; refused as generate with regenerate would be, and by what keyd has against the certificate |
 * | key-remove | group | label, ticket (hex), force | label, overrode (null, or what force overrode); refused for a current key, and unless force for one that is not removable |
 * | backup-proved | group | vault (text: a folder or URL, vault/vault.h), name, digest (hex, BLAKE2b-256), bytes, plain, route ("": not known, or as it was), made | the members of a backup; key, security and proved are what keyd says; refused unless it proved just that to this user, within 15 minutes, and was not told so yet; made: at most a day from now; 1000 are kept, the oldest go first, and those that count last |
 * | backup-removed | group | vault (text), name | {} |
 * | vault-check | group | | vaults: [{vault (of vault.conf),name (of its newest object, or null),ok,error (null)}]: the daily check, now |
 * | alerts-check | group | | the result of alerts, after looking at once |
 * | ctl-plan | all | node (the publisher) | sha1 (of the CTL that it serves; null), adds, drops: ["CallManager/n1/2 as SAST"]: the records that ctl-update would make and end |
 * | ctl-update | group | node (the publisher), timestamp (Unix time, about now), ticket, force, all_or_none | events below; sha1, signer, nodes (as of reset), warnings: [text: whose phones accept which list only through a TVS] |
 * | conf-check | group | sha256 (of the cluster.conf that is to be, which lies beside the present one as CLUSTER_NEXT_FILE) | locks (null, or an error: which phones it would lock, and the safe order), finding ("", or the same for the audit log) |
 * | node-check | group | node (or all TFTP nodes) | nodes: [{id,host,folder,ok,error (null),key (null, or of an SSH server that no known_hosts has: {ssh_host,address,type,fingerprint,entry (its line)})}]: each was probed now, nothing was changed |
 * | tftp-restart | group | node, force, ticket (hex; needed with force where it overrides something: keyd_override_text() of "tftp-restart", the node's id, and the refusal's why) | refused unless force if the list is none for phones, or would lock them (the error's name is FRONT_UNFORCED, its why all that is against it); else events below; node, sha1, kind, built (false: the list was up to date and only bounced), phones (null, or certificates changed that phones must get: {units ("CallManager TVS"),reset ("done", "failed", "by-hand"),error (null)}), files (null, or what was signed again because the CallManager certificate changed: {cert (its SHA-1),at,signed,refused,error (of the first that was refused; null)}) |
 * | reset-plan | group | how ("localkey", "remotekey"), node, all_or_none | nodes: [{id,host,sha1 (null)}], source (base64), source_sha1, timestamp, signer, warnings: [text] |
 * | reset-preview | group | the members of reset | sha1 |
 * | reset | group | how, node, timestamp, source_sha1, ticket, force, all_or_none (refused if a node is missing; events below) | events below; sha1, signer, nodes: [{id,host,ok,error; files (as of tftp-restart); if not ok: have (what it served last; null), since}] |
 * | rollback-plan | group | node | nodes: [{id,host,sha1 (it shall serve now),then (null or {sha1,kind,signer,made}),kept (null, or why the node keeps what it has),locks (null, or what rollback without force would refuse for this node)}]; refused if no node gets a list back |
 * | rollback | group | node, lists ({id: SHA-1 of then}), ticket, force | events below; nodes: [{id,host,sha1,ok,error}] |
 * | trust | all | | certs: [the members of a cert, as in certs, from bits on, and roles ("SAST,CCM+TFTP"), ttl (seconds; null: of this cluster, for TVS to say), own (null, or the label of this cluster's key, whose certificate came by itself)], file (path), sha1 (null: nothing was ever added), made (0 likewise), fault (null, or why TVS does not use the file), error (null; or why the token could not be asked: then its certificates are what it said last) |
 * | trust-plan | group | | file (path), sha1, bytes (base64) of the trust file that there is (null: none), timestamp |
 * | trust-set | group | timestamp, base (the plan's sha1), change (text for the audit log), entries: [{cert (base64 of DER),roles,ttl}] (all that the file shall hold: at most 128, of 56 KiB together), ticket | file, sha1, certificates (how many); refused if the file is not `base` any more, and for what itl/trust.h and keyd refuse |
 * | sign | group | node, names (as phones ask for the files), digest ("sha1", "sha512"), timestamp; with as many descriptors, open for reading, as there are names (FRONT_FILES_MAX at most) | refused: [{at (of names),error}]; with a descriptor: for each name u32 length (big-endian; 0: refused), then its header, to be written before the content. Each file is read once, now; it must be a regular one on a file system of this machine, of file-bytes at most. Any number of these run at a time, and during an operation |
 *
 * While an operation runs, another one, and a plan or preview of one, is
 * answered with rc busy, which names it, whose it is, and since when.
 * An answer that is too long for one message comes in several, of which all but
 * the last have a '+' before their text.
 *
 * "group" is root and members of the cluster's group; all others read.
 * `node` is an id or a host name. A plan's timestamp is kept for 15 minutes for
 * the same source, so that a reset has the SHA-1 that its preview announced.
 *
 * Event of reset, reset-plan and ctl-update with all_or_none, for each node that is missing:
 * {"event":"missing","node","host","error":{}}.
 * Events of reset and ctl-update: {"event":"servers","hosts":[...]},
 * {"event":"generated","sha1","signer","kind" ("reset" or "ctl")},
 * {"event":"transferring"}; of rollback: {"event":"servers"},
 * {"event":"restoring"}; then of all these and tftp-restart, for each node as it
 * happens: {"event":"transferred"|"restarting"|"restarted"|"verified","node":ID,
 * "host":HOST} or {"event":"failed","node","host","error":{}}; "transferred" has
 * "file" ("itl" or "ctl"), and comes for each file that the server did not serve.
 * Behind it, while signed files are signed again: {"event":"files","node","host",
 * "files":{"all","done","refused"}}, now and then and at the end.
 */
#ifndef FRONT_CLIENT_H
#define FRONT_CLIENT_H

#include "base/err.h"
#include <jansson.h>

/* The name of a refusal that force overrides, with the administrator's ticket. */
#define FRONT_UNFORCED "UNFORCED"

#define FRONT_REQUEST_MAX 98304u /* bytes of a request; it carries no files, but names
				    and certificates: at most a whole trust store's
				    (itl/trust.h) in base64 */
#define FRONT_FILES_MAX 200      /* descriptors with one request */

struct front;

/* RC_STALE if nobody listens, RC_REFUSED without permission. */
enum rc front_open(const char *socket_path, struct front **out,
		   struct err *e) MUST_CHECK;
void front_free(struct front *f);
CLEANUP_DEFINE(struct front *, front_free);

/* Send a request (borrowed), call `event` for each event (borrowed; may be
 * NULL), give the result (json_decref() it). An "error" becomes *e. */
enum rc front_call(struct front *f, json_t *request,
		   void (*event)(void *arg, json_t *event), void *arg,
		   json_t **result, struct err *e) MUST_CHECK;

/* The same of a request that goes with n files, whose result comes with a descriptor:
 * fd_close() it. */
enum rc front_call_files(struct front *f, json_t *request, const int *files, size_t n,
			 json_t **result, int *out, struct err *e) MUST_CHECK;

#endif
