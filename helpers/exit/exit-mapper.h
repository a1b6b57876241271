/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Removes all mappings of the device mapper (logical volumes, LUKS) that are not in use, one on top of the other. data
 * is not used: for run_limited(). Returns 0, also if the kernel has no device mapper, or a negative errno; -EBUSY if
 * some are left. */
_must_check_ int mapper_remove_all(void *data);
