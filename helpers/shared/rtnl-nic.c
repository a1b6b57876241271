/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "alloc-util.h"
#include "bounds.h"
#include "rtnl-internal.h"
#include "rtnl-nic.h"

#define LIFETIME_INFINITY UINT32_MAX

typedef struct Messages {
        unsigned ifindex;
        struct nlmsghdr *messages[RTNL_MESSAGES_MAX];
        size_t n;
} Messages;

typedef bool (*Selector)(const struct nlmsghdr *message, unsigned ifindex);

typedef struct Selection {
        Messages *messages;
        Selector selector;
} Selection;

static void messages_clear(Messages *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->messages[i]);
        m->n = 0;
}

static void messages_freep(Messages **m) {
        if (!*m)
                return;

        messages_clear(*m);
        free(*m);
}

static void forget_kept(void *data) {
        Selection *s = data;

        messages_clear(s->messages);
}

static int keep_cb(const struct nlmsghdr *header, void *data) {
        Selection *s = data;
        struct nlmsghdr *copy;

        if (s->messages->n >= RTNL_MESSAGES_MAX || !s->selector(header, s->messages->ifindex))
                return MNL_CB_OK;

        copy = malloc(header->nlmsg_len);
        if (!copy) {
                errno = ENOMEM;
                return MNL_CB_ERROR;
        }
        memcpy(copy, header, header->nlmsg_len);
        s->messages->messages[s->messages->n++] = copy;
        return MNL_CB_OK;
}

/* What the kernel tells is kept first and changed afterwards: a dump that is under way does not stand changes. */
static int dump(uint16_t type, uint8_t family, size_t header_size, unsigned ifindex, Selector selector, Messages **ret) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, type, NLM_F_DUMP);
        _cleanup_(messages_freep) Messages *m = new0(Messages, 1);
        int r;

        if (!m)
                return -ENOMEM;
        /* The family is the first byte of what a dump of any type asks with. */
        *(uint8_t *) mnl_nlmsg_put_extra_header(header, header_size) = family;
        m->ifindex = ifindex;
        r = rtnl_dump(header, keep_cb, forget_kept, &(Selection) { m, selector });
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

/* Adds the attributes of the message, behind a header of that size, to the request, but for those of n types. */
static int copy_attributes(struct nlmsghdr *request, const struct nlmsghdr *message, size_t header_size,
                           const uint16_t *left_out, size_t n) {
        const struct nlattr *a;

        mnl_attr_for_each(a, message, (unsigned) header_size) {
                uint16_t type = mnl_attr_get_type(a);
                size_t i;

                for (i = 0; i < n; i++)
                        if (type == left_out[i])
                                break;
                if (i < n)
                        continue;
                if (!mnl_attr_put_check(request, RTNL_REQUEST_SIZE, type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a)))
                        return -EMSGSIZE;
        }

        return 0;
}

static int parse_address(const char *s, uint8_t *ret_family, struct in6_addr *ret, size_t *ret_size) {
        if (inet_pton(AF_INET, s, ret) > 0) {
                *ret_family = AF_INET;
                *ret_size = sizeof(struct in_addr);
                return 0;
        }
        if (inet_pton(AF_INET6, s, ret) > 0) {
                *ret_family = AF_INET6;
                *ret_size = sizeof(struct in6_addr);
                return 0;
        }

        return -EINVAL;
}

static int nic_cb(const struct nlmsghdr *header, void *data) {
        const struct rtmsg *message = mnl_nlmsg_get_payload(header);
        const struct nlattr *attributes[RTA_MAX + 1] = {};
        unsigned *ifindex = data;

        if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*message))
                return MNL_CB_OK;

        /* Of an IPv6 address that is not reachable the kernel tells the route that says so, and a NIC with it. */
        rtnl_attributes(header, sizeof(*message), attributes, RTA_MAX);
        if (message->rtm_type == RTN_UNICAST)
                *ifindex = rtnl_attribute_u32(attributes[RTA_OIF], 0);

        return MNL_CB_OK;
}

int rtnl_nic_towards(const char *address, unsigned *ret_ifindex) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_GETROUTE, NLM_F_ACK);
        struct in6_addr destination;
        struct rtmsg *message;
        unsigned ifindex = 0;
        uint8_t family;
        size_t size;
        int r;

        assert(address);
        assert(ret_ifindex);

        r = parse_address(address, &family, &destination, &size);
        if (r < 0)
                return r;
        message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        message->rtm_family = family;
        message->rtm_dst_len = (uint8_t) (size * 8);
        mnl_attr_put(header, RTA_DST, size, &destination);
        r = rtnl_talk(header, nic_cb, &ifindex);
        if (r < 0)
                return r;
        if (ifindex == 0)
                return -ENETUNREACH;

        *ret_ifindex = ifindex;
        return 0;
}

static int add_address(unsigned ifindex, const Ipv6Settings *s) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        int r;

        message->ifa_family = AF_INET6;
        message->ifa_prefixlen = (uint8_t) s->prefix;
        message->ifa_flags = IFA_F_NODAD;
        message->ifa_scope = RT_SCOPE_UNIVERSE;
        message->ifa_index = ifindex;
        mnl_attr_put(header, IFA_LOCAL, sizeof(s->address), &s->address);
        r = rtnl_talk(header, NULL, NULL);
        return r == -EEXIST ? 0 : r;
}

int rtnl_add_ipv6(unsigned ifindex, const Ipv6Settings *s, uint32_t metric) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        struct rtmsg *message;
        int r;

        assert(ifindex > 0);
        assert(s);

        r = add_address(ifindex, s);
        if (r < 0)
                return r;

        message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        message->rtm_family = AF_INET6;
        message->rtm_table = RT_TABLE_MAIN;
        message->rtm_type = RTN_UNICAST;
        message->rtm_protocol = RTPROT_STATIC;
        message->rtm_flags = ipv6_settings_gateway_is_off_link(s) ? RTNH_F_ONLINK : 0;
        mnl_attr_put(header, RTA_GATEWAY, sizeof(s->gateway), &s->gateway);
        mnl_attr_put_u32(header, RTA_OIF, ifindex);
        mnl_attr_put_u32(header, RTA_PRIORITY, metric);
        r = rtnl_talk(header, NULL, NULL);
        return r == -EEXIST ? 0 : r;
}

static int set_down(unsigned ifindex) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWLINK, NLM_F_ACK);
        struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

        message->ifi_family = AF_UNSPEC;
        message->ifi_index = (int) ifindex;
        message->ifi_change = IFF_UP;
        return rtnl_talk(header, NULL, NULL);
}

static bool is_address(const struct nlmsghdr *header, unsigned ifindex) {
        const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);

        return header->nlmsg_type == RTM_NEWADDR && mnl_nlmsg_get_payload_len(header) >= sizeof(*message) &&
               (message->ifa_family == AF_INET || message->ifa_family == AF_INET6) && message->ifa_index == ifindex;
}

int rtnl_take_down(unsigned ifindex) {
        static const uint16_t left_out[] = { IFA_CACHEINFO, IFA_FLAGS };
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        _cleanup_(messages_freep) Messages *m = NULL;
        int r, first;

        assert(ifindex > 0);

        first = set_down(ifindex);
        r = dump(RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), ifindex, is_address, &m);
        for (size_t i = 0; r >= 0 && i < m->n; i++) {
                struct nlmsghdr *header = rtnl_request(buffer, RTM_DELADDR, NLM_F_ACK);
                struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
                int k;

                memcpy(message, mnl_nlmsg_get_payload(m->messages[i]), sizeof(*message));
                k = copy_attributes(header, m->messages[i], sizeof(*message), left_out, ELEMENTSOF(left_out));
                if (k >= 0)
                        k = rtnl_talk(header, NULL, NULL);
                /* With the first address of a network those go by themselves that were added to it. */
                if (k < 0 && k != -EADDRNOTAVAIL && first >= 0)
                        first = k;
        }

        return MIN(first, r);
}

static bool address_expires(const struct nlmsghdr *header, unsigned ifindex) {
        const struct nlattr *attributes[IFA_MAX + 1] = {};
        const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
        const struct ifa_cacheinfo *lifetimes;

        if (!is_address(header, ifindex))
                return false;

        rtnl_attributes(header, sizeof(*message), attributes, IFA_MAX);
        /* The flag has another meaning for an IPv4 address. */
        if (message->ifa_family == AF_INET6 &&
            (rtnl_attribute_u32(attributes[IFA_FLAGS], message->ifa_flags) & IFA_F_TEMPORARY))
                return false;
        if (!attributes[IFA_CACHEINFO] || mnl_attr_get_payload_len(attributes[IFA_CACHEINFO]) < sizeof(*lifetimes))
                return false;

        lifetimes = mnl_attr_get_payload(attributes[IFA_CACHEINFO]);
        return lifetimes->ifa_valid != LIFETIME_INFINITY;
}

/* The kernel takes an address that it has for a change of what else the message says. */
static int hold_address(const struct nlmsghdr *old, unsigned ifindex) {
        static const uint16_t left_out[] = { IFA_CACHEINFO };
        static const struct ifa_cacheinfo for_good = { .ifa_prefered = LIFETIME_INFINITY, .ifa_valid = LIFETIME_INFINITY };
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWADDR, NLM_F_ACK | NLM_F_REPLACE);
        struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        int r;

        memcpy(message, mnl_nlmsg_get_payload(old), sizeof(*message));
        r = copy_attributes(header, old, sizeof(*message), left_out, ELEMENTSOF(left_out));
        if (r < 0)
                return r;
        if (!mnl_attr_put_check(header, RTNL_REQUEST_SIZE, IFA_CACHEINFO, sizeof(for_good), &for_good))
                return -EMSGSIZE;

        return rtnl_talk(header, NULL, NULL);
}

static bool has_nexthop(const struct nlattr *multipath, unsigned ifindex) {
        const struct rtnexthop *hop = mnl_attr_get_payload(multipath);

        for (int left = mnl_attr_get_payload_len(multipath); RTNH_OK(hop, left); left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
                if (hop->rtnh_ifindex == (int) ifindex)
                        return true;

        return false;
}

/* Of a route over several routers, by this NIC and others, the kernel tells only when the first of them ends. */
static bool route_expires(const struct nlmsghdr *header, unsigned ifindex) {
        const struct nlattr *attributes[RTA_MAX + 1] = {};
        const struct rtmsg *message = mnl_nlmsg_get_payload(header);
        const struct rta_cacheinfo *info;

        if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*message) ||
            message->rtm_family != AF_INET6 || message->rtm_type != RTN_UNICAST || (message->rtm_flags & RTM_F_CLONED))
                return false;

        rtnl_attributes(header, sizeof(*message), attributes, RTA_MAX);
        if (attributes[RTA_MULTIPATH])
                return has_nexthop(attributes[RTA_MULTIPATH], ifindex);
        if (rtnl_attribute_u32(attributes[RTA_OIF], 0) != ifindex || !attributes[RTA_CACHEINFO] ||
            mnl_attr_get_payload_len(attributes[RTA_CACHEINFO]) < sizeof(*info))
                return false;

        info = mnl_attr_get_payload(attributes[RTA_CACHEINFO]);
        return info->rta_expires > 0;
}

/* The same route once more, without a time at which it ends: the kernel takes that from the one it has, and says that it
 * has it. Not as a replacement, which would also replace the routes of other routers. hop is one of several, or NULL. */
static int add_for_good(const struct nlmsghdr *old, const struct rtnexthop *hop, bool has_nexthop_object) {
        /* A nexthop object, as systemd-networkd makes them, says all of the rest; the kernel tells it too, but will not be told. */
        static const uint16_t left_out[] = { RTA_CACHEINFO, RTA_EXPIRES, RTA_MULTIPATH, RTA_GATEWAY, RTA_OIF };
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE);
        struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        int r;

        memcpy(message, mnl_nlmsg_get_payload(old), sizeof(*message));
        message->rtm_flags = (hop ? hop->rtnh_flags : message->rtm_flags) & RTNH_F_ONLINK; /* the others say how it is doing */
        r = copy_attributes(header, old, sizeof(*message), left_out, ELEMENTSOF(left_out) - (has_nexthop_object ? 0 : 2));
        if (r < 0)
                return r;
        if (hop) {
                const struct rtattr *a = RTNH_DATA(hop);

                mnl_attr_put_u32(header, RTA_OIF, (uint32_t) hop->rtnh_ifindex);
                for (int left = (int) (hop->rtnh_len - sizeof(*hop)); RTA_OK(a, left); a = RTA_NEXT(a, left))
                        if (a->rta_type == RTA_GATEWAY &&
                            !mnl_attr_put_check(header, RTNL_REQUEST_SIZE, RTA_GATEWAY, RTA_PAYLOAD(a), RTA_DATA(a)))
                                return -EMSGSIZE;
        }

        r = rtnl_talk(header, NULL, NULL);
        return r == -EEXIST ? 0 : r;
}

static int hold_route(const struct nlmsghdr *old, unsigned ifindex) {
        const struct nlattr *attributes[RTA_MAX + 1] = {};
        const struct rtnexthop *hop;
        int r = 0;

        rtnl_attributes(old, sizeof(struct rtmsg), attributes, RTA_MAX);
        if (attributes[RTA_NH_ID] || !attributes[RTA_MULTIPATH])
                return add_for_good(old, NULL, attributes[RTA_NH_ID]);

        hop = mnl_attr_get_payload(attributes[RTA_MULTIPATH]);
        for (int left = mnl_attr_get_payload_len(attributes[RTA_MULTIPATH]); r >= 0 && RTNH_OK(hop, left);
             left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
                if (hop->rtnh_ifindex == (int) ifindex)
                        r = add_for_good(old, hop, /* has_nexthop_object= */ false);

        return r;
}

int rtnl_hold(unsigned ifindex, unsigned *ret_n) {
        static const struct {
                uint16_t type;
                uint8_t family;
                size_t header_size;
                Selector selector;
                int (*hold)(const struct nlmsghdr *old, unsigned ifindex);
        } kinds[] = {
                { RTM_GETADDR,  AF_UNSPEC, sizeof(struct ifaddrmsg), address_expires, hold_address },
                { RTM_GETROUTE, AF_INET6,  sizeof(struct rtmsg),     route_expires,   hold_route   },
        };
        unsigned n = 0;
        int first = 0;

        assert(ifindex > 0);

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_(messages_freep) Messages *m = NULL;
                int r;

                r = dump(kinds[i].type, kinds[i].family, kinds[i].header_size, ifindex, kinds[i].selector, &m);
                for (size_t k = 0; r >= 0 && k < m->n; k++) {
                        int error = kinds[i].hold(m->messages[k], ifindex);

                        if (error >= 0)
                                n++;
                        else if (first >= 0)
                                first = error;
                }
                if (r < 0 && first >= 0)
                        first = r;
        }

        if (ret_n)
                *ret_n = n;
        return first;
}
