/* SPDX-License-Identifier: MIT */
#pragma once

#include <netinet/in.h>

#include "macro.h"

/* An address with its prefix, and the router behind which everything else is. */
typedef struct Ipv6Settings {
        struct in6_addr address, gateway;
        unsigned prefix; /* bits, 1 to 128 */
} Ipv6Settings;

/* What is wrong with a value. Strings are literals, but for value, which is the argument. */
typedef struct Ipv6Problem {
        const char *key; /* "address", "gateway" or "netmask", as the metadata name them */
        const char *value;
        const char *reason; /* "is no unicast address" */
} Ipv6Problem;

/* Values as the metadata have them, by whom they may have been spoilt: all three are texts, netmask is the length of the
 * prefix. NULL is as bad as any other bad value. The address must be one that a server may have for itself, the gateway
 * may also be a link-local one. Returns 0, or -EINVAL and fills in *ret_problem. */
_must_check_ int ipv6_settings_parse(const char *address, const char *netmask, const char *gateway, Ipv6Settings *ret,
                                     Ipv6Problem *ret_problem);

/* True if the gateway is outside of the prefix, so that a route by it has to say that it is on the link all the same. A
 * link-local one always is on the link. */
bool ipv6_settings_gateway_is_off_link(const Ipv6Settings *s);
