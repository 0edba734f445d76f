/* For the boxes of hsm: which file a module is. */
#ifndef HSM_MODULE_PATH_H
#define HSM_MODULE_PATH_H

#include "hsm/module.h"
#include <limits.h>

/* A path as it is, or by the name of its p11-kit configuration. */
enum rc module_path(const char *name, char to[PATH_MAX], struct err *e) MUST_CHECK;

#endif
