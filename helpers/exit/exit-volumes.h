/* SPDX-License-Identifier: MIT */
#pragma once

#include "nbd-record.h"
#include "nbd-status.h"
#include "network-path.h"
#include "time-util.h"

/* What is on the other side of the network: the attached NBD volumes, and the NFS server of a root. */
typedef struct ExitVolume {
        bool attached; /* as the kernel says */
        bool lost;     /* given up */
        NbdLink link;
        bool long_dead;   /* the link has been down for a while, and its supervisor has tried all along */
        pid_t supervisor; /* 0: none that lives */
        bool has_path;
        NetworkPath path;
} ExitVolume;

typedef struct ExitVolumes {
        ExitVolume nbd[NBD_INDEX_MAX + 1];
        bool has_nfs;
        NetworkPath nfs;
} ExitVolumes;

/* Reads the records anew, as the supervisors keep them; what was lost stays lost. */
void volumes_read(ExitVolumes *v);

/* Mends the way to each server that cannot be reached. Says what it has mended. */
void volumes_repair(ExitVolumes *v);

/* Waits until each volume has its link, at most up to the deadline (of exit_now()), mending the ways meanwhile. A
 * volume that nobody connects again is not waited for; one whose link has been dead for long only up to the first
 * deadline. */
void volumes_wait(ExitVolumes *v, usec_t deadline_long_dead, usec_t deadline);

/* True if one of them has no link, or has been given up. */
bool volumes_one_is_down(const ExitVolumes *v);

/* Ends the connections of those whose link is down by now: whoever waits for them gets an error, and goes on. Returns
 * how many. */
unsigned volumes_give_up(ExitVolumes *v, usec_t deadline);

/* Writes what the kernel still has for them and ends all connections, so that the servers are told. */
void volumes_detach(ExitVolumes *v, usec_t deadline);
