/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* Is there a program that makes file systems of this type? */
bool live_can_make(const char *type);

/* Makes a new file system on the device, which must be named by its node: its type is "ext4" or "btrfs", its label
 * ROOT_LABEL_UNFINISHED. Unless overwrite, only if live_look() finds LIVE_EMPTY or LIVE_UNFINISHED: it looks once more, when
 * nobody else can take hold of the device. Whatever moment the power is lost at, live_look() then finds what was there before,
 * untouched, or LIVE_UNFINISHED; if something was there, see scaleway-live(8). What it asks and mkfs are ended at the time
 * deadline. Returns 0 or a negative errno with a sentence about it, without a full stop, in *ret_reason (to be freed); -ENOMEM
 * without one. */
_must_check_ int live_format(const char *path, const char *type, bool overwrite, usec_t deadline, char **ret_reason);

/* Gives the mounted file system the label that it has from live_format(): where this kernel cannot do that, live_finish() would
 * fail after all the work. Returns 0 or a negative errno. */
_must_check_ int live_try_label(int dir_fd);

/* Has all that was written to the mounted file system put on the disk, and only then takes the label away that
 * live_format() gave. Returns 0 or a negative errno. */
_must_check_ int live_finish(int dir_fd);
