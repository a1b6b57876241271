/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* True (1) if the file system, of which root_fd is a directory, is on a partition, a logical volume or an encrypted one; 0 if it
 * is on a whole disk or on none; or a negative errno. */
_must_check_ int root_is_partitioned(int root_fd);
