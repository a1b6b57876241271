/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Returns 1 if a file system is mounted on the directory at path, 0 if not, or a negative errno. A bind mount within one file
 * system counts, too (statx(2), STATX_ATTR_MOUNT_ROOT; before Linux 5.8 it does not). */
_must_check_ int path_is_mount_point(const char *path);
