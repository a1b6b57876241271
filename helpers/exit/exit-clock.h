/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "time-util.h"

/* The limits of the way back are for servers that are gone. One that is there and slow is not to lose what it is being given: as long as
 * it takes it, the clock that all limits are measured by stands still, in all processes of the way back, up to a maximum. */

/* Has the clock be the same one in all processes that are started from here on. Returns 0 or a negative errno: then it stands still in
 * this one alone. */
_must_check_ int exit_clock_open(void);

/* now_usec(), without the time for which it stood still. */
usec_t exit_now(void);

/* Looks how much is still to be written, in a file like /proc/meminfo, and whether it has become less; to be called about every second. now
 * is that of now_usec(). While a link is down the clock goes on. */
void exit_clock_look(const char *meminfo, bool links_are_up, usec_t now);
