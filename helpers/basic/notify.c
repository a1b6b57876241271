/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd-util.h"
#include "notify.h"
#include "string-util.h"

bool notify_is_possible(void) {
        return !isempty(secure_getenv("NOTIFY_SOCKET"));
}

int notify_send(const char *state) {
        const char *path = secure_getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        socklen_t size;

        assert(state);

        if (isempty(path))
                return 0;
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
        if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *) &address, size) < 0)
                return -errno;

        return 0;
}
