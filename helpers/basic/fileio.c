/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "fileio.h"
#include "string-util.h"

_Static_assert(AT_FDCWD == -100, "fileio.h names AT_FDCWD by its number");

int read_file_at(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *buffer = NULL;
        size_t allocated = 0, n = 0;

        assert(path);
        assert(ret);

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

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

/* "dir/file" -> "dir/.file.scw-XXXXXXXXXXXXXXXX", in the same directory so that renameat() stays on one file system. */
static int temporary_name(const char *path, char **ret) {
        const char *slash = strrchr(path, '/');
        size_t n_dir = slash ? (size_t) (slash - path) + 1 : 0;
        uint64_t random;

        if (getrandom(&random, sizeof(random), GRND_NONBLOCK | GRND_INSECURE) != sizeof(random))
                random = (uint64_t) getpid();

        return asprintf_to(ret, "%.*s.%s.scw-%016llx", (int) n_dir, path, path + n_dir, (unsigned long long) random);
}

int write_file_atomic_at(int dir_fd, const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(path);
        assert(data || size == 0);

        r = temporary_name(path, &temporary);
        if (r < 0)
                return r;

        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        r = write_all(fd, data, size);
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, temporary, 0);

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
