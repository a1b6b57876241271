/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Opens the directory at path below root_fd (O_PATH), "" for the root itself, without following any symlink, at no
 * place of the path. Missing ones are made if create (mode 0755). Returns the descriptor, which is the caller's, or a
 * negative errno: -ELOOP or -ENOTDIR if something on the way is no directory. */
_must_check_ int tree_open_dir(int root_fd, const char *path, bool create);

/* The same, one component after the other: what tree_open_dir() does on kernels before 5.6, and when it creates. */
_must_check_ int tree_open_dir_by_component(int root_fd, const char *path, bool create);

/* Removes all that is in the directory, but not lost+found in it, which mkfs makes, and nothing of other file systems.
 * Returns 0 or a negative errno. */
_must_check_ int tree_empty(int root_fd);

/* Gives all that is in the directory to root, and lets everybody read it, but nobody else write to it. No symlink is followed. Returns
 * 0 or a negative errno. */
_must_check_ int tree_own(int root_fd);

/* True (1) if there is nothing in the directory but lost+found, else 0, or a negative errno. */
_must_check_ int tree_is_empty(int root_fd);
