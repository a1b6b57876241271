/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* A logical volume, by names that have been checked: they can be neither options nor paths. */
typedef struct RootVolume {
        char *group;
        char *name;
} RootVolume;

/* Frees the contents, not v itself. */
void root_volume_done(RootVolume *v);

/* The volume that the path of a device names, /dev/GROUP/NAME or /dev/mapper/GROUP-NAME: 1 and *ret, to be given to
 * root_volume_done(). 0 if it names none. -ENOMEM. */
_must_check_ int root_volume_parse(const char *path, RootVolume *ret);

/* The path below /dev/mapper that the kernel's name of the volume makes, to be freed. Returns 0 or -ENOMEM. */
_must_check_ int root_volume_path(const RootVolume *v, char **ret);

/* Which volume of the group is the root: list is what "lvs -o lv_name" prints, one name a line. That is the one named
 * "root", else the only one. Returns 0 and *ret (to be freed); -ENOENT, and in *ret_reason (to be freed) the end of the
 * sentence "Volume group 'x' has …"; -ENOMEM. */
_must_check_ int root_volume_choose(const char *list, char **ret, char **ret_reason);

/* Finds the group of the physical volume at path and chooses a volume of it. Until deadline. Returns 0 and *ret;
 * -ENOMEM; another negative errno with a whole sentence about it, without a full stop, in *ret_reason (to be freed). */
_must_check_ int root_volume_find(const char *path, usec_t deadline, RootVolume *ret, char **ret_reason);

/* Activates this volume and no other one. Until deadline. Results as of root_volume_find(); -ENOENT: there is no lvm
 * here. */
_must_check_ int root_volume_activate(const RootVolume *v, usec_t deadline, char **ret_reason);
