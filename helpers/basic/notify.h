/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* True if the service manager listens, sd_notify(3): the unit has NotifyAccess=. */
bool notify_is_possible(void);

/* Tells it one thing, such as "EXTEND_TIMEOUT_USEC=90000000". Nothing happens without a listener. Returns 0 or a negative errno. */
_must_check_ int notify_send(const char *state);
