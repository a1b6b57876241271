/* SPDX-License-Identifier: MIT */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "macro.h"

/* Closes fd if it is >= 0, keeps errno. Always returns -EBADF, to write fd = safe_close(fd). */
int safe_close(int fd);

static inline void closep(int *fd) {
        safe_close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

static inline void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define TAKE_FD(fd)                  \
        ({                           \
                int *_fdp = &(fd);   \
                int _fd = *_fdp;     \
                *_fdp = -EBADF;      \
                _fd;                 \
        })

/* Writes all of the n bytes, however many calls it takes. Returns 0 or a negative errno. */
_must_check_ int write_all(int fd, const void *data, size_t n);
