/* SPDX-License-Identifier: MIT */
/* A tar archive, unpacked below a directory. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "log.h"
#include "space.h"
#include "target.h"
#include "tree-dir.h"
#include "unpack.h"

typedef struct TargetTree {
        Target target; /* first */
        uint64_t max_entries;
        Unpack *unpack; /* NULL before the first byte */
        Ring *ring;
        char *buffer; /* of the ring, under way */
        size_t n_buffer;
        UnpackResult result;
} TargetTree;

static TargetTree *tree(Target *t) {
        return (TargetTree *) t;
}

static int tree_begin(Target *t, uint64_t budget) {
        TargetTree *x = tree(t);
        int r;

        assert(!x->unpack);

        r = unpack_start(t->dir_fd, budget, x->max_entries, t->reason, &x->unpack);
        if (r < 0)
                return reason_set(t->reason, r, "Failed to start unpacking: %m");
        x->ring = unpack_ring(x->unpack);
        return 0;
}

static int tree_data(Target *t, const void *data, size_t n) {
        TargetTree *x = tree(t);
        const char *p = data;
        int r;

        while (n > 0) {
                size_t k;

                if (!x->buffer) {
                        void *empty;

                        r = ring_take_empty(x->ring, &empty);
                        if (r < 0)
                                return r;
                        x->buffer = empty;
                }

                k = MIN(n, RING_BUFFER_SIZE - x->n_buffer);
                memcpy(x->buffer + x->n_buffer, p, k);
                x->n_buffer += k;
                p += k;
                n -= k;
                if (x->n_buffer == RING_BUFFER_SIZE) {
                        ring_put(x->ring, x->n_buffer);
                        x->buffer = NULL;
                        x->n_buffer = 0;
                }
        }

        return 0;
}

/* Ends the threads. */
static int tree_end(Target *t, bool complete) {
        TargetTree *x = tree(t);
        int r;

        if (!x->unpack)
                return complete ? reason_set(t->reason, EBADMSG, "The archive is empty") : -ECANCELED;

        if (complete && x->n_buffer > 0)
                ring_put(x->ring, x->n_buffer);
        ring_close(x->ring, complete);
        x->buffer = NULL;
        x->n_buffer = 0;

        r = unpack_finish(x->unpack, &x->result);
        x->unpack = NULL;
        return r;
}

static int tree_clear(Target *t) {
        int r;

        r = tree_empty(t->dir_fd);
        if (r < 0)
                return reason_set(t->reason, r, "Failed to empty '%s': %m", t->path);
        return 0;
}

static void tree_tell(Target *t, uint64_t downloaded, usec_t begin) {
        const UnpackResult *result = &tree(t)->result;
        _cleanup_free_ char *size = format_size(result->n_bytes), *download = format_size(downloaded);

        if (result->n_left_out > 0)
                log_warning("%zu extended attributes are not supported here ('%s' first), ignoring.",
                            result->n_left_out, result->left_out ?: "");
        if (result->n_by_name > 0)
                log_warning("%zu ACL entries name their user or group without a number, ignoring.", result->n_by_name);
        log_info("Unpacked %llu entries, %s, from %s (%s) in %.1f s.", (unsigned long long) result->n_entries,
                 size ?: "?", download ?: "?", result->compression ?: "not compressed",
                 (double) (now_usec() - begin) / (double) USEC_PER_SEC);
}

static void tree_free(Target *t) {
        TargetTree *x = tree(t);

        free(x->result.left_out);
        safe_close(t->dir_fd);
        free(x);
}

int target_tree_open(const char *path, uint64_t max_entries, Reason *reason, Target **ret) {
        _cleanup_close_ int fd = -EBADF;
        TargetTree *x;
        int r;

        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return log_error_errno(errno, "Failed to open the directory '%s': %m", path);
        r = tree_is_empty(fd);
        if (r < 0)
                return log_error_errno(r, "Failed to read the directory '%s': %m", path);
        if (r == 0)
                return log_error_errno(ENOTEMPTY, "The directory '%s' is not empty.", path);

        x = new0(TargetTree, 1);
        if (!x)
                return log_oom();
        x->max_entries = max_entries;
        x->target = (Target){
                .reason = reason,
                .path = path,
                .dir_fd = TAKE_FD(fd),
                .begin = tree_begin,
                .data = tree_data,
                .end = tree_end,
                .clear = tree_clear,
                .tell = tree_tell,
                .free = tree_free,
        };

        *ret = &x->target;
        return 0;
}
