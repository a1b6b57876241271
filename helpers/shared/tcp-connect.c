/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "fd-util.h"
#include "poll-util.h"
#include "string-util.h"
#include "tcp-connect.h"

/* "Connection refused" -> "connection refused", because it follows a colon. */
static int fail_errno(char **ret_reason, int error) {
        const char *s = strerror(-error);

        if (asprintf_to(ret_reason, "%c%s", tolower((unsigned char) s[0]), s + 1) < 0)
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

static int resolve(const char *host, uint16_t port, int family, struct addrinfo **ret, char **ret_reason) {
        struct addrinfo hints = {
                .ai_family = family,
                .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        };
        char service[sizeof("65535")];
        int k;

        (void) snprintf(service, sizeof(service), "%u", (unsigned) port);

        /* An address must never cost a question to a name server, which may not be there. */
        k = getaddrinfo(host, service, &hints, ret);
        if (k == EAI_NONAME) {
                hints.ai_flags = AI_NUMERICSERV;
                k = getaddrinfo(host, service, &hints, ret);
        }
        if (k == 0)
                return 0;
        if (k == EAI_SYSTEM && errno != 0)
                return fail_errno(ret_reason, -errno);
        if (k == EAI_MEMORY)
                return fail_errno(ret_reason, -ENOMEM);

        /* Also for a name that is said not to exist: early in the boot that is often said too soon. */
        if (asprintf_to(ret_reason, "cannot resolve '%s': %s", host, gai_strerror(k)) < 0)
                *ret_reason = NULL;
        return -EHOSTUNREACH;
}

int tcp_connect_address(const struct sockaddr *address, socklen_t size, usec_t timeout, int *ret_fd) {
        assert(address);
        assert(ret_fd);

        return connect_address(address, size, now_usec() + timeout, ret_fd);
}

int tcp_connect(const char *host, uint16_t port, int family, usec_t timeout, int *ret_fd, char **ret_reason) {
        struct addrinfo *list;
        usec_t deadline;
        unsigned n = 0;
        int r;

        assert(host);
        assert(ret_fd);
        assert(ret_reason);

        r = resolve(host, port, family, &list, ret_reason);
        if (r < 0)
                return r;

        for (struct addrinfo *ai = list; ai; ai = ai->ai_next)
                n++;

        /* A silent first address leaves its share of the time to the others. */
        deadline = now_usec() + timeout;
        r = -EHOSTUNREACH;
        for (struct addrinfo *ai = list; ai; ai = ai->ai_next, n--) {
                usec_t now = now_usec();

                r = connect_address(ai->ai_addr, ai->ai_addrlen, now >= deadline ? now : now + (deadline - now) / n, ret_fd);
                if (r >= 0)
                        break;
        }
        freeaddrinfo(list);

        if (r == -ETIMEDOUT) {
                if (asprintf_to(ret_reason, "no TCP connection within %.2g s",
                                (double) timeout / (double) USEC_PER_SEC) < 0)
                        *ret_reason = NULL;
                return r;
        }
        return r < 0 ? fail_errno(ret_reason, r) : 0;
}
