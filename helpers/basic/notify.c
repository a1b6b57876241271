/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd-util.h"
#include "notify.h"
#include "parse-util.h"
#include "string-util.h"

bool notify_is_possible(void) {
        return !isempty(secure_getenv("NOTIFY_SOCKET"));
}

int notify_open(void) {
        const char *path = secure_getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        socklen_t size;

        if (isempty(path))
                return -ENOENT;
        if ((path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
                return -EINVAL;

        memcpy(address.sun_path, path, strlen(path) + 1);
        size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] == '/'));
        /* The kernel's way to say "abstract". */
        if (path[0] == '@')
                address.sun_path[0] = '\0';

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, size) < 0)
                return -errno;

        return TAKE_FD(fd);
}

int notify_send(const char *state) {
        _cleanup_close_ int fd = -EBADF;

        assert(state);

        fd = notify_open();
        if (fd < 0)
                return fd == -ENOENT && !notify_is_possible() ? 0 : fd;

        return send(fd, state, strlen(state), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int notify_try_send(int notify_fd, const char *state, int fd) {
        struct iovec text = { .iov_base = (char *) state, .iov_len = strlen(state) };
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct msghdr m = { .msg_iov = &text, .msg_iovlen = 1 };

        assert(notify_fd >= 0);

        if (fd >= 0) {
                control.header = (struct cmsghdr) {
                        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))
                };
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
                m.msg_control = &control;
                m.msg_controllen = sizeof(control);
        }

        return sendmsg(notify_fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

unsigned notify_kept_fds(void) {
        const char *pid = secure_getenv("LISTEN_PID"), *number = secure_getenv("LISTEN_FDS");
        unsigned n = 0, owner;

        if (!pid || !number || parse_unsigned(pid, &owner) < 0 || (pid_t) owner != getpid() ||
            parse_unsigned(number, &n) < 0 || n > NOTIFY_KEPT_MAX)
                n = 0;
        for (unsigned i = 0; i < n; i++)
                (void) fcntl(NOTIFY_KEPT_FIRST + (int) i, F_SETFD, FD_CLOEXEC);

        (void) unsetenv("LISTEN_PID");
        (void) unsetenv("LISTEN_FDS");
        (void) unsetenv("LISTEN_FDNAMES");
        return n;
}
