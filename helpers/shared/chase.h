/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Opens path (O_PATH) as a process would see it whose root directory is root_fd: absolute symlinks and ".." stay
 * below it, and the initrd's own files are never reached. Uses openat2(2), and without it (kernels before 5.6)
 * chase_by_component(). Returns the descriptor, which is the caller's, or the negative errno of openat2(2); -ELOOP
 * after 40 symlinks. */
_must_check_ int chase_in_root(int root_fd, const char *path);

/* The same, one component after the other, for any kernel. Directories that are being moved meanwhile may lead it
 * astray, which in an initrd nobody does. -ENAMETOOLONG if the path or its links get longer than PATH_MAX or deeper
 * than 64 directories. */
_must_check_ int chase_by_component(int root_fd, const char *path);
