/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chase.h"
#include "fd-util.h"
#include "fileio.h"
#include "root-file.h"
#include "string-util.h"

#define SYMLINKS_MAX 40U /* path_resolution(7) */

int root_directory_open(int root_fd, const char *path) {
        _cleanup_close_ int fd = chase_in_root(root_fd, path);
        int directory;

        if (fd < 0)
                return fd;

        directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return directory < 0 ? -errno : directory;
}

/* The directory and the name of the file that path leads to, with the symlinks of its last component followed. The
 * kernel follows them too, but does not tell the name. */
static int find_parent(int root_fd, const char *path, int *ret_fd, char name[static NAME_MAX + 1]) {
        char full[PATH_MAX], link[PATH_MAX];

        if (strlen(path) >= sizeof(full))
                return -ENAMETOOLONG;
        strcpy(full, path);

        for (unsigned i = 0; i < SYMLINKS_MAX; i++) {
                _cleanup_close_ int fd = -EBADF;
                char *slash = strrchr(full, '/');
                ssize_t n;
                int k;

                if (!slash || strlen(slash + 1) > NAME_MAX)
                        return slash ? -ENAMETOOLONG : -EINVAL;
                strcpy(name, slash + 1);
                slash[slash == full ? 1 : 0] = '\0';

                fd = root_directory_open(root_fd, full);
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

/* Not blocking: the image may have a FIFO there. */
static int open_regular(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;

        return TAKE_FD(fd);
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

int root_file_replace(int root_fd, const char *path, const void *data, size_t size) {
        _cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
        char name[NAME_MAX + 1];

        fd = open_file(root_fd, path, &dir_fd, name);
        if (fd < 0)
                return fd;

        return replace_file_at(dir_fd, name, data, size, fd);
}
