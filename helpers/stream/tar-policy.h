/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* What an archive may say. These only look at names and numbers and touch no file; the writer makes sure in addition
 * that no symlink is followed. Errors are the same everywhere:
 *
 *   -EINVAL         empty, or not such a thing
 *   -EXDEV          a ".." component
 *   -ELOOP          too many components
 *   -ENAMETOOLONG   longer than the kernel takes
 *   -ERANGE         a number that does not fit
 *   -E2BIG          larger than allowed
 *   -EPERM          not for an archive to say
 *   -ENOMEM */

/* *ret (to be freed) is the path below the root: no leading slash, no "." and no empty components; "" is the root
 * itself. */
_must_check_ int tar_path_clean(const char *path, char **ret);

/* Target of a symlink: any text that the kernel takes. It is written, never followed. */
_must_check_ int tar_link_target_check(const char *target);

/* True if the extended attribute is to be set: user.*, trusted.*, security.*. system.* is not for an archive: ACLs come
 * apart from it. Returns 1, 0 (leave it out), or an error. */
_must_check_ int tar_xattr_check(const char *name, size_t size);

/* Owner or group. (uid_t) -1 would mean "leave it" to the kernel. */
_must_check_ int tar_id_check(int64_t id, uint32_t *ret);

/* One more piece of n bytes at offset in a file of size bytes. -E2BIG if it would reach beyond its end. */
_must_check_ int tar_piece_check(uint64_t offset, uint64_t n, uint64_t size);

/* What follows the end of an archive: zeros, and then maybe the index that pixz writes, which is a magic number, names and where in the
 * archive each begins, and a last one without a name. Nothing of it is used, but nothing else may stand there. */
typedef struct TarTrailer {
        enum { TAR_TRAILER_ZEROS, TAR_TRAILER_MAGIC, TAR_TRAILER_NAME, TAR_TRAILER_OFFSET, TAR_TRAILER_END } state;
        size_t n; /* bytes of what the state names */
        bool last; /* of the names */
} TarTrailer;

/* Takes the next n bytes; t begins as {}. Returns 0, or -EINVAL if they do not belong there. */
_must_check_ int tar_trailer_check(TarTrailer *t, const unsigned char *p, size_t n);

/* Could this be all? */
bool tar_trailer_is_complete(const TarTrailer *t);

/* The phrase for an error of tar_path_clean() or tar_link_target_check(): "has a '..' component". */
const char *tar_policy_error(int error);
