/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* The path of the device that source names: "/dev/vda" as it is, "UUID=…", "LABEL=…", "PARTUUID=…" and
 * "PARTLABEL=…" as udev's link below /dev/disk. *ret is to be freed. -EINVAL if it is none of these. */
_must_check_ int root_device_path(const char *source, char **ret);

/* Waits until path is a block device that has a size, at most until the time deadline; looks again whenever its
 * directory changes and some times a second, because a device that is attached under an existing name changes no
 * directory. -ENODEV: it never appeared. -ENOTBLK: it is something else. -ENOMEDIUM: it has no size. */
_must_check_ int root_device_wait(const char *path, usec_t deadline);

/* Is it a disk of which the kernel makes partitions: neither a partition itself nor device-mapper's? */
bool root_device_is_disk(const char *path);

/* The path of the kernel's partition with this number, to be freed, once it is there and has a size; waits for it until
 * deadline. If it is missing at first, the kernel is told to read the table again. -EOPNOTSUPP: the kernel reads no
 * partitions of this disk, as of an NBD device with nbd.max_part=0. Else as root_device_wait(). */
_must_check_ int root_device_partition(const char *path, unsigned number, usec_t deadline, char **ret);
