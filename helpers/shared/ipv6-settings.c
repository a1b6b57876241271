/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>

#include "ipv6-settings.h"
#include "parse-util.h"
#include "string-util.h"

static int bad(Ipv6Problem *p, const char *key, const char *value, const char *reason) {
        *p = (Ipv6Problem) { key, value ?: "", reason };
        return -EINVAL;
}

/* IPv4 addresses in IPv6 clothes are none that a NIC has. */
static bool is_unicast(const struct in6_addr *a) {
        return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) && !IN6_IS_ADDR_MULTICAST(a) &&
               !IN6_IS_ADDR_V4MAPPED(a) && !IN6_IS_ADDR_V4COMPAT(a);
}

int ipv6_settings_parse(const char *address, const char *netmask, const char *gateway, Ipv6Settings *ret,
                        Ipv6Problem *ret_problem) {
        Ipv6Settings s = {};

        assert(ret);
        assert(ret_problem);

        if (!address || inet_pton(AF_INET6, address, &s.address) <= 0)
                return bad(ret_problem, "address", address, "is no IPv6 address");
        if (!is_unicast(&s.address) || IN6_IS_ADDR_LINKLOCAL(&s.address))
                return bad(ret_problem, "address", address, "is no address for a server");
        if (!netmask || parse_unsigned(netmask, &s.prefix) < 0 || s.prefix < 1 || s.prefix > 128)
                return bad(ret_problem, "netmask", netmask, "is no prefix length from 1 to 128");
        if (!gateway || inet_pton(AF_INET6, gateway, &s.gateway) <= 0)
                return bad(ret_problem, "gateway", gateway, "is no IPv6 address");
        if (!is_unicast(&s.gateway) || IN6_ARE_ADDR_EQUAL(&s.gateway, &s.address))
                return bad(ret_problem, "gateway", gateway, "is no address of a router");

        *ret = s;
        return 0;
}

bool ipv6_settings_gateway_is_off_link(const Ipv6Settings *s) {
        size_t bytes;
        unsigned bits;

        assert(s);

        if (IN6_IS_ADDR_LINKLOCAL(&s->gateway))
                return false;

        bytes = s->prefix / 8;
        bits = s->prefix % 8;
        if (memcmp(&s->address, &s->gateway, bytes) != 0)
                return true;

        return bits > 0 && (s->address.s6_addr[bytes] ^ s->gateway.s6_addr[bytes]) >> (8 - bits) != 0;
}
