/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* News of dead links: the kernel's NBD driver tells them to a multicast group of generic netlink (nbd_netlink_group()).
 */

/* Returns a non-blocking file descriptor, readable when there are some, or a negative errno. */
_must_check_ int nbd_watch_open(uint32_t group);

/* Reads all that are there. Returns 1 if one is for this device, or if some were lost, which may have been for it; 0 if
 * not; or a negative errno. */
_must_check_ int nbd_watch_read(int fd, unsigned index);
