/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "poll-util.h"
#include "random-util.h"
#include "retry.h"

static int open_rtnetlink(void) {
        struct sockaddr_nl address = {
                .nl_family = AF_NETLINK,
                .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE,
        };
        _cleanup_close_ int fd = -EBADF;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;

        return TAKE_FD(fd);
}

void retry_init(Retry *r, usec_t timeout) {
        usec_t now = now_usec();

        assert(r);

        /* Without the socket there are only the pauses. */
        *r = (Retry) {
                .deadline = now + timeout,
                .pause = RETRY_PAUSE_MIN,
                .resumed = now,
                .fd = open_rtnetlink(),
        };
}

void retry_done(Retry *r) {
        r->fd = safe_close(r->fd);
}

usec_t retry_left(const Retry *r) {
        usec_t now = now_usec();

        return r->deadline > now ? r->deadline - now : 0;
}

usec_t retry_limit(const Retry *r, usec_t limit) {
        return MAX(MIN(limit, retry_left(r)), 200 * USEC_PER_MSEC);
}

/* Which change it was does not matter, the next try finds out. ENOBUFS means that there were too many to keep. */
static void drain(int fd) {
        char buffer[4096];

        while (recv(fd, buffer, sizeof(buffer), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
                ;
}

static usec_t with_jitter(usec_t pause) {
        return pause - pause / 4 + random_number() % (pause / 2);
}

/* A pause that does not fit is cut, so that one last try does: in a boot that is worth more than none. But one that the
 * server has asked for, and was given before, is not cut: that try would only be refused again. */
static bool fit_pause(Retry *r, usec_t *pause, usec_t at_least, usec_t left) {
        usec_t last_try = MIN(RETRY_LAST_TRY, left / 2);

        if (*pause + last_try < left)
                return true;
        if (at_least > 0 && r->asked) {
                if (at_least >= left)
                        return false;
                *pause = at_least;
        } else
                *pause = left - last_try;

        r->last = true;
        return true;
}

bool retry_wait(Retry *r, usec_t at_least) {
        usec_t pause, left;

        assert(r);

        left = retry_left(r);
        if (r->last || left == 0)
                return false;

        pause = MAX(with_jitter(r->pause), at_least);
        r->pause = MIN(r->pause * 2, RETRY_PAUSE_MAX);
        if (!fit_pause(r, &pause, at_least, left))
                return false;
        r->asked |= at_least > 0;

        if (at_least > 0 || r->fd < 0)
                sleep_usec(pause);
        else if (poll_readable(r->fd, now_usec() + pause)) {
                usec_t now = now_usec();

                if (now < r->resumed + RETRY_BURST)
                        sleep_usec(r->resumed + RETRY_BURST - now);
                drain(r->fd);
                r->pause = RETRY_PAUSE_MIN;
                r->last = false;
        }

        r->resumed = now_usec();
        return true;
}
