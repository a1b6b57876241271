/* SPDX-License-Identifier: MIT */
#pragma once

#include <libmnl/libmnl.h>

#include "macro.h"

/* What rtnl.c, rtnl-nic.c and network-path.c share, and nobody else. */

#define RTNL_REQUEST_SIZE 1024U

/* Begins a request in the buffer, which must be aligned to 8 bytes and is cleared. The header is in it. */
struct nlmsghdr *rtnl_request(char buffer[static RTNL_REQUEST_SIZE], uint16_t type, uint16_t flags);

/* Sends the request and hands each answer to the callback (may be NULL) until the kernel says that it is the last. Returns
 * 0 or a negative errno, -ETIMEDOUT if the kernel does not answer within 5 s. */
_must_check_ int rtnl_talk(struct nlmsghdr *request, mnl_cb_t callback, void *data);

/* The same for a dump. What it lists may change meanwhile; the kernel then says that its answer is no picture of any moment, and is asked
 * again, up to three times. reset is called before each: it forgets what the callback has collected. Also returns -EINTR, if there was a
 * change each time. */
_must_check_ int rtnl_dump(struct nlmsghdr *request, mnl_cb_t callback, void (*reset)(void *data), void *data);

/* Fills in attributes[TYPE], an array of max + 1, for each attribute behind the header of that size; types that are
 * larger are passed over. */
void rtnl_attributes(const struct nlmsghdr *message, size_t header_size, const struct nlattr **attributes, uint16_t max);

/* The value of an attribute; unset if it is NULL or too short. */
uint32_t rtnl_attribute_u32(const struct nlattr *a, uint32_t unset);
