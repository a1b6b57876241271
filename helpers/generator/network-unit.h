/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* What scaleway-network.service is to do before the root and before the switch. other_volumes: NBD volumes are attached
 * beside the root. What is wrong with the metadata's IPv6 is a warning. Returns 0 or a negative errno. */
_must_check_ int network_write(const Boot *b, bool other_volumes);
