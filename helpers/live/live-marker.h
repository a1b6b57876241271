/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* While mkfs works, and only then, a device has neither its old content nor a file system that says what is going on. For
 * that time a marker stands in its last block, which mkfs does not reach: it is told that the device ends before. */

/* Bytes of a device of size bytes that a file system may have; 0 if the device is too small for anything. What is left at
 * its end is less than 2 MiB. */
_const_ uint64_t live_usable_size(uint64_t size);

/* Is the marker on the device of that size? 1, 0, or a negative errno, that of pread(2). */
_must_check_ int live_marker_read(int fd, uint64_t size);

/* Writes the marker, or zeros in its place, and waits until it is on the disk. Returns 0 or a negative errno. */
_must_check_ int live_marker_write(int fd, uint64_t size, bool on);

/* Where it is: the bytes of a device of size bytes, for which live_usable_size() is not 0, before the marker. */
_const_ uint64_t live_marker_offset(uint64_t size);
