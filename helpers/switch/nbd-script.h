/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Debian's /etc/init.d/nbd-client, which runs where systemd does not, disconnects what /etc/nbdtab names when the system goes down:
 * the root, too, before anything is unmounted. Nothing of ours can keep it from that, so it is told. Finds the devices that are named there
 * and attached by this initrd, "nbd0 nbd3". *ret is to be freed, NULL if there are none or there is no such script. Returns 0 or a negative
 * errno. */
_must_check_ int nbd_script_devices(int root_fd, char **ret);
