/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <limits.h>
#include <sys/types.h>

#include "bounds.h"
#include "macro.h"

/* Files of the root file system, whose directory is root_fd. Symlinks are followed as they will be after switch-root and
 * never lead out of it, whoever made the image. Paths begin with a slash. */

/* Opens a directory for the *at() functions. Returns the descriptor, the caller's, or a negative errno. */
_must_check_ int root_directory_open(int root_fd, const char *path);

/* Reads a regular file. *ret is NUL-terminated and to be freed, *ret_size (may be NULL) does not count that NUL. -ENOENT if
 * there is none, -EISDIR, -EINVAL (some other kind of file), -EFBIG, or what open(2) and read(2) say. */
_must_check_ int root_file_read(int root_fd, const char *path, char **ret, size_t *ret_size);

/* The same of a text, so -EINVAL if there is a NUL in it: what follows would be lost when it is written again. Returns 1, 0 and ""
 * if there is no such file, or an error as above. */
_must_check_ int root_file_read_text(int root_fd, const char *path, char **ret);

/* A file that is complete and on the disk, but still under another name beside it. */
typedef struct RootFile {
        int dir_fd;
        char name[NAME_MAX + 1];
        char *temporary; /* NULL: nothing to commit */
} RootFile;

#define ROOT_FILE_INIT { .dir_fd = -EBADF }

/* Prepares new content for a regular file that exists; owner, mode and extended attributes are those it has. If the path is a
 * symlink it stays one, and the file it leads to is meant. Returns 0 and *ret, or an error as above, and then nothing has
 * changed. */
_must_check_ int root_file_stage(int root_fd, const char *path, const void *data, size_t size, RootFile *ret);

/* Prepares a file that is to take the place of whatever is at path, or of nothing. A symlink there is not followed, but replaced. */
_must_check_ int root_file_stage_new(int root_fd, const char *path, const void *data, size_t size, mode_t mode, RootFile *ret);

/* Gives it its name, atomically, and has that on the disk, too. Returns 0 or a negative errno. */
_must_check_ int root_file_commit(RootFile *f);

/* Removes what was not committed. */
void root_file_done(RootFile *f);

/* Stage and commit. */
_must_check_ int root_file_replace(int root_fd, const char *path, const void *data, size_t size);

/* The same of a file that does not exist: -EEXIST if there is anything, also a symlink that leads nowhere. */
_must_check_ int root_file_create(int root_fd, const char *path, const void *data, size_t size, mode_t mode);

/* Replaces a file that exists, as root_file_read_text() has found out, or creates one with this mode. Returns 1, 0 if there is none but
 * a symlink that leads nowhere, by which an image says that the running system makes the file, or a negative errno. */
_must_check_ int root_file_write_text(int root_fd, const char *path, const char *text, bool exists, mode_t mode);

/* A second name for the file that path leads to, which keeps what it is now when that is replaced. -EEXIST as above. */
_must_check_ int root_file_link(int root_fd, const char *path, const char *other);

/* Removes what is at path, which is not followed. Returns 0 or a negative errno. */
_must_check_ int root_file_unlink(int root_fd, const char *path);

/* True if there is anything at path, whose last component is not followed. */
bool root_entry_exists(int root_fd, const char *path);

/* True if nothing can be written there, as the file system is mounted read-only. */
bool root_is_read_only(int root_fd);
