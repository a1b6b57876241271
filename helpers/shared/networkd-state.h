/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* /run/systemd/netif/state, in which systemd-networkd keeps what it knows of all links together: DNS=, NTP=, DOMAINS=. And
 * links/N beside it, which is the same of each. */

/* The text of the former, to be freed. Returns 0, -ENOENT if networkd has not written it, or another negative errno. */
_must_check_ int networkd_state_read(char **ret);

/* The value of the line KEY=value in such a text, to be freed; NULL if there is no such line. Returns 0 or -ENOMEM. */
_must_check_ int networkd_state_value(const char *state, const char *key, char **ret);
