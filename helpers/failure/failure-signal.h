/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "macro.h"

/* Starts scw-signal-state(1) with "failed: REASON" as the state, if $SCALEWAY_FAILURE_STATE says that the states of this boot are
 * signalled. It goes on in the background: a control plane that does not answer keeps nobody from the shell. Returns its pid, 0 if
 * nothing is signalled or it could not be started, which is logged. */
pid_t failure_signal_start(const char *reason);

/* Gives the signal a last moment and ends it. 0 is fine. */
void failure_signal_end(pid_t pid);
