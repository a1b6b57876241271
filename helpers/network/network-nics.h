/* SPDX-License-Identifier: MIT */
#pragma once

#include "alloc-util.h"
#include "macro.h"

/* A NIC that systemd-networkd has been given settings for in this initrd. */
typedef struct Nic {
        unsigned ifindex;
        char *name;
        char *state; /* the text of /run/systemd/netif/links/IFINDEX */
} Nic;

typedef struct Nics {
        Nic *nics;
        size_t n;
} Nics;

/* Finds them, those with low numbers first. Returns 0, also if there are none, or a negative errno. */
_must_check_ int nics_load(Nics *ret);
void nics_done(Nics *n);

/* Puts the NIC with that number first; the others keep their order. */
void nics_put_first(Nics *n, unsigned ifindex);

/* Takes back what 80-scaleway.network has set for this initrd alone: no duplicate address detection. Returns 0 or the
 * first negative errno. */
_must_check_ int nics_restore(const Nics *n);

/* Takes each of them down, without addresses, and as the kernel would have it: ready for whoever configures it next.
 * Returns 0 or the first negative errno. */
_must_check_ int nics_take_down(const Nics *n);

/* Has what is configured on them outlive the leases by which it came. Returns 0 or the first negative errno. */
_must_check_ int nics_hold(const Nics *n);
