/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "network-path.h"
#include "parse-util.h"
#include "rtnl-internal.h"
#include "string-util.h"

/* Metrics of the route to the peer alone: smaller than any that others give, IPv6 has no 0. */
#define METRIC_IPV4 0U
#define METRIC_IPV6 1U

/* How packets to the peer leave, as things stand. */
typedef struct Way {
        unsigned ifindex; /* 0: not at all */
        bool has_source, has_gateway;
        struct in6_addr source, gateway;
} Way;

typedef struct Nic {
        unsigned ifindex, flags, master;
        char name[IF_NAMESIZE];
        uint8_t mac[6];
        bool has_mac;
} Nic;

typedef struct NicQuery {
        const NetworkPath *path; /* what to look for; NULL: the index */
        unsigned ifindex;
        unsigned rank; /* of what is found, 0: nothing */
        Nic nic;
} NicQuery;

typedef struct AddressQuery {
        int family;
        struct in6_addr address;
        unsigned ifindex;
        bool found; /* the NIC has the address */
        bool any;   /* one that packets to elsewhere can come from */
        uint8_t prefix_length;
} AddressQuery;

static size_t address_size(int family) {
        return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static bool same_address(int family, const struct in6_addr *a, const struct in6_addr *b) {
        return memcmp(a, b, address_size(family)) == 0;
}

static bool get_address(const struct nlattr *a, int family, struct in6_addr *ret) {
        if (!a || mnl_attr_get_payload_len(a) < address_size(family))
                return false;

        *ret = (struct in6_addr){};
        memcpy(ret, mnl_attr_get_payload(a), address_size(family));
        return true;
}

typedef struct WayQuery {
        int family;
        bool foreign_gateway;
        Way way;
} WayQuery;

static int way_cb(const struct nlmsghdr *header, void *data) {
        const struct rtmsg *message = mnl_nlmsg_get_payload(header);
        const struct nlattr *attributes[RTA_MAX + 1] = {};
        WayQuery *q = data;

        if (header->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(header) < sizeof(*message))
                return MNL_CB_OK;

        /* Of an IPv6 address that cannot be reached the kernel tells the route that says so, and a NIC with it. */
        if (message->rtm_type != RTN_UNICAST)
                return MNL_CB_OK;

        rtnl_attributes(header, sizeof(*message), attributes, RTA_MAX);
        q->way.ifindex = rtnl_attribute_u32(attributes[RTA_OIF], 0);
        q->way.has_source = get_address(attributes[RTA_PREFSRC], q->family, &q->way.source);
        q->way.has_gateway = get_address(attributes[RTA_GATEWAY], q->family, &q->way.gateway);
        q->foreign_gateway = attributes[RTA_VIA];
        return MNL_CB_OK;
}

/* No way is no error: *ret is all zero then. */
static int find_way(int family, const struct in6_addr *peer, Way *ret) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_GETROUTE, NLM_F_ACK);
        struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        WayQuery q = { .family = family };
        int r;

        message->rtm_family = (uint8_t) family;
        message->rtm_dst_len = (uint8_t) (address_size(family) * 8);
        mnl_attr_put(header, RTA_DST, address_size(family), peer);
        r = rtnl_talk(header, way_cb, &q);
        if (r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EACCES || r == -EINVAL)
                q.way = (Way){};
        else if (r < 0)
                return r;
        if (q.foreign_gateway)
                return -EOPNOTSUPP;

        *ret = q.way;
        return 0;
}

/* The MAC address says more than the name, which is given anew by each system; where several have it (a bridge and its
 * port, a VLAN), that of the same name. */
static unsigned nic_rank(const NetworkPath *p, const Nic *n) {
        bool same_name = streq(p->name, n->name);

        if (p->has_mac)
                return n->has_mac && memcmp(p->mac, n->mac, sizeof(p->mac)) == 0 ? 2 + same_name : same_name;
        return same_name;
}

static int nic_cb(const struct nlmsghdr *header, void *data) {
        const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
        const struct nlattr *attributes[IFLA_MAX + 1] = {}, *a;
        NicQuery *q = data;
        Nic n = {};
        unsigned rank;

        if (header->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(header) < sizeof(*message))
                return MNL_CB_OK;

        rtnl_attributes(header, sizeof(*message), attributes, IFLA_MAX);
        n.ifindex = (unsigned) message->ifi_index;
        n.flags = message->ifi_flags;
        n.master = rtnl_attribute_u32(attributes[IFLA_MASTER], 0);
        a = attributes[IFLA_IFNAME];
        if (a && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 && mnl_attr_get_payload_len(a) <= sizeof(n.name))
                memcpy(n.name, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
        a = attributes[IFLA_ADDRESS];
        n.has_mac = a && mnl_attr_get_payload_len(a) == sizeof(n.mac) && !(n.flags & IFF_LOOPBACK);
        if (n.has_mac)
                memcpy(n.mac, mnl_attr_get_payload(a), sizeof(n.mac));

        rank = q->path ? nic_rank(q->path, &n) : n.ifindex == q->ifindex;
        if (rank > q->rank) {
                q->rank = rank;
                q->nic = n;
        }
        return MNL_CB_OK;
}

static void forget_nic(void *data) {
        NicQuery *q = data;

        q->rank = 0;
}

static int find_nic(const NetworkPath *p, unsigned ifindex, Nic *ret) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
        struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        NicQuery q = { .path = p, .ifindex = ifindex };
        int r;

        message->ifi_family = AF_UNSPEC;
        r = rtnl_dump(header, nic_cb, forget_nic, &q);
        if (r < 0)
                return r;
        if (q.rank == 0)
                return -ENODEV;

        *ret = q.nic;
        return 0;
}

static int address_cb(const struct nlmsghdr *header, void *data) {
        const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
        const struct nlattr *attributes[IFA_MAX + 1] = {};
        struct in6_addr address;
        AddressQuery *q = data;

        if (header->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(header) < sizeof(*message) ||
            message->ifa_family != q->family || message->ifa_index != q->ifindex)
                return MNL_CB_OK;

        /* Where the link has a peer, that is in IFA_ADDRESS. */
        rtnl_attributes(header, sizeof(*message), attributes, IFA_MAX);
        if (!get_address(attributes[IFA_LOCAL] ?: attributes[IFA_ADDRESS], q->family, &address))
                return MNL_CB_OK;

        q->any = q->any || message->ifa_scope < RT_SCOPE_LINK;
        if (same_address(q->family, &address, &q->address)) {
                q->found = true;
                q->prefix_length = message->ifa_prefixlen;
        }
        return MNL_CB_OK;
}

static void forget_addresses(void *data) {
        AddressQuery *q = data;

        q->found = q->any = false;
}

static int query_addresses(AddressQuery *q) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_GETADDR, NLM_F_DUMP);
        struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

        message->ifa_family = (uint8_t) q->family;
        return rtnl_dump(header, address_cb, forget_addresses, q);
}

/* Returns 1 if the NIC has the address, 0 if not, or a negative errno. */
static int nic_has_address(int family, unsigned ifindex, const struct in6_addr *address, uint8_t *ret_prefix_length) {
        AddressQuery q = { .family = family, .ifindex = ifindex, .address = *address };
        int r;

        r = query_addresses(&q);
        if (r < 0)
                return r;

        if (q.found && ret_prefix_length)
                *ret_prefix_length = q.prefix_length;
        return q.found;
}

/* An IPv4 address that came out of a socket for both families counts as what it is. */
static int socket_address(const struct sockaddr_storage *s, int *ret_family, struct in6_addr *ret) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) s;
        const struct sockaddr_in *v4 = (const struct sockaddr_in *) s;

        *ret = (struct in6_addr){};
        if (s->ss_family == AF_INET) {
                *ret_family = AF_INET;
                memcpy(ret, &v4->sin_addr, sizeof(v4->sin_addr));
                return 0;
        }
        if (s->ss_family != AF_INET6)
                return -EOPNOTSUPP;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
                *ret_family = AF_INET;
                memcpy(ret, &v6->sin6_addr.s6_addr[12], sizeof(struct in_addr));
                return 0;
        }

        *ret_family = AF_INET6;
        *ret = v6->sin6_addr;
        return 0;
}

int network_path_find(int fd, NetworkPath *ret) {
        struct sockaddr_storage own = {}, peer = {};
        socklen_t n_own = sizeof(own), n_peer = sizeof(peer);
        NetworkPath p = {};
        Way way;
        Nic nic;
        int r, family;

        assert(fd >= 0);
        assert(ret);

        if (getsockname(fd, (struct sockaddr *) &own, &n_own) < 0 ||
            getpeername(fd, (struct sockaddr *) &peer, &n_peer) < 0)
                return -errno;
        r = socket_address(&own, &p.family, &p.address);
        if (r < 0)
                return r;
        r = socket_address(&peer, &family, &p.peer);
        if (r < 0)
                return r;

        r = find_way(p.family, &p.peer, &way);
        if (r < 0)
                return r;
        /* This machine's own address is reached by a route of another kind. */
        if (way.ifindex == 0)
                return -EOPNOTSUPP;
        r = find_nic(NULL, way.ifindex, &nic);
        if (r < 0)
                return r;
        if (nic.flags & IFF_LOOPBACK)
                return -EOPNOTSUPP;
        r = nic_has_address(p.family, nic.ifindex, &p.address, &p.prefix_length);
        if (r < 0)
                return r;
        if (r == 0)
                return -EOPNOTSUPP;

        p.has_gateway = way.has_gateway;
        p.gateway = way.gateway;
        p.has_mac = nic.has_mac;
        memcpy(p.mac, nic.mac, sizeof(p.mac));
        memcpy(p.name, nic.name, sizeof(p.name));
        *ret = p;
        return 0;
}

static void format_address(int family, const struct in6_addr *a, char buffer[static INET6_ADDRSTRLEN]) {
        if (!inet_ntop(family, a, buffer, INET6_ADDRSTRLEN))
                buffer[0] = '\0';
}

json_t *network_path_to_json(const NetworkPath *p) {
        char address[INET6_ADDRSTRLEN], own[INET6_ADDRSTRLEN + 4], peer[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
        char mac[sizeof("00:00:00:00:00:00")];

        assert(p);

        format_address(p->family, &p->address, address);
        format_address(p->family, &p->peer, peer);
        format_address(p->family, &p->gateway, gateway);
        (void) snprintf(own, sizeof(own), "%s/%u", address, p->prefix_length);
        (void) snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1], p->mac[2], p->mac[3],
                        p->mac[4], p->mac[5]);
        return json_pack("{s:s, s:s?, s:s, s:s, s:s?}", "interface", p->name, "mac", p->has_mac ? mac : NULL, "address",
                         own, "peer", peer, "gateway", p->has_gateway ? gateway : NULL);
}

static int parse_mac(const char *s, uint8_t ret[static 6]) {
        static const char digits[] = "0123456789abcdef";
        uint8_t mac[6];

        if (strlen(s) != sizeof("00:00:00:00:00:00") - 1)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(mac); i++) {
                const char *high = strchr(digits, s[3 * i]), *low = strchr(digits, s[3 * i + 1]);

                if (!high || !low || (i < sizeof(mac) - 1 && s[3 * i + 2] != ':'))
                        return -EINVAL;
                mac[i] = (uint8_t) ((high - digits) << 4 | (low - digits));
        }

        memcpy(ret, mac, sizeof(mac));
        return 0;
}

/* ADDRESS/BITS */
static int parse_own(const char *s, NetworkPath *p) {
        char address[INET6_ADDRSTRLEN];
        const char *slash = strchr(s, '/');
        unsigned bits;

        if (!slash || (size_t) (slash - s) >= sizeof(address) || parse_unsigned(slash + 1, &bits) < 0)
                return -EINVAL;
        memcpy(address, s, (size_t) (slash - s));
        address[slash - s] = '\0';

        p->family = strchr(address, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(p->family, address, &p->address) <= 0 || bits > address_size(p->family) * 8)
                return -EINVAL;

        p->prefix_length = (uint8_t) bits;
        return 0;
}

int network_path_from_json(const json_t *o, NetworkPath *ret) {
        const char *name, *mac = NULL, *own, *peer, *gateway = NULL;
        NetworkPath p = {};

        assert(ret);

        /* jansson does not change what it unpacks, but says so nowhere. "s?" takes no null, so these two are asked for
         * by hand. */
        if (json_unpack((json_t *) o, "{s:s, s:s, s:s}", "interface", &name, "address", &own, "peer", &peer) < 0)
                return -EINVAL;
        mac = json_string_value(json_object_get(o, "mac"));
        gateway = json_string_value(json_object_get(o, "gateway"));

        if (isempty(name) || strlen(name) >= sizeof(p.name) || parse_own(own, &p) < 0 ||
            inet_pton(p.family, peer, &p.peer) <= 0 || (mac && parse_mac(mac, p.mac) < 0) ||
            (gateway && inet_pton(p.family, gateway, &p.gateway) <= 0))
                return -EINVAL;

        strcpy(p.name, name);
        p.has_mac = mac;
        p.has_gateway = gateway;
        *ret = p;
        return 0;
}

static int set_up(unsigned ifindex) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWLINK, NLM_F_ACK);
        struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

        message->ifi_family = AF_UNSPEC;
        message->ifi_index = (int) ifindex;
        message->ifi_flags = IFF_UP;
        message->ifi_change = IFF_UP;
        return rtnl_talk(header, NULL, NULL);
}

/* Usable at once and for good. */
static int add_address(const NetworkPath *p, unsigned ifindex) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        int r;

        message->ifa_family = (uint8_t) p->family;
        message->ifa_prefixlen = p->prefix_length;
        message->ifa_flags = p->family == AF_INET6 ? IFA_F_NODAD : 0;
        message->ifa_scope = RT_SCOPE_UNIVERSE;
        message->ifa_index = ifindex;
        mnl_attr_put(header, IFA_LOCAL, address_size(p->family), &p->address);
        mnl_attr_put(header, IFA_ADDRESS, address_size(p->family), &p->address);
        r = rtnl_talk(header, NULL, NULL);
        return r == -EEXIST ? 0 : r;
}

/* Not a replacement: whatever route is there stays, and this one comes before it. The gateway need not be in a network
 * of the NIC, as with an address of /32. */
static int add_route(const NetworkPath *p, unsigned ifindex) {
        char buffer[RTNL_REQUEST_SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *header = rtnl_request(buffer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE);
        struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
        int r;

        message->rtm_family = (uint8_t) p->family;
        message->rtm_dst_len = (uint8_t) (address_size(p->family) * 8);
        message->rtm_table = RT_TABLE_MAIN;
        message->rtm_type = RTN_UNICAST;
        message->rtm_protocol = RTPROT_STATIC;
        message->rtm_scope = p->has_gateway || p->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
        message->rtm_flags = p->has_gateway ? RTNH_F_ONLINK : 0;
        mnl_attr_put(header, RTA_DST, address_size(p->family), &p->peer);
        if (p->has_gateway)
                mnl_attr_put(header, RTA_GATEWAY, address_size(p->family), &p->gateway);
        mnl_attr_put_u32(header, RTA_OIF, ifindex);
        mnl_attr_put_u32(header, RTA_PRIORITY, p->family == AF_INET ? METRIC_IPV4 : METRIC_IPV6);
        r = rtnl_talk(header, NULL, NULL);
        return r == -EEXIST ? 0 : r;
}

/* Since the path was found the NIC may have become the port of a bridge or part of a bond; addresses are that one's
 * then. */
static int follow_masters(Nic *n) {
        for (unsigned i = 0; n->master > 0; i++) {
                int r = i < MASTERS_MAX ? find_nic(NULL, n->master, n) : -ELOOP;

                if (r < 0)
                        return r;
        }

        return 0;
}

/* A source on the link only does not get beyond it. Returns 1 if what the kernel would send from is the NIC's, 0 if
 * not, or a negative errno. */
static int source_is_good(const NetworkPath *p, const Nic *n, const Way *way) {
        if (!way->has_source)
                return 0;
        if (p->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&way->source) && !IN6_IS_ADDR_LINKLOCAL(&p->peer))
                return 0;

        return nic_has_address(p->family, n->ifindex, &way->source, NULL);
}

/* Returns 1 if packets to the peer leave by the NIC, from an address of it; 0 if not, or a negative errno. */
static int is_whole(const NetworkPath *p, const Nic *n) {
        Way way;
        int r;

        r = find_way(p->family, &p->peer, &way);
        if (r < 0)
                return r;

        return way.ifindex == n->ifindex ? source_is_good(p, n, &way) : 0;
}

int network_path_is_usable(const NetworkPath *p) {
        Way way;
        Nic n;
        int r;

        assert(p);

        r = find_way(p->family, &p->peer, &way);
        if (r < 0)
                return r;
        if (way.ifindex == 0)
                return 0;
        r = find_nic(NULL, way.ifindex, &n);
        if (r == -ENODEV)
                return 0;
        if (r < 0)
                return r;
        if (!(n.flags & IFF_UP))
                return 0;

        return source_is_good(p, &n, &way);
}

/* If the host has taken another address on this NIC, that one will do; else the own one comes first, as its network may
 * be all that is missing. Returns as network_path_repair(). */
static int repair_addresses(const NetworkPath *p, const Nic *n) {
        AddressQuery q = { .family = p->family, .ifindex = n->ifindex, .address = p->address };
        int r;

        r = query_addresses(&q);
        if (r < 0)
                return r;
        if (!q.any) {
                r = add_address(p, n->ifindex);
                if (r < 0)
                        return r;
                r = is_whole(p, n);
                if (r != 0)
                        return r;
        }
        r = add_route(p, n->ifindex);
        if (r < 0)
                return r;
        r = is_whole(p, n);
        if (r != 0 || q.found)
                return r == 0 ? -ENETUNREACH : r;

        r = add_address(p, n->ifindex);
        if (r < 0)
                return r;
        r = is_whole(p, n);
        return r == 0 ? -ENETUNREACH : r;
}

static int bring_up(const Nic *n) {
        int r;

        if (n->flags & IFF_UP)
                return 0;

        r = set_up(n->ifindex);
        return r < 0 ? r : 1;
}

int network_path_repair(const NetworkPath *p) {
        int r, changed;
        Nic n;

        assert(p);

        r = find_nic(p, 0, &n);
        if (r < 0)
                return r;
        changed = bring_up(&n);
        if (changed < 0)
                return changed;
        if (n.master > 0) {
                r = follow_masters(&n);
                if (r < 0)
                        return r;
                r = bring_up(&n);
                if (r < 0)
                        return r;
                changed |= r;
        }

        r = is_whole(p, &n);
        if (r != 0)
                return r < 0 ? r : changed;

        return repair_addresses(p, &n);
}
