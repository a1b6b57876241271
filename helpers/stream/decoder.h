/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* One way to compress. The libraries are called directly, not through libarchive: its gzip reader does not compare the
 * checksum (3.6 and 3.7), and this way they write where the bytes are needed, without a copy. */
typedef struct Decoder {
        const char *name; /* "gzip" */
        unsigned char magic[8];
        size_t n_magic;
        bool skips_frames; /* there may be frames before the first that are for others, and it passes over them */
        /* NULL if memory is short. */
        void *(*open)(void);
        void (*close)(void *state);
        /* Takes from *in (of *n_in bytes, both moved on) and writes at most n_out bytes to out, *ret_written of them.
         * finish: no more input follows. Returns 1 if the compressed data are complete at this point and something else
         * may only follow as a further member, 0 if there is more to come, or an error: -EBADMSG damaged, -EFBIG wants
         * more memory than it may, -ENOMEM. A call that neither takes nor writes anything waits for input. */
        int (*decode)(void *state, const unsigned char **in, size_t *n_in, unsigned char *out, size_t n_out,
                      size_t *ret_written, bool finish);
} Decoder;

/* The decoder for data that begin with these n bytes, or NULL. Frames before its own must end within them. */
const Decoder *decoder_find(const void *data, size_t n);
