/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bounds.h"
#include "fd-util.h"
#include "string-util.h"
#include "tree-dir.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int tree_open_dir_by_component(int root_fd, const char *path, bool create) {
        _cleanup_close_ int fd = openat(root_fd, ".", DIR_FLAGS);

        if (fd < 0)
                return -errno;

        for (const char *p = path; *p;) {
                size_t n = strcspn(p, "/");
                _cleanup_free_ char *name = strndup(p, n);
                int next;

                if (!name)
                        return -ENOMEM;
                /* The kernel must not be the one that takes it for a way up. */
                if (streq(name, "..") || streq(name, ".") || n == 0)
                        return -EXDEV;
                if (create && mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
                        return -errno;
                next = openat(fd, name, DIR_FLAGS);
                if (next < 0)
                        return -errno;
                safe_close(fd);
                fd = next;

                p += n;
                p += *p == '/';
        }

        return TAKE_FD(fd);
}

int tree_open_dir(int root_fd, const char *path, bool create) {
        struct open_how how = {
                .flags = DIR_FLAGS,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
        };
        int fd;

        assert(root_fd >= 0);
        assert(path);

        fd = (int) syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0)
                return fd;
        if (errno == ENOSYS || (errno == ENOENT && create))
                return tree_open_dir_by_component(root_fd, path, create);

        return -errno;
}

/* What is done to one entry of a directory; what is below it is its own affair. */
typedef int (*EntryFunc)(int dir_fd, const char *name, dev_t device, unsigned depth);

/* Takes the descriptor, so that there is one for each level. */
static int for_each_entry(int fd, dev_t device, unsigned depth, EntryFunc func) {
        _cleanup_(closedirp) DIR *d = fdopendir(fd);

        if (!d) {
                int error = -errno;

                safe_close(fd);
                return error;
        }
        if (depth > TREE_DEPTH_MAX)
                return -ELOOP;

        for (;;) {
                struct dirent *e;
                int r;

                errno = 0;
                e = readdir(d);
                if (!e)
                        return -errno;
                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                r = func(dirfd(d), e->d_name, device, depth);
                if (r < 0)
                        return r;
        }
}

static int remove_entry(int dir_fd, const char *name, dev_t device, unsigned depth) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (unlinkat(dir_fd, name, 0) >= 0)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -EPERM;
        if (st.st_dev != device)
                return -EBUSY;
        if (depth == 0 && streq(name, "lost+found"))
                return 0;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = for_each_entry(TAKE_FD(fd), device, depth + 1, remove_entry);
        if (r < 0)
                return r;

        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int tree_empty(int root_fd) {
        struct stat st;
        int fd;

        fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                safe_close(fd);
                return -errno;
        }

        return for_each_entry(fd, st.st_dev, 0, remove_entry);
}

static int own_entry(int dir_fd, const char *name, dev_t device, unsigned depth) {
        struct stat st;
        int fd;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (fchownat(dir_fd, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return 0;
        /* Of a device that is in the archive, nobody is to have anything. */
        if (fchmodat(dir_fd, name, S_ISDIR(st.st_mode) ? 0755 : S_ISREG(st.st_mode) ? 0644 : 0, 0) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return 0;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : for_each_entry(fd, device, depth + 1, own_entry);
}

int tree_own(int root_fd) {
        int fd;

        fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : for_each_entry(fd, /* device= */ 0, 0, own_entry);
}

int tree_is_empty(int root_fd) {
        _cleanup_(closedirp) DIR *d = NULL;
        int fd;

        fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return -errno;
        }

        for (struct dirent *e; (errno = 0, e = readdir(d));)
                if (!streq(e->d_name, ".") && !streq(e->d_name, "..") && !streq(e->d_name, "lost+found"))
                        return 0;

        return errno > 0 ? -errno : 1;
}
