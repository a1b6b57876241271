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

/* Says in words what the device holds, to end a sentence "/dev/nbd0 holds …": "a GPT partition table, not a file
 * system", "an 'ext4' file system", "nothing that is known". *ret is to be freed. *ret_type (may be NULL; to be
 * freed) is the type of the file system or NULL. Returns 0 or a negative errno. */
_must_check_ int root_device_describe(const char *path, char **ret, char **ret_type);
