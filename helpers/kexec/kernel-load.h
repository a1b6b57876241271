/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Hands kernel, initrd (a descriptor, or -EBADF for none) and command line over to the running kernel:
 * kexec_file_load(2), or kexec(8) where the kernel has no such call (32-bit Arm). Both descriptors must be open for
 * reading only. Returns 0 or a negative errno after a message; shown is how the kernel is called in it. */
_must_check_ int kernel_load(int kernel_fd, int initrd_fd, const char *cmdline, const char *shown);

/* Takes it back. Nothing loaded is fine. Returns 0 or a negative errno after a message. */
_must_check_ int kernel_unload(void);

/* Jumps into the loaded kernel, without a word to anybody. Returns only if that fails: a negative errno. */
_must_check_ int kernel_jump(void);
