/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* True if the service manager listens, sd_notify(3): the unit has NotifyAccess=. */
bool notify_is_possible(void);

/* Tells it one thing, such as "EXTEND_TIMEOUT_USEC=90000000". Nothing happens without a listener. Returns 0 or a negative errno. */
_must_check_ int notify_send(const char *state);

/* A connection to it, for who will not be able to look up any path later. Returns a file descriptor, -ENOENT without a listener, or another
 * negative errno. */
_must_check_ int notify_open(void);

/* Tells it one thing over that connection, and gives it a file descriptor with it if fd >= 0 ("FDSTORE=1"). Never waits: a manager that does not
 * read is -EAGAIN. Returns 0 or a negative errno. */
_must_check_ int notify_try_send(int notify_fd, const char *state, int fd);

#define NOTIFY_KEPT_FIRST 3

/* How many file descriptors it has kept for this process, sd_listen_fds(3): from NOTIFY_KEPT_FIRST on. They are CLOEXEC then, and asking
 * once more is answered by 0. */
unsigned notify_kept_fds(void);
