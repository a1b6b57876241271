/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* Is there nothing on the open device, of which only the first size bytes (more than none) count? Looked at: its first
 * 64 MiB, its last MiB, samples over all of it, and where a table that is gone may have had its first partition. What lies
 * between the samples is not looked at. Reads until deadline. Returns 1; 0 and what was found, to end a sentence
 * "/dev/nbd0 holds …", in *ret_words (printable, to be freed); -ETIMEDOUT; or another negative errno, that of pread(2). */
_must_check_ int live_is_empty(int fd, uint64_t size, usec_t deadline, char **ret_words);
