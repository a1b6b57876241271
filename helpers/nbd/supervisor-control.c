/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd-util.h"
#include "log.h"
#include "paths.h"
#include "string-util.h"
#include "supervisor.h"

#define CLIENT_TIMEOUT_USEC (5 * USEC_PER_SEC)

int control_open(Supervisor *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_free_ char *directory = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = run_path(RUN_NBD_DIR, &directory);
        if (r < 0)
                return r;
        if ((size_t) snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u.control", directory,
                              s->options->index) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* Left behind by one that was killed. */
        if (unlink(address.sun_path) < 0 && errno != ENOENT)
                return -errno;
        /* The mode of the socket is that of the file from the beginning. */
        if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 8) < 0)
                return -errno;

        s->control_fd = TAKE_FD(fd);
        return 0;
}

static void client_close(Supervisor *s) {
        s->client_fd = safe_close(s->client_fd);
}

void control_accept(Supervisor *s) {
        s->client_fd = accept4(s->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        s->client_deadline = now_usec() + CLIENT_TIMEOUT_USEC;
        s->n_request = 0;
}

static void answer(Supervisor *s) {
        char text[NBD_CONTROL_LINE_MAX] = "unknown request", line[NBD_CONTROL_LINE_MAX + 16];
        int r = -EINVAL;

        if (streq(s->request, "resize"))
                r = link_resize(s, text);
        else if (streq(s->request, "detach")) {
                s->gone = true;
                r = 0;
                strcpy(text, "going");
        }

        (void) snprintf(line, sizeof(line), "%s %s\n", r < 0 ? "error" : "ok", text);
        (void) !send(s->client_fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
        client_close(s);
}

void control_serve(Supervisor *s) {
        ssize_t k = recv(s->client_fd, s->request + s->n_request, sizeof(s->request) - 1 - s->n_request, MSG_DONTWAIT);
        char *end;

        if (k < 0 && (errno == EAGAIN || errno == EINTR) && now_usec() < s->client_deadline)
                return;
        if (k <= 0)
                return client_close(s);

        s->n_request += (size_t) k;
        s->request[s->n_request] = '\0';
        end = strchr(s->request, '\n');
        if (end) {
                *end = '\0';
                answer(s);
        } else if (s->n_request >= sizeof(s->request) - 1)
                client_close(s);
}
