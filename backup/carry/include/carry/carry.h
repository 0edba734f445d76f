/*
 * carry: the child that meets strangers' servers.
 *
 * It is exec'd for one job and ends with it; its parent kills it at the job's
 * deadline, and it dies with its parent, so that no orphan puts an old list
 * over a newer one. It holds no state and gets no environment.
 *
 *   0  the job: one JSON object, at most CARRY_JOB_MAX bytes
 *   3  the content of a put
 *   4  what a fetch brought
 *   1  nothing, or one error as JSON (base/errjson.h)
 *
 * It exits with err_exit_code(). Every job has "do" and "parent" (the process
 * that started it). Members that are not known are errors.
 *
 * | do | members | |
 * | --- | --- | --- |
 * | put | folder, name, mode | write aside, fsync, rename: FOLDER/NAME is the old file or the new one |
 * | fetch | url (tftp:// or http://), seconds, max | no redirects, no proxies; not-found if the server has no such file; verify if it is larger than max bytes |
 */
#ifndef CARRY_CARRY_H
#define CARRY_CARRY_H

#define CARRY_CONTENT_FD 3
#define CARRY_RESULT_FD 4

#define CARRY_JOB_MAX 8192u       /* bytes of a job */
#define CARRY_CONTENT_MAX 65535u  /* bytes of a put or a fetch: ITL_MAX */
#define CARRY_ERROR_MAX 8192u     /* bytes of an error */

#endif
