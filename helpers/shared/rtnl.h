/* SPDX-License-Identifier: MIT */
#pragma once

#include <netinet/in.h>

#include "bounds.h"
#include "macro.h"

/* An IPv4 default route of the main table, as rtnetlink(7) describes it. */
typedef struct DefaultRoute {
        unsigned ifindex;
        unsigned nexthop_id; /* 0: the route has no nexthop object */
        uint32_t priority;   /* what ip-route(8) calls metric; smaller wins */
        bool has_gateway;
        struct in_addr gateway;
        uint8_t tos, scope, protocol;
} DefaultRoute;

/* Finds the IPv4 default routes of the main table. Routes over several NICs at once (multipath), which only an
 * administrator makes, are left out. *ret (to be freed) is NULL if there are none. Returns 0 or a negative errno,
 * -ETIMEDOUT if the kernel does not answer within 5 s. */
_must_check_ int rtnl_default_routes(DefaultRoute **ret, size_t *ret_n);

/* Removes one of them. Returns 0, also if it is gone already, or a negative errno. */
_must_check_ int rtnl_delete_default_route(const DefaultRoute *route);

/* Of n routes the one of the NIC with the lowest number, and of several there the one with the smallest metric.
 * NULL if n is 0. */
const DefaultRoute *default_route_first(const DefaultRoute *routes, size_t n);
