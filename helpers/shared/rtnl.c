/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/rtnetlink.h>

#include "alloc-util.h"
#include "rtnl-internal.h"
#include "rtnl.h"

typedef struct Dump {
        DefaultRoute *routes;
        size_t n;
} Dump;

static void forget_routes(void *data) {
        Dump *dump = data;

        dump->n = 0;
}

static int route_cb(const struct nlmsghdr *header, void *data) {
        const struct nlattr *attributes[RTA_MAX + 1] = {};
        const struct rtmsg *message;
        DefaultRoute *route;
        Dump *dump = data;

        if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*message))
                return MNL_CB_OK;

        message = mnl_nlmsg_get_payload(header);
        if (message->rtm_family != AF_INET || message->rtm_dst_len != 0 || message->rtm_type != RTN_UNICAST ||
            (message->rtm_flags & RTM_F_CLONED))
                return MNL_CB_OK;

        rtnl_attributes(header, sizeof(*message), attributes, RTA_MAX);
        if (rtnl_attribute_u32(attributes[RTA_TABLE], message->rtm_table) != RT_TABLE_MAIN || !attributes[RTA_OIF] ||
            dump->n >= DEFAULT_ROUTES_MAX)
                return MNL_CB_OK;

        route = &dump->routes[dump->n++];
        *route = (DefaultRoute) {
                .ifindex = rtnl_attribute_u32(attributes[RTA_OIF], 0),
                .nexthop_id = rtnl_attribute_u32(attributes[RTA_NH_ID], 0),
                .priority = rtnl_attribute_u32(attributes[RTA_PRIORITY], 0),
                .has_gateway = attributes[RTA_GATEWAY],
                .gateway.s_addr = rtnl_attribute_u32(attributes[RTA_GATEWAY], 0),
                .tos = message->rtm_tos,
                .scope = message->rtm_scope,
                .protocol = message->rtm_protocol,
        };

        return MNL_CB_OK;
}

int rtnl_default_routes(DefaultRoute **ret, size_t *ret_n) {
        _cleanup_free_ DefaultRoute *routes = NULL;
        char buffer[512] __attribute__((aligned(8))) = {};
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct rtmsg *message;
        Dump dump;
        int r;

        assert(ret);
        assert(ret_n);

        routes = new0(DefaultRoute, DEFAULT_ROUTES_MAX);
        if (!routes)
                return -ENOMEM;

        header->nlmsg_type = RTM_GETROUTE;
        header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        header->nlmsg_seq = 1;
        message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        message->rtm_family = AF_INET;

        dump = (Dump) { .routes = routes };
        r = rtnl_dump(header, route_cb, forget_routes, &dump);
        if (r < 0)
                return r;

        *ret = dump.n > 0 ? TAKE_PTR(routes) : NULL;
        *ret_n = dump.n;
        return 0;
}

int rtnl_delete_default_route(const DefaultRoute *route) {
        char buffer[512] __attribute__((aligned(8))) = {};
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct rtmsg *message;
        int r;

        assert(route);

        header->nlmsg_type = RTM_DELROUTE;
        header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
        header->nlmsg_seq = 1;
        message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        message->rtm_family = AF_INET;
        message->rtm_table = RT_TABLE_MAIN;
        message->rtm_type = RTN_UNICAST;
        message->rtm_tos = route->tos;
        message->rtm_scope = route->scope;
        message->rtm_protocol = route->protocol;
        mnl_attr_put_u32(header, RTA_PRIORITY, route->priority);

        /* A route through a nexthop object is found by that, the kernel then compares neither NIC nor gateway. */
        if (route->nexthop_id > 0)
                mnl_attr_put_u32(header, RTA_NH_ID, route->nexthop_id);
        else {
                mnl_attr_put_u32(header, RTA_OIF, route->ifindex);
                if (route->has_gateway)
                        mnl_attr_put_u32(header, RTA_GATEWAY, route->gateway.s_addr);
        }

        r = rtnl_talk(header, NULL, NULL);
        return r == -ESRCH ? 0 : r;
}

const DefaultRoute *default_route_first(const DefaultRoute *routes, size_t n) {
        const DefaultRoute *first = NULL;

        assert(routes || n == 0);

        for (size_t i = 0; i < n; i++)
                if (!first || routes[i].ifindex < first->ifindex ||
                    (routes[i].ifindex == first->ifindex && routes[i].priority < first->priority))
                        first = &routes[i];

        return first;
}
