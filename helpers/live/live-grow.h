/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Grows the mounted file system to the size of the disk, partition or logical volume that it is on: ext4 (2, 3) and btrfs on
 * one device. What lies below stays as it is. Returns 1 if it has grown, and then its size in bytes before and after; 0 if
 * there was nothing to do; -EOPNOTSUPP for another file system; another negative errno. */
_must_check_ int live_grow(int dir_fd, uint64_t *ret_before, uint64_t *ret_after);
