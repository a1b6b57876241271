/* SPDX-License-Identifier: MIT */
#include "fd-util.h"

int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                /* EINTR from close() on Linux means that the descriptor is gone all the same, see close(2). */
                (void) close(fd);
                errno = saved;
        }

        return -EBADF;
}

int write_all(int fd, const void *data, size_t n) {
        const char *p = data;

        assert(fd >= 0);
        assert(data || n == 0);

        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += k;
                n -= (size_t) k;
        }

        return 0;
}
