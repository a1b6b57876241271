/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Both log what they did or why they did not, and return 0 or a negative errno. */

/* A device that is free is success. One that is in use (nbd-use.h) is -EBUSY, unless force is true. */
_must_check_ int detach_volume(unsigned index, bool force);
/* A volume that does not go does not keep the others. */
_must_check_ int detach_all_volumes(bool force);
