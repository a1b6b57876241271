/* SPDX-License-Identifier: MIT */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "alloc-util.h"
#include "bounds.h"
#include "decompress.h"
#include "string-util.h"
#include "tar-attributes.h"
#include "tar-policy.h"
#include "tree-writer.h"
#include "unpack.h"

static inline void archive_freep(struct archive **a) {
        if (*a)
                (void) archive_read_free(*a);
}

struct Unpack {
        Ring *ring;   /* as downloaded */
        Ring *plain;  /* decompressed; NULL if it is not compressed */
        Ring *source; /* the one of both that is read */
        Decompress *decompress;
        const unsigned char *held; /* the buffer that libarchive works in, */
        size_t n_held;
        int64_t held_at; /* and where in the archive it begins */
        int root_fd;
        uint64_t budget, max_entries;
        Reason *reason;
        pthread_t thread;
        UnpackResult result;
        int error;
};

static int refuse(Unpack *u, const char *path, const char *why) {
        _cleanup_free_ char *shown = printable(path, TAR_NAME_SHOWN_MAX);

        if (!shown)
                return reason_oom(u->reason);
        return reason_set(u->reason, EPERM, "Refused '%s': %s", shown, why);
}

static la_ssize_t on_read(struct archive *a, void *userdata, const void **ret) {
        Unpack *u = userdata;
        size_t n = 0;
        int r;

        if (u->held)
                ring_release(u->source);
        u->held_at += (int64_t) u->n_held;
        u->held = NULL;
        u->n_held = 0;

        r = ring_take_full(u->source, ret, &n);
        if (r < 0) {
                archive_set_error(a, EPIPE, "the archive cannot be read");
                return -1;
        }
        if (r == 0)
                return 0;

        u->held = *ret;
        u->n_held = n;
        return (la_ssize_t) n;
}

/* Of a call of libarchive that has failed. What makes the ring fail has explained itself. */
static int damaged(Unpack *u, struct archive *a) {
        _cleanup_free_ char *shown = NULL;

        if (archive_errno(a) == EPIPE)
                return reason_set(u->reason, EPIPE, "The archive cannot be read");
        if (archive_errno(a) == ENOMEM)
                return reason_oom(u->reason);
        shown = printable(archive_error_string(a) ?: "unknown error", TAR_NAME_SHOWN_MAX);
        if (!shown)
                return reason_oom(u->reason);
        if (strstr(shown, "Unrecognized archive format"))
                return reason_set(u->reason, EBADMSG,
                                  "This is no tar archive, nor one compressed with gzip, xz, zstd, bzip2 or lz4");
        if (strcasestr(shown, "truncated"))
                return reason_set(u->reason, EBADMSG, "The archive is cut off: it ends within an entry");

        return reason_set(u->reason, EBADMSG, "The archive is damaged: %s", shown);
}

static mode_t entry_mode(struct archive_entry *entry) {
        return (mode_t) (archive_entry_filetype(entry) | archive_entry_perm(entry));
}

static int fill_entry(Unpack *u, struct archive_entry *entry, TreeEntry *e) {
        const char *name = archive_entry_pathname(entry) ?: "";
        uint32_t uid, gid;

        if (tar_id_check(archive_entry_uid(entry), &uid) < 0 || tar_id_check(archive_entry_gid(entry), &gid) < 0)
                return refuse(u, name, "the number of its owner or group makes no sense");
        if (archive_entry_size(entry) < 0)
                return refuse(u, name, "its size makes no sense");

        e->mode = entry_mode(entry);
        e->uid = uid;
        e->gid = gid;
        e->mtime = (struct timespec) { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
        if (e->mtime.tv_nsec < 0 || e->mtime.tv_nsec >= 1000000000)
                e->mtime.tv_nsec = 0;
        e->size = (uint64_t) archive_entry_size(entry);
        e->sparse = archive_entry_sparse_count(entry) > 0;
        if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
                e->device = makedev((unsigned) archive_entry_rdevmajor(entry),
                                    (unsigned) archive_entry_rdevminor(entry));
        return 0;
}

static int write_contents(Unpack *u, struct archive *a, TreeWriter *w, const TreeEntry *e) {
        int r;

        r = tree_file_begin(w, e);
        if (r < 0)
                return r;

        for (;;) {
                const void *data;
                int64_t offset;
                size_t n;

                r = archive_read_data_block(a, &data, &n, &offset);
                if (r == ARCHIVE_EOF)
                        break;
                if (r < ARCHIVE_WARN)
                        return damaged(u, a);
                if (n == 0)
                        continue;
                if (offset < 0)
                        return refuse(u, e->path, "its pieces do not fit together");
                r = tree_file_write(w, data, n, (uint64_t) offset);
                if (r < 0)
                        return r;
        }

        return tree_file_end(w);
}

static int add_hard_link(Unpack *u, TreeWriter *w, TreeEntry *e, const char *target) {
        _cleanup_free_ char *clean = NULL;
        int r;

        /* pax may let the contents come again with each link; GNU tar and dpkg do not, and which of both would count?
         */
        if (e->size > 0)
                return refuse(u, e->path, "a hard link with contents of its own");

        r = tar_path_clean(target, &clean);
        if (r == -ENOMEM)
                return reason_oom(u->reason);
        if (r < 0) {
                _cleanup_free_ char *why = NULL;

                if (asprintf_to(&why, "the target of the hard link %s", tar_policy_error(r)) < 0)
                        return reason_oom(u->reason);
                return refuse(u, e->path, why);
        }

        e->target = clean;
        return tree_add_hard_link(w, e);
}

static int add_symlink(Unpack *u, TreeWriter *w, TreeEntry *e, const char *target) {
        int r;

        r = tar_link_target_check(target);
        if (r < 0) {
                _cleanup_free_ char *why = NULL;

                if (asprintf_to(&why, "the target of the symlink %s", tar_policy_error(r)) < 0)
                        return reason_oom(u->reason);
                return refuse(u, e->path, why);
        }

        e->target = target;
        return tree_add(w, e);
}

static int write_entry(Unpack *u, struct archive *a, TreeWriter *w, struct archive_entry *entry, TreeEntry *e) {
        const char *link = archive_entry_hardlink(entry);

        if (link)
                return add_hard_link(u, w, e, link);

        switch (e->mode & S_IFMT) {
        case S_IFREG:
                return write_contents(u, a, w, e);
        case S_IFLNK:
                return add_symlink(u, w, e, archive_entry_symlink(entry));
        case S_IFDIR:
        case S_IFCHR:
        case S_IFBLK:
        case S_IFIFO:
                return tree_add(w, e);
        default:
                return refuse(u, e->path, "its type is not known");
        }
}

static int take_entry(Unpack *u, struct archive *a, TreeWriter *w, struct archive_entry *entry) {
        _cleanup_(tar_attributes_done) TarAttributes attributes;
        const char *name = archive_entry_pathname(entry);
        _cleanup_free_ char *path = NULL;
        TreeEntry e = {};
        int r;

        attributes.acls[0] = attributes.acls[1] = NULL;

        r = tar_path_clean(name, &path);
        if (r == -ENOMEM)
                return reason_oom(u->reason);
        if (r < 0) {
                _cleanup_free_ char *why = NULL;

                if (asprintf_to(&why, "its name %s", tar_policy_error(r)) < 0)
                        return reason_oom(u->reason);
                return refuse(u, name ?: "", why);
        }

        r = fill_entry(u, entry, &e);
        if (r < 0)
                return r;
        r = tar_attributes_get(entry, u->reason, &attributes);
        if (r < 0)
                return r;
        u->result.n_by_name += attributes.n_by_name;

        e.path = path;
        e.attributes = attributes.list;
        e.n_attributes = attributes.n;
        return write_entry(u, a, w, entry, &e);
}

/* What follows the end must be the zeros that fill the last record: a second archive would be left out without a word. pixz puts an index
 * behind them, of nothing but names and where they begin. */
static int read_padding(Unpack *u, struct archive *a) {
        int64_t taken = archive_filter_bytes(a, 0) - u->held_at;
        uint64_t n_padding = 0;
        TarTrailer trailer = {};
        const void *data;
        la_ssize_t n;
        int r = 0;

        if (u->held && taken >= 0 && (size_t) taken <= u->n_held)
                r = tar_trailer_check(&trailer, u->held + taken, u->n_held - (size_t) taken);

        while (r >= 0 && (n = on_read(a, u, &data)) > 0) {
                n_padding += (uint64_t) n;
                if (n_padding > TAR_PADDING_MAX)
                        return reason_set(u->reason, EFBIG, "The archive does not end: too many zeros");
                r = tar_trailer_check(&trailer, data, (size_t) n);
        }
        if (r >= 0 && n < 0)
                return damaged(u, a);
        if (r < 0 || !tar_trailer_is_complete(&trailer))
                return reason_set(u->reason, EBADMSG, "Something else follows the end of the archive");
        return 0;
}

static int read_entries(Unpack *u, struct archive *a, TreeWriter *w) {
        struct archive_entry *entry;
        int r;

        for (;;) {
                r = archive_read_next_header(a, &entry);
                if (r == ARCHIVE_EOF)
                        break;
                /* Names stay the bytes that they are: in the C locale, where nothing else is done with them, libarchive
                 * warns of each that is not ASCII. */
                if (r < ARCHIVE_OK &&
                    !(r == ARCHIVE_WARN && strstr(archive_error_string(a) ?: "", "can't be converted")))
                        return damaged(u, a);
                if (++u->result.n_entries > u->max_entries)
                        return reason_set(u->reason, E2BIG,
                                          "The archive has more than %llu entries, see --max-entries=",
                                          (unsigned long long) u->max_entries);
                r = take_entry(u, a, w, entry);
                if (r < 0)
                        return r;
        }

        /* The end is a block of zeros. If there was none, the archive was cut between two entries, which nothing else
         * would show. */
        if (archive_filter_bytes(a, 0) <= archive_read_header_position(a))
                return reason_set(u->reason, EBADMSG, "The archive is cut off: its end is missing");
        if (u->result.n_entries == 0)
                return reason_set(u->reason, EBADMSG, "The archive is empty");
        return 0;
}

static int unpack(Unpack *u) {
        _cleanup_(archive_freep) struct archive *a = archive_read_new();
        _cleanup_(tree_writer_freep) TreeWriter *w = tree_writer_new(u->root_fd, u->budget, u->reason);
        const char *left_out;
        int r;

        if (!a || !w || archive_read_support_format_tar(a) < ARCHIVE_WARN)
                return reason_oom(u->reason);
        if (archive_read_open(a, u, NULL, on_read, NULL) != ARCHIVE_OK)
                return damaged(u, a);

        r = read_entries(u, a, w);
        if (r < 0)
                return r;
        r = read_padding(u, a);
        if (r < 0)
                return r;
        r = tree_finish(w);
        if (r < 0)
                return r;

        u->result.n_bytes = tree_written(w);
        u->result.n_left_out = tree_left_out(w, &left_out);
        return strdup_to(&u->result.left_out, left_out) < 0 ? reason_oom(u->reason) : 0;
}

/* The first buffer says how it is compressed. It stays in the ring for whoever reads it. */
static int choose_source(Unpack *u) {
        const Decoder *decoder = NULL;
        const void *data;
        size_t n;
        int r;

        u->source = u->ring;
        r = ring_take_full(u->ring, &data, &n);
        if (r < 0)
                return reason_set(u->reason, r, "The archive cannot be read");
        if (r == 0)
                return reason_set(u->reason, EBADMSG, "The archive is empty");

        decoder = decoder_find(data, n);
        if (!decoder)
                return 0;

        u->result.compression = decoder->name;
        u->plain = ring_new();
        if (!u->plain)
                return reason_oom(u->reason);
        r = decompress_start(decoder, u->ring, u->plain, u->reason, &u->decompress);
        if (r < 0)
                return reason_set(u->reason, r, "Failed to start a thread: %m");
        u->source = u->plain;
        return 0;
}

static void *thread(void *userdata) {
        Unpack *u = userdata;

        u->error = choose_source(u);
        if (u->error >= 0)
                u->error = unpack(u);
        if (u->error < 0) {
                ring_abort(u->ring);
                if (u->plain)
                        ring_abort(u->plain);
        }
        return NULL;
}

int unpack_start(int root_fd, uint64_t budget, uint64_t max_entries, Reason *reason, Unpack **ret) {
        Unpack *u = new0(Unpack, 1);
        int r;

        if (!u)
                return -ENOMEM;
        u->root_fd = root_fd;
        u->budget = budget;
        u->max_entries = max_entries;
        u->reason = reason;
        u->ring = ring_new();
        if (!u->ring) {
                free(u);
                return -ENOMEM;
        }

        r = pthread_create(&u->thread, NULL, thread, u);
        if (r != 0) {
                ring_free(u->ring);
                free(u);
                return -r;
        }

        *ret = u;
        return 0;
}

Ring *unpack_ring(Unpack *u) {
        return u->ring;
}

int unpack_finish(Unpack *u, UnpackResult *ret) {
        int r;

        (void) pthread_join(u->thread, NULL);
        u->decompress = decompress_join(u->decompress);
        ring_free(u->ring);
        ring_free(u->plain);

        r = u->error;
        if (r >= 0)
                *ret = u->result;
        else
                free(u->result.left_out);
        free(u);
        return r;
}
