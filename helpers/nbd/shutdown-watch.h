/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "reboot-verb.h"
#include "time-util.h"

/* A shutdown may hang long before the way back (scaleway-exit(8)) is reached: on a root whose server is gone, what the
 * first process wants to read never comes. Then the supervisor of the root's volume, which needs nothing of the root,
 * is the one who ends the machine. Nothing here touches more than /run. */
typedef struct ShutdownWatch {
        int run_fd;   /* /run */
        usec_t since; /* of both, link down and shutdown under way; 0: not so */
        RebootVerb verb;
} ShutdownWatch;

/* To be called before the switch: /run is held open. Returns 0 or a negative errno. */
_must_check_ int shutdown_watch_open(ShutdownWatch *w);
void shutdown_watch_done(ShutdownWatch *w);

/* What the system is about to do, or _REBOOT_VERB_INVALID: the FIFO that systemd has made for
 * scaleway-shutdown@VERB.socket, the runlevel that sysvinit or OpenRC has noted. Once the way back has begun it is
 * that one's affair: _REBOOT_VERB_INVALID. */
RebootVerb shutdown_watch_verb(const ShutdownWatch *w);

/* To be called about every second. True as soon as a shutdown has been under way with the link down for as long as that
 * may be: then whoever has the root's volume calls shutdown_watch_end(), and for any other volume the device is
 * disconnected, so that whoever waits for it goes on. */
bool shutdown_watch_check(ShutdownWatch *w, bool link_is_down, usec_t now);

/* Says so and ends the machine. Returns only if the kernel does not do it, a negative errno. */
int shutdown_watch_end(const ShutdownWatch *w, const char *device);
