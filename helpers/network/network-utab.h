/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* The text of /run/mount/utab, where libmount keeps options that are none of the kernel's, as it is to be after switch-root:
 * lines of mounts on sysroot and below have the places that these have then, and no id. Other lines stay as they are. *ret is to
 * be freed. Returns 1, 0 if there is nothing to change (and *ret is untouched), or -ENOMEM. */
_must_check_ int utab_move_root(const char *text, const char *sysroot, char **ret);

/* The same of the file. 0 also if there is none. Returns 1, 0, or a negative errno. */
_must_check_ int utab_file_move_root(void);
