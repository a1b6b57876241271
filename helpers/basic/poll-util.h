/* SPDX-License-Identifier: MIT */
#pragma once

#include <poll.h>

#include "time-util.h"

/* poll(2) with a deadline, which signals do not put off; USEC_INFINITY: as long as it takes. Returns how many of the n descriptors have
 * something, 0 if the time is over, which is looked at first, or a negative errno. */
_must_check_ int poll_until(struct pollfd fds[], size_t n, usec_t deadline);

/* True as soon as fd is readable; a pidfd is when its process has ended. False if the time is over. A negative fd never is readable: that
 * waits for the deadline. */
bool poll_readable(int fd, usec_t deadline);
