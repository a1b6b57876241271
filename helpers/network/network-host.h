/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "macro.h"

/* For a root over the network: if the root has the i-th of the network managers that would take the network away when they are
 * stopped (Debian's ifupdown, systemd-networkd), puts a drop-in into /run/systemd/system by which a stop of its service leaves
 * the NICs alone. *ret_unit is its service. Returns 1 if it did, 0 if the root has no such service, -ENOENT if there is no i-th
 * one, or another negative errno. */
_must_check_ int host_keep_network(size_t i, const char **ret_unit);
