/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "time-util.h"

/* Ends all processes that may have something of the old root open: not the first one, not this one with its children
 * and those it was started by, no threads of the kernel, and none whose name begins with '@' and that is root's, as
 * those keep storage alive. Waits until they are gone, at most up to the deadline (of now_usec()). Reads /proc, which
 * may hang: for run_limited(). Returns 0, -ETIMEDOUT or another negative errno. */
_must_check_ int processes_end(pid_t self, usec_t deadline);

/* Stops those that this one was started by, but for the first one: they would go on with the root gone. */
void processes_stop_ancestors(void);

/* Lets them go on, as nothing came of it. */
void processes_continue_ancestors(void);

/* Ends the process if it is a supervisor of an NBD volume (nbd-record.h). */
void processes_end_supervisor(pid_t pid);
