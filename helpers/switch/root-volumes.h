/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "nbd-status.h"

/* Which NBD volumes a file system needs, whatever is between it and them: partitions, mappings of the device mapper, arrays, several devices
 * of one btrfs. By what sysfs tells; in a test $SCALEWAY_SYS takes the place of /sys. ret[N] is set to true for nbdN, and nothing to false.
 * They return 0, also if there is none, or a negative errno. */

/* path is relative to /sys, a block device: "dev/block/254:0". -ENOENT if there is no such device. */
_must_check_ int root_volumes_below(const char *path, bool ret[static NBD_INDEX_MAX + 1]);

_must_check_ int root_volumes_of_btrfs(const uint8_t uuid[static 16], bool ret[static NBD_INDEX_MAX + 1]);

/* fd: of a directory of the file system, may be O_PATH. */
_must_check_ int root_volumes_find(int fd, bool ret[static NBD_INDEX_MAX + 1]);
