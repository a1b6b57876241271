/* SPDX-License-Identifier: MIT */
#pragma once

#include "ipv6-settings.h"
#include "macro.h"

/* What is done to one NIC, by its number. Each returns 0 or a negative errno, -ETIMEDOUT if the kernel does not answer
 * within 5 s. */

/* Finds the NIC over which packets to the address, a numeric one of either family, leave. -EINVAL if it is no address,
 * -ENETUNREACH or its like if there is no route, or the address is this machine's own. */
_must_check_ int rtnl_nic_towards(const char *address, unsigned *ret_ifindex);

/* Adds the address, usable at once (no duplicate address detection), and a default route by the gateway, with the
 * metric. What is there already stays as it is and is fine. */
_must_check_ int rtnl_add_ipv6(unsigned ifindex, const Ipv6Settings *s, uint32_t metric);

/* Takes the NIC down, which removes its routes, and then all addresses that it has left. Goes on after an address that
 * cannot be removed and returns that error. */
_must_check_ int rtnl_take_down(unsigned ifindex);

/* Has the addresses and IPv6 routes that would expire if nobody renewed them stay for good. Left alone are the temporary
 * addresses that the kernel makes for privacy; of a route over several NICs only what concerns this one is changed. *ret_n (may be NULL) counts what was changed.
 * Goes on after an error and returns the first one. */
_must_check_ int rtnl_hold(unsigned ifindex, unsigned *ret_n);
