/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "paths.h"
#include "string-util.h"
#include "supervisor.h"

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
        s->client_deadline = now_usec() + NBD_CLIENT_TIMEOUT_USEC;
        s->n_request = 0;
        s->has_line = false;
}

/* Not for who asks to do: as long as the device is attached, somebody has to look after it. */
static int detach(Supervisor *s, char text[static NBD_CONTROL_LINE_MAX]) {
        int r;

        r = nbd_netlink_disconnect(s->netlink, s->options->index);
        /* EINVAL: it has gone already. */
        if (r < 0 && r != -EINVAL) {
                (void) snprintf(text, NBD_CONTROL_LINE_MAX, "the kernel does not disconnect it: %s", strerror(-r));
                return r;
        }

        s->gone = true;
        (void) snprintf(text, NBD_CONTROL_LINE_MAX, "going");
        return 0;
}

/* Who has mounted the root has found this volume below it. */
static int be_root(Supervisor *s, char text[static NBD_CONTROL_LINE_MAX]) {
        int r = 0;

        if (!s->record.root)
                r = nbd_netlink_dead_timeout(s->netlink, s->options->index, NBD_DEAD_TIMEOUT_ROOT_SEC, s->record.identifier);
        if (r < 0) {
                (void) snprintf(text, NBD_CONTROL_LINE_MAX, "the kernel does not take another time to wait: %s", strerror(-r));
                return r;
        }

        if (!s->record.root) {
                s->record.root = true;
                log_info("nbd%u: the root needs it", s->options->index);
                supervisor_record(s, s->record.link, NULL);
        }
        (void) snprintf(text, NBD_CONTROL_LINE_MAX, "the root needs it");
        return 0;
}

static void answer(Supervisor *s) {
        char text[NBD_CONTROL_LINE_MAX] = "unknown request", line[NBD_CONTROL_LINE_MAX + 16];
        int r = -EINVAL;

        if (streq(s->request, "resize"))
                r = link_resize(s, text);
        else if (streq(s->request, "detach"))
                r = detach(s, text);
        else if (streq(s->request, NBD_CONTROL_ROOT))
                r = be_root(s, text);

        (void) snprintf(line, sizeof(line), "%s %s\n", r < 0 ? "error" : "ok", text);
        (void) !send(s->client_fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
        client_close(s);
}

/* Returns true if there is a whole line, which stays until it is answered. The client may be gone after. */
static bool receive(Supervisor *s) {
        ssize_t k;

        if (s->has_line)
                return true;

        k = recv(s->client_fd, s->request + s->n_request, sizeof(s->request) - 1 - s->n_request, MSG_DONTWAIT);
        if (k < 0 && (errno == EAGAIN || errno == EINTR) && now_usec() < s->client_deadline)
                return false;
        if (k <= 0) {
                client_close(s);
                return false;
        }

        s->n_request += (size_t) k;
        s->request[s->n_request] = '\0';
        s->has_line = strchr(s->request, '\n') != NULL;
        if (s->has_line)
                s->request[strcspn(s->request, "\n")] = '\0';
        else if (s->n_request >= sizeof(s->request) - 1)
                client_close(s);
        return s->has_line;
}

void control_serve(Supervisor *s) {
        if (receive(s))
                answer(s);
}

void control_serve_detach(Supervisor *s) {
        if (s->client_fd < 0 && s->control_fd >= 0)
                control_accept(s);
        if (s->client_fd < 0 || !receive(s))
                return;

        if (streq(s->request, "detach"))
                answer(s);
        else
                s->client_deadline = now_usec(); /* for step() to come back to it */
}
