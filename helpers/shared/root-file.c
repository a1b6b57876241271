/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "chase.h"
#include "fd-util.h"
#include "fileio.h"
#include "root-file.h"
#include "string-util.h"

int root_directory_open(int root_fd, const char *path) {
        _cleanup_close_ int fd = chase_in_root(root_fd, path);
        int directory;

        if (fd < 0)
                return fd;

        directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? -errno : directory;
}

/* The directory that path lies in, and its last component, which is not followed. Cuts path in place. */
static int open_parent(int root_fd, char *path, char name[static NAME_MAX + 1]) {
        char *slash = strrchr(path, '/');

        if (!slash || slash[1] == '\0')
                return -EINVAL;
        if (strlen(slash + 1) > NAME_MAX)
                return -ENAMETOOLONG;
        strcpy(name, slash + 1);
        slash[slash == path ? 1 : 0] = '\0';

        return root_directory_open(root_fd, path);
}

/* The directory and the name of the file that path leads to, with the symlinks of its last component followed. The
 * kernel follows them too, but does not tell the name. */
static int find_parent(int root_fd, const char *path, int *ret_fd, char name[static NAME_MAX + 1]) {
        char full[PATH_MAX], link[PATH_MAX];

        if (strlen(path) >= sizeof(full))
                return -ENAMETOOLONG;
        strcpy(full, path);

        for (unsigned i = 0; i < SYMLINKS_MAX; i++) {
                _cleanup_close_ int fd = open_parent(root_fd, full, name);
                ssize_t n;
                int k;

                if (fd < 0)
                        return fd;
                n = readlinkat(fd, name, link, sizeof(link) - 1);
                if (n < 0 && errno != EINVAL)
                        return -errno;
                if (n < 0) {
                        *ret_fd = TAKE_FD(fd);
                        return 0;
                }
                link[n] = '\0';

                if (link[0] == '/')
                        strcpy(full, link);
                else {
                        char joined[2 * PATH_MAX];

                        k = snprintf(joined, sizeof(joined), "%s/%s", streq(full, "/") ? "" : full, link);
                        if (k < 0 || (size_t) k >= sizeof(full))
                                return -ENAMETOOLONG;
                        memcpy(full, joined, (size_t) k + 1);
                }
        }

        return -ELOOP;
}

/* Looks before it opens: the image may have a FIFO there, or a device that does something when it is opened. Nobody else writes to
 * the root meanwhile. */
static int open_regular(int dir_fd, const char *name) {
        struct stat st;
        int fd;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;

        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* The regular file that path leads to, and where it lies. Returns its descriptor. */
static int open_file(int root_fd, const char *path, int *ret_dir_fd, char name[static NAME_MAX + 1]) {
        _cleanup_close_ int dir_fd = -EBADF;
        int r, fd;

        assert(path && path[0] == '/');

        r = find_parent(root_fd, path, &dir_fd, name);
        if (r < 0)
                return r;
        fd = open_regular(dir_fd, name);
        if (fd < 0)
                return fd;

        *ret_dir_fd = TAKE_FD(dir_fd);
        return fd;
}

int root_file_read(int root_fd, const char *path, char **ret, size_t *ret_size) {
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        char name[NAME_MAX + 1];

        assert(ret);

        fd = open_file(root_fd, path, &dir_fd, name);
        if (fd < 0)
                return fd;

        return read_fd(fd, ROOT_FILE_MAX, ret, ret_size);
}

int root_file_read_text(int root_fd, const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        assert(ret);

        r = root_file_read(root_fd, path, &text, &size);
        if (r == -ENOENT) {
                r = strdup_to(ret, "");
                return r < 0 ? r : 0;
        }
        if (r < 0)
                return r;
        if (strlen(text) != size)
                return -EINVAL;

        *ret = TAKE_PTR(text);
        return 1;
}

/* The name does not depend on chance: what an interrupted boot has left there goes when the next one tries again. */
static int stage(int dir_fd, const char *name, const void *data, size_t size, mode_t mode, int like_fd, RootFile *ret) {
        _cleanup_free_ char *temporary = NULL;
        int r;

        r = asprintf_to(&temporary, ".%s.scw", name);
        if (r < 0)
                return r;
        if (strlen(temporary) > NAME_MAX)
                return -ENAMETOOLONG;
        if (unlinkat(dir_fd, temporary, 0) < 0 && errno != ENOENT)
                return -errno;
        r = create_file_at(dir_fd, temporary, data, size, mode, like_fd);
        if (r < 0)
                return r;

        strcpy(ret->name, name);
        ret->temporary = TAKE_PTR(temporary);
        return 0;
}

int root_file_stage(int root_fd, const char *path, const void *data, size_t size, RootFile *ret) {
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        char name[NAME_MAX + 1];
        int r;

        assert(ret);

        fd = open_file(root_fd, path, &dir_fd, name);
        if (fd < 0)
                return fd;
        r = stage(dir_fd, name, data, size, /* mode= */ 0, fd, ret);
        if (r < 0)
                return r;

        ret->dir_fd = TAKE_FD(dir_fd);
        return 0;
}

int root_file_stage_new(int root_fd, const char *path, const void *data, size_t size, mode_t mode, RootFile *ret) {
        _cleanup_close_ int dir_fd = -EBADF;
        _cleanup_free_ char *copy = NULL;
        char name[NAME_MAX + 1];
        int r;

        assert(path && path[0] == '/');
        assert(ret);

        r = strdup_to(&copy, path);
        if (r < 0)
                return r;
        dir_fd = open_parent(root_fd, copy, name);
        if (dir_fd < 0)
                return dir_fd;
        r = stage(dir_fd, name, data, size, mode, /* like_fd= */ -EBADF, ret);
        if (r < 0)
                return r;

        ret->dir_fd = TAKE_FD(dir_fd);
        return 0;
}

int root_file_commit(RootFile *f) {
        assert(f && f->temporary);

        if (renameat(f->dir_fd, f->temporary, f->dir_fd, f->name) < 0)
                return -errno;
        f->temporary = mfree(f->temporary);

        return fsync(f->dir_fd) < 0 ? -errno : 0;
}

void root_file_done(RootFile *f) {
        if (f->temporary)
                (void) unlinkat(f->dir_fd, f->temporary, 0);
        f->temporary = mfree(f->temporary);
        f->dir_fd = safe_close(f->dir_fd);
}

int root_file_replace(int root_fd, const char *path, const void *data, size_t size) {
        _cleanup_(root_file_done) RootFile f = ROOT_FILE_INIT;
        int r;

        r = root_file_stage(root_fd, path, data, size, &f);
        return r < 0 ? r : root_file_commit(&f);
}

int root_file_create(int root_fd, const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_(root_file_done) RootFile f = ROOT_FILE_INIT;
        int r;

        if (root_entry_exists(root_fd, path))
                return -EEXIST;
        r = root_file_stage_new(root_fd, path, data, size, mode, &f);
        return r < 0 ? r : root_file_commit(&f);
}

int root_file_write_text(int root_fd, const char *path, const char *text, bool exists, mode_t mode) {
        int r = exists ? root_file_replace(root_fd, path, text, strlen(text)) :
                         root_file_create(root_fd, path, text, strlen(text), mode);

        return r == -EEXIST ? 0 : r < 0 ? r : 1;
}

int root_file_link(int root_fd, const char *path, const char *other) {
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF, other_fd = -EBADF;
        char name[NAME_MAX + 1], other_name[NAME_MAX + 1];
        _cleanup_free_ char *copy = NULL;
        int r;

        fd = open_file(root_fd, path, &dir_fd, name);
        if (fd < 0)
                return fd;
        r = strdup_to(&copy, other);
        if (r < 0)
                return r;
        other_fd = open_parent(root_fd, copy, other_name);
        if (other_fd < 0)
                return other_fd;

        return linkat(dir_fd, name, other_fd, other_name, 0) < 0 ? -errno : 0;
}

int root_file_unlink(int root_fd, const char *path) {
        _cleanup_close_ int dir_fd = -EBADF;
        _cleanup_free_ char *copy = NULL;
        char name[NAME_MAX + 1];
        int r;

        r = strdup_to(&copy, path);
        if (r < 0)
                return r;
        dir_fd = open_parent(root_fd, copy, name);
        if (dir_fd < 0)
                return dir_fd;

        return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
}

bool root_entry_exists(int root_fd, const char *path) {
        _cleanup_close_ int dir_fd = -EBADF;
        _cleanup_free_ char *copy = NULL;
        char name[NAME_MAX + 1];

        if (strdup_to(&copy, path) < 0)
                return false;
        dir_fd = open_parent(root_fd, copy, name);
        return dir_fd >= 0 && faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

bool root_is_read_only(int root_fd) {
        struct statvfs sv;

        return fstatvfs(root_fd, &sv) >= 0 && (sv.f_flag & ST_RDONLY);
}
