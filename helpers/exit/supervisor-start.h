/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "macro.h"

/* Starts the process that looks after an attached volume, in the background, and waits, at most ten seconds, until it does. link_fd is the
 * socket that the kernel has, or < 0. It ends like any other process when it is told to, so that the service or the session that it was
 * started from is not held up. Returns 0 and its number, or a negative errno. */
_must_check_ int supervisor_start(unsigned index, int link_fd, pid_t *ret);
