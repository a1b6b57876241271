/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* Makes a new file system on the device: its type is "ext4" or "btrfs", its label ROOT_LABEL_UNFINISHED. Whatever moment
 * the power is lost at, live_look() then finds what was there before, untouched, or LIVE_UNFINISHED. mkfs is ended at the
 * time deadline. Returns 0 or a negative errno with a sentence about it, without a full stop, in *ret_reason (to be freed);
 * -ENOMEM without one. */
_must_check_ int live_format(const char *path, const char *type, usec_t deadline, char **ret_reason);

/* Has all that was written to the mounted file system put on the disk, and only then takes the label away that
 * live_format() gave. Returns 0 or a negative errno. */
_must_check_ int live_finish(int dir_fd);
