/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Limits of the C library's resolver, resolv.conf(5). */
#define RESOLV_CONF_SERVERS_MAX 3U
#define RESOLV_CONF_DOMAINS_MAX 6U

/* True if s is an IPv4 or IPv6 address, the latter perhaps with %INTERFACE: what a nameserver line may hold. */
bool nameserver_is_valid(const char *s);

/* Makes the text of a resolv.conf(5). servers and domains are lists separated by blanks, of which the order is
 * kept, or NULL. The forms that systemd-networkd writes are understood: a server name after '#' is cut off, servers
 * with a port of their own and domains that only route ('~') are passed over, as is whatever is no address or host
 * name. Returns 1 and the text in *ret (to be freed), 0 if there is no usable server, -ENOMEM. */
_must_check_ int resolv_conf_make(const char *servers, const char *domains, char **ret);

/* The same from the text of /run/systemd/netif/state, in which systemd-networkd keeps DNS= and DOMAINS= of all
 * links. */
_must_check_ int resolv_conf_from_networkd(const char *state, char **ret);
