/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Has device-mapper forget each device that nobody uses: logical volumes, and what was unlocked, whose key goes from memory. Then the disks
 * below are free. Returns 0, also if there is no device-mapper, or a negative errno. */
_must_check_ int mappings_remove(void);
