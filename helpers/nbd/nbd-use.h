/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Whether the kernel itself has the device or a partition of it: a file system that is mounted, the device mapper, an array, swap. A program
 * that has merely opened it does not count. In a test $SCALEWAY_DEV takes the place of /dev. Returns 1, 0, or a negative errno. */
_must_check_ int nbd_device_in_use(unsigned index);
