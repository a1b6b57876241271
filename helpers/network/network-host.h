/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* For a root over the network: if the root has Debian's ifupdown, puts a drop-in into /run/systemd/system by which a stop of
 * its service, which is also the first half of a restart, leaves the NICs and the DHCP client alone. Returns 1 if it did,
 * 0 if there is no ifupdown, or a negative errno. */
_must_check_ int host_keep_ifupdown(void);
