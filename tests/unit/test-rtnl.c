/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "rtnl-nic.h"
#include "rtnl.h"
#include "test.h"

#define LOOPBACK 1U

static unsigned interruptions = 0; /* dumps whose answer is still to be told to be no picture of any moment */
static unsigned n_dumps = 0;

/* In the place of libmnl's: the kernel's answer, as it comes if what it lists has changed meanwhile. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buffer, size_t size);
ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buffer, size_t size) {
        ssize_t n = recv(mnl_socket_get_fd(s), buffer, size, 0);
        int left = (int) n;

        for (struct nlmsghdr *header = buffer; n > 0 && mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
                if (header->nlmsg_type != NLMSG_DONE)
                        continue;
                n_dumps++;
                if (interruptions > 0) {
                        header->nlmsg_flags |= NLM_F_DUMP_INTR;
                        interruptions--;
                }
        }

        return n;
}

static void test_first(void) {
        static const DefaultRoute routes[] = {
                { .ifindex = 3, .priority = 10 },
                { .ifindex = 2, .priority = 1024 },
                { .ifindex = 2, .priority = 100 },
                { .ifindex = 4, .priority = 0 },
        };

        ASSERT_TRUE(!default_route_first(NULL, 0));
        ASSERT_EQ(default_route_first(routes, 1) - routes, 0);
        ASSERT_EQ(default_route_first(routes, 2) - routes, 1);
        ASSERT_EQ(default_route_first(routes, 4) - routes, 2);
}

static int count_routes(unsigned n_interruptions, size_t *ret_n) {
        DefaultRoute *routes = NULL;
        int r;

        interruptions = n_interruptions;
        n_dumps = 0;
        r = rtnl_default_routes(&routes, ret_n);
        if (r >= 0)
                free(routes);
        return r;
}

/* What this machine has, nothing is changed. */
static void test_interrupted_dump(void) {
        size_t n = 7, again = 7;
        unsigned held = 7;

        ASSERT_OK(count_routes(0, &n));
        ASSERT_EQ(n_dumps, 1);
        for (unsigned i = 1; i <= 3; i++) {
                ASSERT_OK(count_routes(i, &again));
                ASSERT_EQ(n_dumps, i + 1);
                ASSERT_EQ(again, n); /* none of them twice */
        }
        again = 7;
        ASSERT_ERROR(count_routes(4, &again), EINTR);
        ASSERT_EQ(n_dumps, 4);
        ASSERT_EQ(again, 7);

        /* Of the loopback device no address ends; with IPv6 it is a dump of addresses and one of routes. */
        interruptions = 2;
        n_dumps = 0;
        ASSERT_OK(rtnl_hold(LOOPBACK, &held));
        ASSERT_EQ(held, 0);
        ASSERT_EQ(interruptions, 0);
        ASSERT_TRUE(n_dumps >= 3);
}

int main(void) {
        test_first();
        test_interrupted_dump();

        return 0;
}
