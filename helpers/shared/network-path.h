/* SPDX-License-Identifier: MIT */
#pragma once

#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>

#include "macro.h"

/* What it takes to reach one server over one NIC, kept for the time after a network manager has taken it away:
 * rtnetlink(7). */
typedef struct NetworkPath {
        char name[IF_NAMESIZE]; /* of the NIC; it may be renamed, so the MAC address comes first */
        uint8_t mac[6];
        bool has_mac;
        int family;              /* AF_INET or AF_INET6 */
        uint8_t prefix_length;   /* of the own address, bits */
        struct in6_addr address; /* own one; of IPv4 only the first four bytes count */
        struct in6_addr peer;    /* the server's, likewise */
        struct in6_addr gateway; /* likewise */
        bool has_gateway;        /* else the peer is on the link */
} NetworkPath;

/* Finds the path of a connected TCP socket. -EOPNOTSUPP if it is none over a NIC (loopback, AF_UNIX). Returns 0 or a
 * negative errno. */
_must_check_ int network_path_find(int fd, NetworkPath *ret);

/* A new reference to an object for the record of a volume, or NULL if memory is short. */
json_t *network_path_to_json(const NetworkPath *p);
/* -EINVAL if it is no such object. */
_must_check_ int network_path_from_json(const json_t *o, NetworkPath *ret);

/* Returns 1 if there is a route to the peer over a NIC that is up, from an address of it, whichever it is; 0 if not; or
 * a negative errno. */
_must_check_ int network_path_is_usable(const NetworkPath *p);

/* Brings the NIC up, gives it the address and adds a route to the peer alone, each only if the way to the peer is not
 * by this NIC as it is. (If the NIC is a port of a bridge or a bond by now, all this is done to that one.) Removes
 * nothing. Returns 1 if it changed something, 0 if the path was whole, -ENODEV if there is no such NIC, -ENETUNREACH if
 * it did not help, or another negative errno; -ETIMEDOUT if the kernel does not answer within 5 s. */
_must_check_ int network_path_repair(const NetworkPath *p);
