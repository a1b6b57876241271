/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "macro.h"

/* Reads the file at path, below dir_fd (or AT_FDCWD), of at most max bytes. *ret is NUL-terminated and to be freed;
 * *ret_size (may be NULL) does not count that NUL. -EFBIG if the file is larger, else the negative errno of open(2) or
 * read(2). Works for files of /proc and /sys, whose size is not known beforehand. */
_must_check_ int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size);

/* Replaces the file at path atomically: temporary file in the same directory, fsync(), renameat(). Returns 0 or a negative
 * errno, and then the old file is untouched. */
_must_check_ int write_file_atomic_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode);

/* The same of an open file, from where it stands. */
_must_check_ int read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Creates a file that does not exist (-EEXIST, for a symlink as well) and has it on the disk. Its mode is mode; or, if like_fd is
 * an open file, owner, mode and extended attributes are those of that one. Returns 0 or a negative errno, and then there is none. */
_must_check_ int create_file_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, int like_fd);

static inline _must_check_ int read_file(const char *path, size_t max, char **ret, size_t *ret_size) {
        return read_file_at(-100 /* AT_FDCWD */, path, max, ret, ret_size);
}

static inline _must_check_ int write_file_atomic(const char *path, const void *data, size_t size, mode_t mode) {
        return write_file_atomic_at(-100 /* AT_FDCWD */, path, data, size, mode);
}

/* Creates the directory and its parents, mode 0755; an existing one is fine. Returns 0 or a negative errno. */
_must_check_ int mkdir_p(const char *path);
