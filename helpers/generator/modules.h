/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Has the modules of INITRD_MODULES= loaded before the root is mounted. Words that are no name of a module are warned of and
 * left out. Returns 0 or a negative errno. */
_must_check_ int modules_write(const Boot *b);
