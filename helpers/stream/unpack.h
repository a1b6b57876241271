/* SPDX-License-Identifier: MIT */
#pragma once

#include "reason.h"
#include "ring.h"

/* Unpacks an archive below a directory while it comes in: a thread that reads the tar format and writes files, and, if
 * the archive is compressed, one more before it that decompresses. */
typedef struct Unpack Unpack;

typedef struct UnpackResult {
        const char *compression;     /* "gzip", NULL if none */
        uint64_t n_entries, n_bytes; /* of file contents */
        size_t n_left_out;           /* extended attributes that the file system did not take, */
        char *left_out;              /* and the name of the first, to be freed */
        size_t n_by_name;            /* ACL entries left out */
} UnpackResult;

/* Begins. root_fd, which must be empty, and reason must outlive it. budget: bytes that may be written; max_entries:
 * entries of the archive. Returns 0 or a negative errno. */
_must_check_ int unpack_start(int root_fd, uint64_t budget, uint64_t max_entries, Reason *reason, Unpack **ret);

/* Where the archive is put into: by one thread, which closes it at the end. */
Ring *unpack_ring(Unpack *u);

/* Waits for the end; the ring must have been closed. Returns 0 if the whole archive is unpacked and was complete, and
 * then *ret; else a negative errno, and the reason is kept. Frees u in any case. */
_must_check_ int unpack_finish(Unpack *u, UnpackResult *ret);
