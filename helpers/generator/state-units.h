/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* False if an option says that the control plane hears nothing of this boot. */
bool states_are_signalled(const Boot *b);

/* The same for a boot that has failed. */
bool failure_is_signalled(const Boot *b);

/* The target that the host's systemd is told to reach. */
const char *boot_target(const Boot *b);

/* A drop-in for a unit of the host's, handed over, that only says when: the boot target has been reached. Returns 0 or a negative errno. */
_must_check_ int order_after_boot_target(const Boot *b, const char *unit);

/* Has scaleway-boot.target want the state signals, each at its moment, and hands over to the host what goes on there: signals under
 * way, and "booted" when its boot target is reached. Returns 0 or a negative errno. */
_must_check_ int state_units_write(const Boot *b);
