/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Adds "nofail" to the options of the line that mounts mount_point, fstab(5), if they have neither nofail nor noauto. Every
 * other byte stays as it is. Returns 1 and the new text in *ret (to be freed), 0 if there is nothing to change, -ENOMEM. text
 * is NUL-terminated. */
_must_check_ int fstab_add_nofail(const char *text, const char *mount_point, char **ret);
