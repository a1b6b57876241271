/* SPDX-License-Identifier: MIT */
#include "rtnl.h"
#include "test.h"

int main(void) {
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

        return 0;
}
