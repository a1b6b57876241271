/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Files of the root file system, whose directory is root_fd. Symlinks are followed as they will be after switch-root and
 * never lead out of it, whoever made the image. Paths begin with a slash. */

/* Larger ones are none that a boot edits. */
#define ROOT_FILE_MAX (1U << 20)

/* Opens a directory for the *at() functions. Returns the descriptor, the caller's, or a negative errno. */
_must_check_ int root_directory_open(int root_fd, const char *path);

/* Reads a regular file. *ret is NUL-terminated and to be freed, *ret_size (may be NULL) does not count that NUL. -ENOENT if
 * there is none, -EISDIR, -EINVAL (some other kind of file), -EFBIG, or what open(2) and read(2) say. */
_must_check_ int root_file_read(int root_fd, const char *path, char **ret, size_t *ret_size);

/* Replaces the content of a regular file that exists, atomically, with its owner, mode and extended attributes kept. If the
 * path is a symlink it stays one, and the file it leads to is replaced. Errors as above; the old file is then untouched. */
_must_check_ int root_file_replace(int root_fd, const char *path, const void *data, size_t size);
