/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "reason.h"

/* Writes what an archive holds below one directory and nowhere else: parents are opened without following symlinks,
 * names in them with O_NOFOLLOW, and what is there already is never written to but replaced. */

typedef struct TreeAttribute {
        const char *name; /* of an extended attribute */
        const void *value;
        size_t n;
} TreeAttribute;

typedef struct TreeEntry {
        const char *path; /* of tar_path_clean() */
        mode_t mode;      /* type and permissions */
        uid_t uid;
        gid_t gid;
        struct timespec mtime;
        uint64_t size;                   /* of a regular file, bytes */
        bool sparse;                     /* it has holes, and needs less space than that */
        dev_t device;                    /* of a device node */
        const char *target;              /* of a symlink: as it is; of a hard link: tar_path_clean() */
        const TreeAttribute *attributes; /* extended attributes and ACLs, in the kernel's form */
        size_t n_attributes;
} TreeEntry;

typedef struct TreeWriter TreeWriter;

/* root_fd stays the caller's and must outlive it, like reason, where each failure below is explained. budget: bytes
 * that may be written. Returns NULL if memory is short. */
TreeWriter *tree_writer_new(int root_fd, uint64_t budget, Reason *reason);
TreeWriter *tree_writer_free(TreeWriter *w);
DEFINE_TRIVIAL_CLEANUP_FUNC(TreeWriter *, tree_writer_free)

/* A directory, symlink, device node or FIFO. Owner, times and permissions of directories are set by tree_finish().
 * Returns 0, or a negative errno after reason_set(), like all that follow. */
_must_check_ int tree_add(TreeWriter *w, const TreeEntry *e);
/* Another name for a file that the archive has had. */
_must_check_ int tree_add_hard_link(TreeWriter *w, const TreeEntry *e);

/* A regular file: begun, its pieces in the order of their offsets, ended. What no piece covers becomes a hole. */
_must_check_ int tree_file_begin(TreeWriter *w, const TreeEntry *e);
_must_check_ int tree_file_write(TreeWriter *w, const void *data, size_t n, uint64_t offset);
_must_check_ int tree_file_end(TreeWriter *w);

/* The archive is complete. */
_must_check_ int tree_finish(TreeWriter *w);

/* Bytes of file contents written. */
uint64_t tree_written(const TreeWriter *w);
/* Extended attributes and ACLs that the file system does not take; the name of the first one in *ret_name, valid as
 * long as w. */
size_t tree_left_out(const TreeWriter *w, const char **ret_name);
