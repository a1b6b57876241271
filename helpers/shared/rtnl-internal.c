/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "alloc-util.h"
#include "bounds.h"
#include "rtnl-internal.h"

#define ANSWER_SIZE 32768U /* the kernel fills a dump up to 32K a message */

static void mnl_socket_closep(struct mnl_socket **s) {
        if (*s)
                (void) mnl_socket_close(*s);
}

static int open_socket(struct mnl_socket **ret) {
        /* The kernel answers at once; the limit is for what nobody foresees. */
        static const struct timeval timeout = { .tv_sec = 5 };
        _cleanup_(mnl_socket_closep) struct mnl_socket *s = NULL;

        s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
        if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        if (setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;

        *ret = TAKE_PTR(s);
        return 0;
}

struct nlmsghdr *rtnl_request(char buffer[static RTNL_REQUEST_SIZE], uint16_t type, uint16_t flags) {
        struct nlmsghdr *header;

        memset(buffer, 0, RTNL_REQUEST_SIZE);
        header = mnl_nlmsg_put_header(buffer);
        header->nlmsg_type = type;
        header->nlmsg_flags = NLM_F_REQUEST | flags;
        header->nlmsg_seq = 1;
        return header;
}

int rtnl_talk(struct nlmsghdr *request, mnl_cb_t callback, void *data) {
        _cleanup_(mnl_socket_closep) struct mnl_socket *s = NULL;
        _cleanup_free_ char *answer = NULL;
        int r;

        assert(request);

        answer = malloc(ANSWER_SIZE);
        if (!answer)
                return -ENOMEM;

        r = open_socket(&s);
        if (r < 0)
                return r;
        if (mnl_socket_sendto(s, request, request->nlmsg_len) < 0)
                return -errno;

        do {
                ssize_t n = mnl_socket_recvfrom(s, answer, ANSWER_SIZE);

                if (n < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                r = mnl_cb_run(answer, (size_t) n, request->nlmsg_seq, mnl_socket_get_portid(s), callback, data);
                if (r < 0)
                        return -errno;
        } while (r > MNL_CB_STOP);

        return 0;
}

int rtnl_dump(struct nlmsghdr *request, mnl_cb_t callback, void (*reset)(void *data), void *data) {
        int r = -EINTR;

        assert(reset);

        /* That is what libmnl makes of NLM_F_DUMP_INTR. */
        for (unsigned i = 0; i <= RTNL_DUMP_REPEATS && r == -EINTR; i++) {
                reset(data);
                r = rtnl_talk(request, callback, data);
        }

        return r;
}

typedef struct Attributes {
        const struct nlattr **attributes;
        uint16_t max;
} Attributes;

static int attribute_cb(const struct nlattr *a, void *data) {
        const Attributes *all = data;

        if (mnl_attr_get_type(a) <= all->max)
                all->attributes[mnl_attr_get_type(a)] = a;

        return MNL_CB_OK;
}

void rtnl_attributes(const struct nlmsghdr *message, size_t header_size, const struct nlattr **attributes, uint16_t max) {
        Attributes all = { attributes, max };

        assert(message);
        assert(attributes);

        (void) mnl_attr_parse(message, (unsigned) header_size, attribute_cb, &all);
}

uint32_t rtnl_attribute_u32(const struct nlattr *a, uint32_t unset) {
        return a && mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? mnl_attr_get_u32(a) : unset;
}
