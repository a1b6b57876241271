/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "fd-util.h"
#include "nbd-watch.h"

int nbd_watch_open(uint32_t group) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        _cleanup_close_ int fd = -EBADF;

        if (group == 0)
                return -EOPNOTSUPP;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
                return -errno;

        return TAKE_FD(fd);
}

static bool is_dead_link(const struct nlmsghdr *m, unsigned index) {
        const struct genlmsghdr *g = mnl_nlmsg_get_payload(m);
        const struct nlattr *a;

        if (mnl_nlmsg_get_payload_len(m) < sizeof(*g) || g->cmd != NBD_CMD_LINK_DEAD)
                return false;

        mnl_attr_for_each(a, m, sizeof(*g)) if (mnl_attr_get_type(a) == NBD_ATTR_INDEX &&
                                                mnl_attr_validate(a, MNL_TYPE_U32) >= 0) return mnl_attr_get_u32(a) ==
                        index;

        return false;
}

int nbd_watch_read(int fd, unsigned index) {
        uint8_t buffer[4096] __attribute__((aligned(8)));
        int result = 0;

        for (;;) {
                const struct nlmsghdr *m = (const struct nlmsghdr *) buffer;
                ssize_t k;
                int n;

                k = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0 && errno == EAGAIN)
                        return result;
                if (k < 0 && errno == ENOBUFS) {
                        result = 1;
                        continue;
                }
                if (k <= 0)
                        return k < 0 ? -errno : result;

                for (n = (int) k; mnl_nlmsg_ok(m, n); m = mnl_nlmsg_next(m, &n))
                        if (is_dead_link(m, index))
                                result = 1;
        }
}
