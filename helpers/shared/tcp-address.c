/* SPDX-License-Identifier: MIT */
/* What of tcp-connect.h needs no resolver. */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fd-util.h"
#include "poll-util.h"
#include "string-util.h"
#include "tcp-connect.h"

int tcp_connect_reason(int error, usec_t timeout, char **ret_reason) {
        const char *s = strerror(-error);
        int r;

        assert(ret_reason);

        /* "Connection refused" -> "connection refused", because it follows a colon. */
        if (error == -ETIMEDOUT)
                r = asprintf_to(ret_reason, "no TCP connection within %.2g s", (double) timeout / (double) USEC_PER_SEC);
        else
                r = asprintf_to(ret_reason, "%c%s", tolower((unsigned char) s[0]), s + 1);
        if (r < 0)
                *ret_reason = NULL;

        return error;
}

/* Writable: connected, or failed. */
static int wait_connected(int fd, usec_t deadline) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        int k;

        k = poll_until(&p, 1, deadline);
        if (k < 0)
                return k;

        return k == 0 ? -ETIMEDOUT : 0;
}

static int connect_address(const struct sockaddr *address, socklen_t size, usec_t deadline, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        socklen_t n = sizeof(int);
        int r, error = 0;

        fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
        if (fd < 0)
                return -errno;

        if (connect(fd, address, size) < 0) {
                if (errno != EINPROGRESS)
                        return -errno;
                r = wait_connected(fd, deadline);
                if (r < 0)
                        return r;
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                        return -errno;
                if (error != 0)
                        return -error;
        }

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int tcp_connect_address(const struct sockaddr *address, socklen_t size, usec_t timeout, int *ret_fd) {
        assert(address);
        assert(ret_fd);

        return connect_address(address, size, now_usec() + timeout, ret_fd);
}
