/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "bounds.h"
#include "nbd-handshake-internal.h"
#include "nbd-protocol.h"
#include "string-util.h"
#include "tcp-connect.h"

int handshake_fail(char **ret_reason, int error, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int k;

        va_start(ap, format);
        k = vasprintf(&text, format, ap);
        va_end(ap);
        if (k < 0)
                text = NULL;

        free_and_replace_str(ret_reason, text ? printable(text, NBD_HANDSHAKE_REASON_MAX) : NULL);
        return error;
}

int handshake_fail_errno(char **ret_reason, int error) {
        const char *s = strerror(-error);

        return handshake_fail(ret_reason, error, "%c%s", tolower((unsigned char) s[0]), s + 1);
}

int handshake_fail_timeout(char **ret_reason, usec_t timeout) {
        return handshake_fail(ret_reason, -ETIMEDOUT, "the server did not finish the NBD handshake within %.2g s",
                              (double) timeout / (double) USEC_PER_SEC);
}

int handshake_fail_closed(char **ret_reason) {
        return handshake_fail(ret_reason, -ECONNRESET, "the server closed the connection during the NBD handshake");
}

int handshake_remaining_msec(usec_t deadline) {
        usec_t now = now_usec();

        return now >= deadline ? 0 : (int) MIN((deadline - now) / USEC_PER_MSEC + 1, (usec_t) INT32_MAX);
}

int handshake_wait(int fd, short events, usec_t deadline) {
        struct pollfd p = { .fd = fd, .events = events };

        for (;;) {
                int k = poll(&p, 1, handshake_remaining_msec(deadline));

                if (k > 0)
                        return p.revents;
                if (k == 0)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

void nbd_export_done(NbdExport *e) {
        if (e)
                e->fd = safe_close(e->fd);
}

int nbd_socket_tune(int fd) {
        static const struct {
                int level, option, value;
        } options[] = {
                { IPPROTO_TCP, TCP_NODELAY,      1     },
                { SOL_SOCKET,  SO_KEEPALIVE,     1     },
                { IPPROTO_TCP, TCP_KEEPIDLE,     5     },
                { IPPROTO_TCP, TCP_KEEPINTVL,    5     },
                { IPPROTO_TCP, TCP_KEEPCNT,      3     },
                /* Without it a link that dies with data under way is noticed after some 15 minutes only. */
                { IPPROTO_TCP, TCP_USER_TIMEOUT, 20000 },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(int)) < 0)
                        return -errno;

        return 0;
}

int nbd_socket_be_patient(int fd) {
        static const int none = 0;

        return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &none, sizeof(none)) < 0 ? -errno : 0;
}

int nbd_socket_connect(const char *host, uint16_t port, usec_t timeout, int *ret_fd, char **ret_reason) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(ret_fd);

        r = tcp_connect(host, port, AF_UNSPEC, timeout, &fd, ret_reason);
        if (r < 0)
                return r;
        r = nbd_socket_tune(fd);
        if (r < 0)
                return handshake_fail_errno(ret_reason, r);

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* libnbd goes on for as long as there is something to read, so a server that never stops sending would keep us inside
 * of it. The watchdog ends the connection at the deadline from outside. */
typedef struct Watchdog {
        pthread_t thread;
        usec_t deadline;
        int fd;       /* of the connection, borrowed */
        int event_fd; /* readable: the watchdog is to go home */
        bool fired;   /* may be read after the thread was joined */
} Watchdog;

static void *watchdog_thread(void *userdata) {
        Watchdog *w = userdata;

        if (handshake_wait(w->event_fd, POLLIN, w->deadline) == -ETIMEDOUT) {
                w->fired = true;
                (void) shutdown(w->fd, SHUT_RDWR);
        }
        return NULL;
}

static int watchdog_start(Watchdog *w, int fd, usec_t deadline) {
        pthread_attr_t attributes;
        int k;

        *w = (Watchdog) { .deadline = deadline, .fd = fd, .event_fd = eventfd(0, EFD_CLOEXEC) };
        if (w->event_fd < 0)
                return -errno;

        /* A program that has its memory locked gets all of a stack at once, and the default is 8 MiB. */
        k = pthread_attr_init(&attributes);
        if (k == 0) {
                k = pthread_attr_setstacksize(&attributes, WATCHDOG_STACK_SIZE);
                if (k == 0)
                        k = pthread_create(&w->thread, &attributes, watchdog_thread, w);
                (void) pthread_attr_destroy(&attributes);
        }
        if (k != 0)
                w->event_fd = safe_close(w->event_fd);
        return -k;
}

/* Returns true if the watchdog has ended the connection. */
static bool watchdog_stop(Watchdog *w) {
        (void) eventfd_write(w->event_fd, 1);
        (void) pthread_join(w->thread, NULL);
        w->event_fd = safe_close(w->event_fd);
        return w->fired;
}

/* Looks at the 16 bytes with which every server begins, without taking them out of the socket. Returns 1 if the server
 * is oldstyle, else 0, also for what is not NBD at all: libnbd finds the words for that. */
static int peek_oldstyle(int fd, usec_t deadline) {
        uint64_t magic[2];

        for (;;) {
                int events = handshake_wait(fd, POLLIN | POLLRDHUP, deadline);
                ssize_t k;

                if (events < 0)
                        return events;
                k = recv(fd, magic, sizeof(magic), MSG_PEEK | MSG_DONTWAIT);
                if (k < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (k == sizeof(magic))
                        return be64toh(magic[0]) == NBD_INIT_MAGIC && be64toh(magic[1]) == NBD_OLDSTYLE_MAGIC;
                if (k == 0 || events & (POLLRDHUP | POLLHUP | POLLERR))
                        return -ECONNRESET;

                /* What has been peeked at stays readable, so poll() does not wait for the rest. */
                sleep_usec(10 * USEC_PER_MSEC);
        }
}

int handshake_check_size(uint64_t size, char **ret_reason) {
        if (size == 0)
                return handshake_fail(ret_reason, -ENODATA, "the export has size 0");
        if (size > INT64_MAX)
                return handshake_fail(ret_reason, -EFBIG, "the export claims an impossible size, more than 2^63 - 1 bytes");
        return 0;
}

/* By hand and not through libnbd, which refuses transmission flags of 0. That is what servers send that know no
 * flags. */
static int handshake_oldstyle(int fd, const char *export_name, usec_t deadline, usec_t timeout, NbdExport *ret,
                              char **ret_reason) {
        NbdOldstyleHandshake hello;
        size_t n = 0;
        int r;

        if (!isempty(export_name))
                return handshake_fail(ret_reason, -EOPNOTSUPP, "the server is oldstyle, it cannot offer an export by name ('%s')",
                                      export_name);

        while (n < sizeof(hello)) {
                ssize_t k;

                r = handshake_wait(fd, POLLIN, deadline);
                if (r == -ETIMEDOUT)
                        return handshake_fail_timeout(ret_reason, timeout);
                if (r < 0)
                        return handshake_fail_errno(ret_reason, r);
                k = recv(fd, (uint8_t *) &hello + n, sizeof(hello) - n, MSG_DONTWAIT);
                if (k == 0 || (k < 0 && errno == ECONNRESET))
                        return handshake_fail_closed(ret_reason);
                if (k < 0 && errno != EAGAIN && errno != EINTR)
                        return handshake_fail_errno(ret_reason, -errno);
                n += k > 0 ? (size_t) k : 0;
        }

        r = handshake_check_size(be64toh(hello.export_size), ret_reason);
        if (r < 0)
                return r;

        *ret = (NbdExport) {
                .fd = -EBADF,
                .size = be64toh(hello.export_size),
                .flags = (be16toh(hello.transmission_flags) & NBD_FLAGS_KNOWN) | NBD_FLAG_HAS_FLAGS,
                .oldstyle = true,
        };
        return 0;
}

static int handshake_any(int fd, const char *export_name, usec_t deadline, usec_t timeout, NbdExport *ret,
                         char **ret_reason) {
        int r;

        r = peek_oldstyle(fd, deadline);
        if (r == -ETIMEDOUT)
                return handshake_fail_timeout(ret_reason, timeout);
        if (r == -ECONNRESET)
                return handshake_fail_closed(ret_reason);
        if (r < 0)
                return handshake_fail_errno(ret_reason, r);

        return (r > 0 ? handshake_oldstyle : nbd_handshake_newstyle)(fd, export_name, deadline, timeout, ret, ret_reason);
}

int nbd_handshake(int fd, const char *export_name, usec_t timeout, NbdExport *ret, char **ret_reason) {
        static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
        _cleanup_close_ int owned = fd;
        usec_t deadline = now_usec() + timeout;
        NbdExport e = { .fd = -EBADF };
        Watchdog watchdog;
        int r, flags;

        assert(fd >= 0);
        assert(export_name);
        assert(ret);
        assert(ret_reason);

        r = watchdog_start(&watchdog, fd, deadline);
        if (r < 0)
                return handshake_fail_errno(ret_reason, r);
        r = handshake_any(fd, export_name, deadline, timeout, &e, ret_reason);
        if (watchdog_stop(&watchdog)) {
                /* Not a FIN but a reset, so that the server, busy with sending as it is, learns of it at once. */
                (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
                return handshake_fail_timeout(ret_reason, timeout);
        }
        if (r < 0)
                return r;

        /* libnbd has set it, and all copies of a socket share it. */
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                return handshake_fail_errno(ret_reason, -errno);

        *ret = e;
        ret->fd = TAKE_FD(owned);
        return 0;
}

int nbd_export_open(const ExportUri *uri, usec_t timeout, NbdExport *ret, char **ret_reason) {
        usec_t begin = now_usec(), spent;
        int r, fd;

        assert(uri && uri->scheme == EXPORT_URI_NBD);

        r = nbd_socket_connect(uri->host, uri->port, MIN(timeout, NBD_TRY_TIMEOUT_USEC), &fd, ret_reason);
        if (r < 0)
                return r;

        spent = now_usec() - begin;
        return nbd_handshake(fd, uri->export_name, spent >= timeout ? 0 : MIN(timeout - spent, NBD_TRY_TIMEOUT_USEC),
                             ret, ret_reason);
}

bool nbd_error_is_permanent(int error) {
        static const int permanent[] = { ENOENT, EPROTO, EOPNOTSUPP, ENODATA, EFBIG };

        for (size_t i = 0; i < ELEMENTSOF(permanent); i++)
                if (error == -permanent[i])
                        return true;

        return false;
}
