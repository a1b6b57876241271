/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* At the way back whatever touches a disk or a server may never return, so it is done in a process of its own, and the
 * first one only waits, for a limited time. */

/* Called by run_limited() about every second while it waits, if set. */
extern void (*run_idle)(void);

/* f(data), which returns 0 or a negative errno, in a child. Returns what f returned, -ETIMEDOUT if it had not by the
 * deadline (of exit_now(); the child is told to end and left to itself), -ECANCELED if a signal ended it, or another
 * negative errno. */
_must_check_ int run_limited(int (*f)(void *data), void *data, usec_t deadline);
