/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* The NIC by which the platform was reached: that of the route to the address that answered scw-metadata. Returns its
 * number or a negative errno, -ENOENT if there were no metadata. */
_must_check_ int platform_nic(void);

/* Gives that NIC, or what platform_nic() said instead, the address ADDRESS/PREFIX, and a default route by the gateway. What is wrong with the words, or goes
 * wrong, is told, and then nothing is done. */
void settle_ipv6(int ifindex, const char *address, const char *gateway);
