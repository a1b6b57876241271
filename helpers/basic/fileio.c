/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "fileio.h"
#include "random-util.h"
#include "string-util.h"

_Static_assert(AT_FDCWD == -100, "fileio.h names AT_FDCWD by its number");

int read_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *buffer = NULL;
        size_t allocated = 0, n = 0;

        assert(fd >= 0);
        assert(ret);

        for (;;) {
                ssize_t k;

                if (n + 1 >= allocated) {
                        char *bigger;

                        allocated = MAX(allocated * 2, (size_t) 4096);
                        bigger = realloc(buffer, allocated);
                        if (!bigger)
                                return -ENOMEM;
                        buffer = bigger;
                }

                k = read(fd, buffer + n, allocated - n - 1);
                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (k == 0)
                        break;

                n += (size_t) k;
                if (n > max)
                        return -EFBIG;
        }

        buffer[n] = '\0';
        *ret = TAKE_PTR(buffer);
        if (ret_size)
                *ret_size = n;
        return 0;
}

int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;

        assert(path);

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        return read_fd(fd, max, ret, ret_size);
}

/* "dir/file" -> "dir/.file.scw-XXXXXXXXXXXXXXXX", in the same directory so that renameat() stays on one file system. */
static int temporary_name(const char *path, char **ret) {
        const char *slash = strrchr(path, '/');
        size_t n_dir = slash ? (size_t) (slash - path) + 1 : 0;

        return asprintf_to(ret, "%.*s.%s.scw-%016llx", (int) n_dir, path, path + n_dir, (unsigned long long) random_number());
}

/* Values are small; one that is larger than the kernel's own limit cannot be there (xattr(7)). */
static int copy_xattrs(int from, int to) {
        char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
        ssize_t n, size;

        n = flistxattr(from, names, sizeof(names));
        if (n < 0)
                return errno == EOPNOTSUPP ? 0 : -errno;

        for (const char *name = names; name < names + n; name += strlen(name) + 1) {
                size = fgetxattr(from, name, value, sizeof(value));
                if (size < 0)
                        return -errno;
                if (fsetxattr(to, name, value, (size_t) size, 0) < 0)
                        return -errno;
        }

        return 0;
}

/* Owner before mode, because a change of owner takes setuid bits away, and both before the attributes, among which there
 * may be an ACL. */
static int copy_attributes(int from, int to) {
        struct stat st;

        if (fstat(from, &st) < 0)
                return -errno;
        if (fchown(to, st.st_uid, st.st_gid) < 0)
                return -errno;
        if (fchmod(to, st.st_mode & 07777) < 0)
                return -errno;

        return copy_xattrs(from, to);
}

int create_file_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode, int like_fd) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(path);
        assert(data || size == 0);

        fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        r = write_all(fd, data, size);
        if (r >= 0 && like_fd >= 0)
                r = copy_attributes(like_fd, fd);
        else if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, path, 0);

        return r;
}

int write_file_atomic_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_free_ char *temporary = NULL;
        int r;

        assert(path);

        r = temporary_name(path, &temporary);
        if (r < 0)
                return r;
        r = create_file_at(dir_fd, temporary, data, size, mode, /* like_fd= */ -EBADF);
        if (r < 0)
                return r;
        if (renameat(dir_fd, temporary, dir_fd, path) < 0) {
                r = -errno;
                (void) unlinkat(dir_fd, temporary, 0);
        }

        return r;
}

int mkdir_p(const char *path) {
        _cleanup_free_ char *copy = NULL;
        int r;

        assert(path);

        r = strdup_to(&copy, path);
        if (r < 0)
                return r;

        for (char *p = copy + strspn(copy, "/");;) {
                char saved;

                p += strcspn(p, "/");
                saved = *p;
                *p = '\0';
                if (*copy && mkdir(copy, 0755) < 0 && errno != EEXIST)
                        return -errno;
                if (!saved)
                        return 0;
                *p++ = saved;
                p += strspn(p, "/");
                if (!*p)
                        return 0;
        }
}
