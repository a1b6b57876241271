/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* True if s is an IPv4 or IPv6 address, the latter perhaps with %INTERFACE: what a nameserver line may hold. */
bool nameserver_is_valid(const char *s);

/* Makes the text of a resolv.conf(5). servers and domains are lists separated by blanks, of which the order is
 * kept, or NULL. The forms that systemd-networkd writes are understood: a server name after '#' is cut off, servers
 * with a port of their own and domains that only route ('~') are passed over, as is whatever is no address or host
 * name, and what was there before. Of more servers than there may be the first ones are taken; but where those are all of
 * one family and there is one of the other, that is the last, for a server that loses one of its networks. Returns 1 and
 * the text in *ret (to be freed), 0 if there is no usable server, -ENOMEM. */
_must_check_ int resolv_conf_make(const char *servers, const char *domains, char **ret);

/* What systemd-networkd says of a NIC: its name, and the text of /run/systemd/netif/links/N. */
typedef struct ResolvLink {
        const char *nic;
        const char *state;
} ResolvLink;

/* The same from DNS= and DOMAINS= of n NICs, in their order. A server with a link-local address gets the NIC's name, without
 * which nobody could reach it. */
_must_check_ int resolv_conf_from_links(const ResolvLink *links, size_t n, char **ret);
