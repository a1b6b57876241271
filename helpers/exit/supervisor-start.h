/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "macro.h"

/* Starts the process that looks after an attached volume, in the background, and waits, at most ten seconds, until it does. link_fd is the
 * socket that the kernel has, or < 0. Nothing of the caller's keeps it or is kept by it: neither the
 * control group of its service or session nor its mounts nor what it has open. Returns 0 and its number, -ETIMEDOUT and its number if it has
 * not come to it yet, which it goes on with, or another negative errno. */
_must_check_ int supervisor_start(unsigned index, int link_fd, pid_t *ret);
