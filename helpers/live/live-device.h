/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Size in bytes and whether it is read-only, of an open device. Returns 0 or a negative errno; -ENOTBLK: it is none. */
_must_check_ int live_device_size(int fd, uint64_t *ret_size, bool *ret_read_only);

/* Is path one of udev's names that come from what is on the device, its label or UUID? It is gone once that is overwritten.
 * Returns 1, 0 or a negative errno. */
_must_check_ int live_device_is_named_by_content(const char *path);
