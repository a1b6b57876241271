/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "poll-util.h"

/* What poll() takes is an int of milliseconds: of a longer time this much at once. */
#define SLICE_USEC (3600 * USEC_PER_SEC)

int poll_until(struct pollfd fds[], size_t n, usec_t deadline) {
        for (;;) {
                usec_t now = now_usec();
                int k;

                if (now >= deadline)
                        return 0;
                /* Rounded up: else the last millisecond would be spent in a loop. */
                k = poll(fds, n, (int) (MIN(deadline - now, SLICE_USEC) / USEC_PER_MSEC) + 1);
                if (k > 0)
                        return k;
                if (k < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
        }
}

bool poll_readable(int fd, usec_t deadline) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll_until(&p, 1, deadline) > 0;
}
