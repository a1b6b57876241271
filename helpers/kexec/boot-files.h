/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Kernels and initrds in /boot of a root file system, by the names that distributions give them. */

/* The version in the name of a kernel: what follows "vmlinuz-", "" for "vmlinuz" alone. NULL if the name is that of no
 * kernel, or of one that was put aside ("vmlinuz-6.1.old"). */
const char *kernel_version(const char *name);

/* Compares names of kernels: < 0 if a is older. A version that begins with a digit is newer than a word, for that is what
 * can be compared (version-compare.h); "6.12-rc6" is older than "6.12", and kernels for rescue, kdump and debugging are older than
 * all other versions. Names that are no kernels are older than those that are. */
int kernel_compare(const char *a, const char *b);

/* Opens (O_RDONLY) the newest kernel in /boot below root_fd, regular files only. *ret_name, to be freed, is its name in
 * there. Returns the descriptor, the caller's, or a negative errno: -ENOENT if there is none, -E2BIG if the directory
 * has more than 4096 entries. */
_must_check_ int kernel_open_latest(int root_fd, char **ret_name);

/* Opens the initrd that belongs to the kernel of that name: initrd.img-VERSION (Debian), initramfs-VERSION.img (Fedora,
 * Arch), initramfs-VERSION (Alpine), initrd-VERSION (SUSE). *ret_name as above. -ENOENT if there is none. */
_must_check_ int initrd_open_for(int root_fd, const char *kernel, char **ret_name);

/* Opens (O_RDONLY) the file at the absolute path below root_fd, symlinks as chase_in_root() follows them. Returns the
 * descriptor, the caller's, or a negative errno: -EISDIR, -EINVAL if it is no regular file, -ENODATA if it is empty. */
_must_check_ int boot_file_open(int root_fd, const char *path);
