/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "progress.h"
#include "reason.h"
#include "request.h"

/* The whole body of a URL, in one piece for who takes it: a lost connection is resumed where it was lost, if the server
 * says that it still has the same; else everything begins again. */

typedef struct Download {
        const char *url;
        const char *ca;
        usec_t stall;   /* of one connection */
        usec_t timeout; /* how long it may fail in a row, pauses included */
        /* Takes n bytes, the next ones. < 0 stops the download. */
        int (*on_data)(void *userdata, const void *data, size_t n);
        /* Before the first byte: total bytes will come, UINT64_MAX if not known. < 0 stops the download. */
        int (*on_begin)(void *userdata, uint64_t total);
        /* What came so far is void, on_begin() is next. < 0 stops the download. */
        int (*on_restart)(void *userdata);
        /* Now and then. < 0 stops the download. */
        int (*on_tick)(void *userdata, uint64_t bytes, uint64_t total);
        /* Before a message is logged; may be NULL. */
        void (*on_message)(void *userdata);
        void *userdata;
} Download;

/* Returns 0 when all has come, -ECANCELED if a callback stopped it, else a negative errno after reason_set().
 * *ret_bytes is what came in the end. Logs a warning for each lost connection. */
_must_check_ int download_run(const Download *download, Reason *reason, uint64_t *ret_bytes);

/* Tries for timeout until the server begins to send the body, which is then broken off. Returns 0 or a negative errno after
 * reason_set(). */
_must_check_ int download_look(const char *url, const char *ca, usec_t stall, usec_t timeout, Reason *reason);

/* Fetches a small file of at most max bytes into *ret, to be freed. Tries again for timeout. Returns 0, or a negative
 * errno after reason_set(). */
_must_check_ int download_small(const char *url, const char *ca, usec_t stall, usec_t timeout, size_t max,
                                Reason *reason, void **ret, size_t *ret_size);
