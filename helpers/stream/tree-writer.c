/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "bounds.h"
#include "fd-util.h"
#include "space.h"
#include "string-util.h"
#include "tar-policy.h"
#include "tree-dir.h"
#include "tree-writer.h"

#define LOOK_EVERY_ENTRIES 16384U

/* What is set when nothing is written into the directory any more: writing would change its time, a default ACL would
 * go to what is made in it, and a mode could forbid it. */
typedef struct Directory {
        char *path;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        struct timespec mtime;
        TreeAttribute *attributes; /* copies, in one piece of memory */
        size_t n_attributes;
} Directory;

struct TreeWriter {
        int root_fd;
        Reason *reason;
        uint64_t budget, written, look_at, n_entries;
        mode_t old_umask;

        /* Entries of a directory mostly come one after the other. */
        char *parent_path;
        int parent_fd;

        Directory *directories;
        size_t n_directories, allocated;

        /* The file under way. */
        TreeEntry file;
        int file_fd;
        uint64_t file_end;

        size_t n_left_out;
        char *left_out;
};

TreeWriter *tree_writer_new(int root_fd, uint64_t budget, Reason *reason) {
        TreeWriter *w = new(TreeWriter, 1);

        if (!w)
                return NULL;

        *w = (TreeWriter) {
                .root_fd = root_fd,
                .reason = reason,
                .budget = budget,
                .look_at = SPACE_LOOK_EVERY,
                .parent_fd = -EBADF,
                .file_fd = -EBADF,
        };
        /* Modes come from the archive. */
        w->old_umask = umask(0);
        return w;
}

TreeWriter *tree_writer_free(TreeWriter *w) {
        if (!w)
                return NULL;

        (void) umask(w->old_umask);
        safe_close(w->parent_fd);
        safe_close(w->file_fd);
        free(w->parent_path);
        free(w->left_out);
        for (size_t i = 0; i < w->n_directories; i++) {
                free(w->directories[i].path);
                free(w->directories[i].attributes);
        }
        free(w->directories);
        return mfree(w);
}

uint64_t tree_written(const TreeWriter *w) {
        return w->written;
}

size_t tree_left_out(const TreeWriter *w, const char **ret_name) {
        *ret_name = w->left_out;
        return w->n_left_out;
}

/* "Failed to WHAT 'path': WHY", with words of our own where errno's would not help. */
static int fail(TreeWriter *w, int error, const char *what, const char *path) {
        _cleanup_free_ char *shown = printable(*path ? path : ".", TAR_NAME_SHOWN_MAX);
        _cleanup_free_ char *size = format_size(w->written);

        if (!shown || !size)
                return reason_oom(w->reason);

        switch (error) {
        case -ENOSPC:
        case -EDQUOT:
                return reason_set(w->reason, error,
                                  "No space left for '%s', after %s: the target is too small for this archive", shown,
                                  size);
        default:
                return reason_set(w->reason, error, "Failed to %s '%s': %m", what, shown);
        }
}

static int refuse(TreeWriter *w, const char *path, const char *why) {
        _cleanup_free_ char *shown = printable(*path ? path : ".", TAR_NAME_SHOWN_MAX);

        if (!shown)
                return reason_oom(w->reason);
        return reason_set(w->reason, EPERM, "Refused '%s': %s", shown, why);
}

/* Splits at the last slash: *ret_name points into path. */
static int split(const char *path, char **ret_parent, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        char *parent = strndup(path, slash ? (size_t) (slash - path) : 0);

        if (!parent)
                return -ENOMEM;
        *ret_parent = parent;
        *ret_name = slash ? slash + 1 : path;
        return 0;
}

/* The budget was true at the beginning; others write to memory and disk, too. */
static void look_again(TreeWriter *w) {
        Space space;

        w->look_at = w->written + SPACE_LOOK_EVERY;
        if (space_look(w->root_fd, &space) >= 0)
                w->budget = w->written + MIN(space.free, UINT64_MAX - w->written);
}

/* Opens the directory that the entry is in, and keeps it for the next one. *ret_name points into path. */
static int open_parent(TreeWriter *w, const char *path, const char **ret_name) {
        _cleanup_free_ char *parent = NULL;
        int fd;

        if (++w->n_entries % LOOK_EVERY_ENTRIES == 0) {
                look_again(w);
                if (w->budget <= w->written)
                        return fail(w, -ENOSPC, "write", path);
        }

        if (split(path, &parent, ret_name) < 0)
                return reason_oom(w->reason);
        if (streq_ptr(parent, w->parent_path))
                return w->parent_fd;

        fd = tree_open_dir(w->root_fd, parent, /* create= */ true);
        if (fd == -ELOOP || fd == -ENOTDIR)
                return refuse(w, path, "it would be written through something that is no directory, maybe a symlink");
        if (fd == -EXDEV)
                return refuse(w, path, "it would be written to another file system");
        if (fd < 0)
                return fail(w, fd, "open the directory of", path);

        safe_close(w->parent_fd);
        w->parent_fd = fd;
        free_and_replace_str(&w->parent_path, TAKE_PTR(parent));
        return fd;
}

/* Something is there that an earlier entry of this archive has made: the later one counts, as with GNU tar. */
static int make_room(TreeWriter *w, int parent_fd, const char *name, const char *path) {
        if (unlinkat(parent_fd, name, 0) >= 0)
                return 0;
        if (errno == EISDIR)
                return refuse(w, path, "the archive has a directory of that name");

        return fail(w, -errno, "replace", path);
}

static bool is_acl(const char *name) {
        return startswith(name, "system.posix_acl_");
}

/* By the descriptor of the file, or, of O_PATH, by its place in /proc, as the kernel has no call for that before 6.13.
 */
static int set_attributes(TreeWriter *w, int fd, bool by_path, const TreeAttribute *attributes, size_t n,
                          const char *path) {
        char proc[64];

        (void) snprintf(proc, sizeof(proc), "/proc/self/fd/%i", fd);

        for (size_t i = 0; i < n; i++) {
                const TreeAttribute *a = attributes + i;
                int r;

                r = by_path ? setxattr(proc, a->name, a->value, a->n, 0) : fsetxattr(fd, a->name, a->value, a->n, 0);
                if (r >= 0)
                        continue;
                /* Not on this file system, not for this kind of file, or not for this user. */
                if (errno == EOPNOTSUPP || (errno == EPERM && !is_acl(a->name))) {
                        if (w->n_left_out++ == 0 && strdup_to(&w->left_out, a->name) < 0)
                                return reason_oom(w->reason);
                        continue;
                }
                if (errno == EINVAL && is_acl(a->name))
                        return refuse(w, path, "its ACL makes no sense");
                return fail(w, -errno, "set an extended attribute of", path);
        }

        return 0;
}

static const struct timespec *times(struct timespec both[static 2], const TreeEntry *e) {
        both[0] = (struct timespec) { .tv_nsec = UTIME_OMIT };
        both[1] = e->mtime;
        return both;
}

/* Of what is neither a directory nor a regular file: it must not be opened. */
static int set_node(TreeWriter *w, int parent_fd, const char *name, const TreeEntry *e) {
        struct timespec both[2];

        if (fchownat(parent_fd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(w, -errno, "set the owner of", e->path);
        /* The name is not a symlink's, as it has just been made, and nobody else writes here. chown(2) takes away
         * setuid bits. */
        if (!S_ISLNK(e->mode) && fchmodat(parent_fd, name, e->mode & 07777, 0) < 0)
                return fail(w, -errno, "set the mode of", e->path);

        if (e->n_attributes > 0) {
                _cleanup_close_ int fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                int r;

                if (fd < 0)
                        return fail(w, -errno, "open", e->path);
                r = set_attributes(w, fd, /* by_path= */ true, e->attributes, e->n_attributes, e->path);
                if (r < 0)
                        return r;
        }

        if (utimensat(parent_fd, name, times(both, e), AT_SYMLINK_NOFOLLOW) < 0)
                return fail(w, -errno, "set the time of", e->path);
        return 0;
}

static int make_node(int parent_fd, const char *name, const TreeEntry *e) {
        int r;

        if (S_ISLNK(e->mode))
                r = symlinkat(e->target, parent_fd, name);
        else
                r = mknodat(parent_fd, name, (e->mode & S_IFMT) | 0600, e->device);

        return r < 0 ? -errno : 0;
}

static int add_node(TreeWriter *w, const TreeEntry *e) {
        const char *name;
        int fd, r;

        fd = open_parent(w, e->path, &name);
        if (fd < 0)
                return fd;

        r = make_node(fd, name, e);
        if (r == -EEXIST) {
                r = make_room(w, fd, name, e->path);
                if (r < 0)
                        return r;
                r = make_node(fd, name, e);
        }
        if (r < 0)
                return fail(w, r, "make", e->path);

        return set_node(w, fd, name, e);
}

static int copy_attributes(const TreeEntry *e, TreeAttribute **ret) {
        size_t n = e->n_attributes * sizeof(TreeAttribute);
        TreeAttribute *copies;
        char *p;

        if (e->n_attributes == 0) {
                *ret = NULL;
                return 0;
        }

        for (size_t i = 0; i < e->n_attributes; i++)
                n += strlen(e->attributes[i].name) + 1 + e->attributes[i].n;
        copies = malloc(n);
        if (!copies)
                return -ENOMEM;

        p = (char *) (copies + e->n_attributes);
        for (size_t i = 0; i < e->n_attributes; i++) {
                const TreeAttribute *a = e->attributes + i;

                copies[i] = (TreeAttribute) { .name = p, .value = p + strlen(a->name) + 1, .n = a->n };
                p = stpcpy(p, a->name) + 1;
                p = mempcpy(p, a->value, a->n);
        }

        *ret = copies;
        return 0;
}

static int remember_directory(TreeWriter *w, const TreeEntry *e) {
        Directory d = { .mode = e->mode & 07777, .uid = e->uid, .gid = e->gid, .mtime = e->mtime };

        if (w->n_directories == w->allocated) {
                size_t allocated = MAX(w->allocated * 2, (size_t) 1024);
                Directory *bigger = reallocarray(w->directories, allocated, sizeof(Directory));

                if (!bigger)
                        return reason_oom(w->reason);
                w->directories = bigger;
                w->allocated = allocated;
        }

        if (strdup_to(&d.path, e->path) < 0)
                return reason_oom(w->reason);
        if (copy_attributes(e, &d.attributes) < 0) {
                free(d.path);
                return reason_oom(w->reason);
        }
        d.n_attributes = e->n_attributes;
        w->directories[w->n_directories++] = d;
        return 0;
}

static int add_directory(TreeWriter *w, const TreeEntry *e) {
        if (*e->path) {
                const char *name;
                struct stat st;
                int fd;

                fd = open_parent(w, e->path, &name);
                if (fd < 0)
                        return fd;
                if (mkdirat(fd, name, 0755) < 0) {
                        if (errno != EEXIST)
                                return fail(w, -errno, "make the directory", e->path);
                        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                                return fail(w, -errno, "look at", e->path);
                        if (!S_ISDIR(st.st_mode))
                                return refuse(w, e->path,
                                              "a directory, but the archive has something else of that name");
                }
        }

        return remember_directory(w, e);
}

int tree_add(TreeWriter *w, const TreeEntry *e) {
        assert(w);
        assert(e);

        if (S_ISDIR(e->mode))
                return add_directory(w, e);
        if (!*e->path)
                return refuse(w, e->path, "the root can only be a directory");

        return add_node(w, e);
}

/* The target has come earlier. A symlink is no target: what would be written through it later is somewhere else. */
static int check_target(TreeWriter *w, int fd, const char *name, const TreeEntry *e) {
        struct stat st;

        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? refuse(w, e->path, "a hard link to a file that the archive has not had")
                                       : fail(w, -errno, "look at", e->target);
        if (S_ISDIR(st.st_mode))
                return refuse(w, e->path, "a hard link to a directory");
        if (S_ISLNK(st.st_mode))
                return refuse(w, e->path, "a hard link to a symlink");

        return 0;
}

int tree_add_hard_link(TreeWriter *w, const TreeEntry *e) {
        _cleanup_close_ int target_fd = -EBADF;
        _cleanup_free_ char *target_parent = NULL;
        const char *name, *target_name;
        int fd, r;

        assert(w);
        assert(e);

        if (!*e->path || !*e->target)
                return refuse(w, e->path, "a hard link of or to the root");
        if (streq(e->path, e->target))
                return refuse(w, e->path, "a hard link to itself");
        if (split(e->target, &target_parent, &target_name) < 0)
                return reason_oom(w->reason);

        target_fd = tree_open_dir(w->root_fd, target_parent, /* create= */ false);
        if (target_fd == -ENOENT)
                return refuse(w, e->path, "a hard link to a file that the archive has not had");
        if (target_fd == -ELOOP || target_fd == -ENOTDIR || target_fd == -EXDEV)
                return refuse(w, e->path, "a hard link to something that lies behind a symlink");
        if (target_fd < 0)
                return fail(w, target_fd, "open the directory of", e->target);
        r = check_target(w, target_fd, target_name, e);
        if (r < 0)
                return r;

        fd = open_parent(w, e->path, &name);
        if (fd < 0)
                return fd;
        if (linkat(target_fd, target_name, fd, name, 0) >= 0)
                return 0;
        if (errno == EEXIST) {
                r = make_room(w, fd, name, e->path);
                if (r < 0)
                        return r;
                if (linkat(target_fd, target_name, fd, name, 0) >= 0)
                        return 0;
        }

        return fail(w, -errno, "make the hard link", e->path);
}

/* The mode is complete at once where nothing comes after that would change it. */
static int open_file(int parent_fd, const char *name, const TreeEntry *e) {
        int fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
                        e->mode & 0777);

        return fd < 0 ? -errno : fd;
}

static int check_size(TreeWriter *w, const TreeEntry *e) {
        if (!e->sparse && e->size > w->budget - MIN(w->written, w->budget))
                return fail(w, -ENOSPC, "write", e->path);
        if (e->size > INT64_MAX)
                return refuse(w, e->path, "its size makes no sense");

        return 0;
}

int tree_file_begin(TreeWriter *w, const TreeEntry *e) {
        const char *name;
        int fd, r;

        assert(w);
        assert(e);
        assert(w->file_fd < 0);

        if (!*e->path)
                return refuse(w, e->path, "the root can only be a directory");
        r = check_size(w, e);
        if (r < 0)
                return r;
        fd = open_parent(w, e->path, &name);
        if (fd < 0)
                return fd;

        w->file_fd = open_file(fd, name, e);
        if (w->file_fd == -EEXIST) {
                r = make_room(w, fd, name, e->path);
                if (r < 0)
                        return r;
                w->file_fd = open_file(fd, name, e);
        }
        if (w->file_fd < 0)
                return fail(w, w->file_fd, "make", e->path);

        w->file = *e;
        w->file_end = 0;
        return 0;
}

int tree_file_write(TreeWriter *w, const void *data, size_t n, uint64_t offset) {
        const char *p = data;

        assert(w);
        assert(w->file_fd >= 0);

        if (offset < w->file_end || tar_piece_check(offset, n, w->file.size) < 0)
                return refuse(w, w->file.path, "its pieces do not fit together");
        if (w->written >= w->look_at)
                look_again(w);
        if (n > w->budget - MIN(w->written, w->budget))
                return fail(w, -ENOSPC, "write", w->file.path);

        while (n > 0) {
                ssize_t k = pwrite(w->file_fd, p, n, (off_t) offset);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return fail(w, -errno, "write", w->file.path);
                }
                p += k;
                n -= (size_t) k;
                offset += (uint64_t) k;
                w->written += (uint64_t) k;
        }

        w->file_end = offset;
        return 0;
}

int tree_file_end(TreeWriter *w) {
        _cleanup_close_ int fd = -EBADF;
        const TreeEntry *e = &w->file;
        struct timespec both[2];
        int r;

        assert(w->file_fd >= 0);
        fd = TAKE_FD(w->file_fd);

        if (w->file_end < e->size && ftruncate(fd, (off_t) e->size) < 0)
                return fail(w, -errno, "write", e->path);
        if (fchown(fd, e->uid, e->gid) < 0)
                return fail(w, -errno, "set the owner of", e->path);
        /* chown(2) takes these away. */
        if ((e->mode & 07000) != 0 && fchmod(fd, e->mode & 07777) < 0)
                return fail(w, -errno, "set the mode of", e->path);
        r = set_attributes(w, fd, /* by_path= */ false, e->attributes, e->n_attributes, e->path);
        if (r < 0)
                return r;
        if (futimens(fd, times(both, e)) < 0)
                return fail(w, -errno, "set the time of", e->path);

        return 0;
}

static int finish_directory(TreeWriter *w, const Directory *d) {
        struct timespec both[2] = { { .tv_nsec = UTIME_OMIT }, d->mtime };
        _cleanup_close_ int fd = -EBADF, path_fd = -EBADF;
        int r;

        path_fd = tree_open_dir(w->root_fd, d->path, /* create= */ false);
        if (path_fd < 0)
                return fail(w, path_fd, "open", d->path);
        fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return fail(w, -errno, "open", d->path);

        if (fchown(fd, d->uid, d->gid) < 0)
                return fail(w, -errno, "set the owner of", d->path);
        if (fchmod(fd, d->mode) < 0)
                return fail(w, -errno, "set the mode of", d->path);
        r = set_attributes(w, fd, /* by_path= */ false, d->attributes, d->n_attributes, d->path);
        if (r < 0)
                return r;
        if (futimens(fd, both) < 0)
                return fail(w, -errno, "set the time of", d->path);

        return 0;
}

int tree_finish(TreeWriter *w) {
        int r;

        assert(w);

        /* In their order: of two entries for one directory the later counts. */
        for (size_t i = 0; i < w->n_directories; i++) {
                r = finish_directory(w, w->directories + i);
                if (r < 0)
                        return r;
        }

        return 0;
}
