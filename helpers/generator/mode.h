/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Each boot mode has a file, and one function that has scaleway-root.target require the unit of the mode and writes
 * that unit's drop-ins. All return 0 or a negative errno. */
_must_check_ int mode_local_write(const Boot *b);
