/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd-util.h"
#include "nbd-control.h"
#include "paths.h"
#include "poll-util.h"
#include "string-util.h"

static int control_connect(unsigned index, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_free_ char *directory = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = run_path(RUN_NBD_DIR, &directory);
        if (r < 0)
                return r;
        if ((size_t) snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u.control", directory, index) >=
            sizeof(address.sun_path))
                return -ENAMETOOLONG;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* ECONNREFUSED: the file was left behind. */
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return errno == ECONNREFUSED ? -ENOENT : -errno;

        *ret = TAKE_FD(fd);
        return 0;
}

/* The answer ends with the connection. */
static int control_receive(int fd, usec_t deadline, char line[static NBD_CONTROL_LINE_MAX]) {
        size_t n = 0;

        while (n < NBD_CONTROL_LINE_MAX - 1) {
                ssize_t k;

                if (!poll_readable(fd, deadline))
                        return -ETIMEDOUT;
                k = recv(fd, line + n, NBD_CONTROL_LINE_MAX - 1 - n, MSG_DONTWAIT);
                if (k == 0)
                        break;
                if (k < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                n += k > 0 ? (size_t) k : 0;
        }

        line[n] = '\0';
        line[strcspn(line, "\n")] = '\0';
        return 0;
}

int nbd_control_ask(unsigned index, const char *word, usec_t timeout, char **ret_text) {
        usec_t deadline = now_usec() + timeout;
        char line[NBD_CONTROL_LINE_MAX];
        _cleanup_close_ int fd = -EBADF;
        const char *text;
        bool ok;
        int r;

        assert(word);

        r = control_connect(index, &fd);
        if (r < 0)
                return r;
        (void) snprintf(line, sizeof(line), "%s\n", word);
        if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
                return -errno;
        r = control_receive(fd, deadline, line);
        if (r < 0)
                return r;

        text = startswith(line, "ok ");
        ok = text != NULL;
        if (!text)
                text = startswith(line, "error ");
        if (!text)
                return -EBADMSG;
        if (ret_text) {
                r = strdup_to(ret_text, text);
                if (r < 0)
                        return r;
        }
        return ok;
}
