/* SPDX-License-Identifier: MIT */
#pragma once

#include "reason.h"
#include "time-util.h"

/* What becomes of a download: a tree of files, or one file. Whatever happens, there is all of it in the end or nothing.
 */
typedef struct Target Target;

struct Target {
        Reason *reason;
        const char *path; /* as the user wrote it */
        int dir_fd;       /* on the file system that takes the bytes */

        /* Before the first byte; budget: bytes that may be written. Returns 0 or a negative errno after reason_set().
         */
        int (*begin)(Target *t, uint64_t budget);
        /* The next n bytes. < 0: something has failed, and the reason is kept. */
        int (*data)(Target *t, const void *data, size_t n);
        /* No more bytes follow; complete: for that was all. Also without begin(). Returns 0 if all is there and
         * complete, else a negative errno, with the reason kept if it is this side's. */
        int (*end)(Target *t, bool complete);
        /* After end(): removes all, begin() may follow. Returns 0 or a negative errno after reason_set(). */
        int (*clear)(Target *t);
        /* After a good end(): says in one line what there is now. */
        void (*tell)(Target *t, uint64_t downloaded, usec_t begin);
        void (*free)(Target *t);
};

/* The directory at path, which must be empty; the download is a tar archive of at most max_entries entries. Both log
 * what is wrong and return a negative errno, or 0 and *ret. path and reason must outlive it. */
_must_check_ int target_tree_open(const char *path, uint64_t max_entries, Reason *reason, Target **ret);

/* The file at path (mode 0600), as it was downloaded; one that is there is replaced. */
_must_check_ int target_file_open(const char *path, Reason *reason, Target **ret);

static inline void target_freep(Target **t) {
        if (*t)
                (*t)->free(*t);
}
