/*
 * carry: the child that meets strangers' servers.
 *
 * It is exec'd for one job and ends with it; its parent kills it at the job's
 * deadline, and it dies with its parent, so that no orphan puts an old list
 * over a newer one. It holds no state and gets no environment.
 *
 *   0  the job: one JSON object, at most CARRY_JOB_MAX bytes
 *   3  the content of a put, a replace, a store, a mail, a tvs
 *   4  what a fetch, a replace, a load, a list, a host key brought
 *   5  a password, to its end (only if the job says so); a pipe, never a file
 *   6  a connection to the user's SSH agent (only if the job says so)
 *   7  a dialogue with the parent: an again
 *   1  nothing, or one error as JSON (base/errjson.h)
 *
 * It exits with err_exit_code(). Every job has "do" and "parent" (the process
 * that started it). Members that are not known are errors.
 *
 * | do | members | |
 * | --- | --- | --- |
 * | put | folder, name, mode | write aside, fsync, rename: FOLDER/NAME is the old file or the new one |
 * | writable | folder | a file could be put there; none is |
 * | fetch | url (tftp:// or http://), seconds, max | no redirects, no proxies; not-found if the server has no such file; verify if it is larger than max bytes |
 * | hostkey | SSH | what known_hosts says of the server: {"state": "known", "unknown" or "changed", "type", "fingerprint", "address", "entry" (a line for known_hosts), "known" (the fingerprint of before, if changed), "file" (which has that one)} |
 * | probe | SSH | log in, and see that "folder" is one |
 * | store | SSH, folder, name, aside (null) | write aside, fsync where offered, read back and compare, rename; what stands there: refused, or first renamed to "aside"; leftovers of before (carry/name.h) are removed |
 * | replace | SSH, folder, name, mode | a put over SSH: write aside, fsync where offered, read back and compare, `mv -fT`; folder: an absolute path (carry/name.h). Where the login runs no commands the old file is moved aside first: {"atomic": bool, "note": why not, or ""} |
 * | exec | SSH, command | run it; the error has its exit status and the last line of its standard error |
 * | again | SSH, folder, max | a dialogue (below) about each .sgn in the folder and in those below it, of at most max bytes: it is given a new header, or left. Each is replaced as a replace does; what jobs before left is removed. {"atomic", "note"} |
 * | load | SSH, folder, name, max | the file |
 * | list | SSH, folder | [{"name", "size"}] |
 * | remove | SSH, folder, name | |
 * | mail | url, from, to (an array; all three: carry/address.h), user (null), password (bool), starttls (bool), ca (null), seconds | the content is the message; a user has a password, and a password is sent by STARTTLS alone |
 * | tvs | address, port, sha1 (of the certificate that it must show), seconds | ask it as a phone does about each certificate of the content (DER, one after the other), which it must give as one that signs lists; verify if it does not |
 *
 * SSH stands for: host, port, user, seconds, known_hosts, fingerprint (what the
 * server's key must be; "" for hostkey alone), identity (null), agent (bool),
 * password (bool). Sessions with another key than the fingerprint get nothing.
 *
 * A dialogue's messages: u32 length of the rest, a letter, and
 *
 * | child | | |
 * | --- | --- | --- |
 * | w | | it is still at it: now and then |
 * | n | u32 files | so many come; once, before the first |
 * | f | u32 number, path below the folder, NUL, the file | numbers grow; gaps were refused |
 * | g | | answer what came until now |
 * | d | u32 number | it has its new header |
 * | r | u32 number, error (JSON) | it stays as it is; CARRY_AGAIN_NONE: none that was counted |
 *
 * | parent | | |
 * | --- | --- | --- |
 * | h | u32 number, u32 skip, header | put this in place of its first `skip` bytes |
 * | l | u32 number | leave it |
 *
 * Until the answers of one 'g' are all there, the child sends what is for the next one
 * and no more.
 */
#ifndef CARRY_CARRY_H
#define CARRY_CARRY_H

#define CARRY_CONTENT_FD 3
#define CARRY_RESULT_FD 4
#define CARRY_SECRET_FD 5
#define CARRY_AGENT_FD 6
#define CARRY_TALK_FD 7

#define CARRY_JOB_MAX 8192u         /* bytes of a job */
#define CARRY_CONTENT_MAX 65535u    /* bytes of a put, a replace, a fetch: ITL_MAX */
#define CARRY_OBJECT_MAX (8u << 20) /* bytes of a store, a load, a list, a mail, a tvs */
#define CARRY_LIST_MAX 5000u        /* files of a folder that are gone through */
#define CARRY_ERROR_MAX 8192u       /* bytes of an error */

#define CARRY_AGAIN_MAX ((16u << 20) + 4096u) /* bytes of a .sgn */
#define CARRY_AGAIN_FILES 2000000u /* of one tree */
#define CARRY_AGAIN_DEPTH 32u      /* folders in folders */
#define CARRY_AGAIN_PATH 260u      /* bytes of a path below the folder, NUL included */
#define CARRY_AGAIN_NONE UINT32_MAX
/* Bytes of a message: a file, and what stands before it. */
#define CARRY_TALK_MAX (CARRY_AGAIN_MAX + CARRY_AGAIN_PATH + 5u)

/* It is read beside the job's known_hosts. */
#define CARRY_KNOWN_HOSTS "/etc/ssh/ssh_known_hosts"

#endif
