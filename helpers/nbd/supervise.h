/* SPDX-License-Identifier: MIT */
#pragma once

#include "attach.h"

/* attach_volume(), and then stays until the device is detached, and connects it again whenever its link is lost. Tells
 * systemd when it is attached (READY=1). From then on it needs no file but those it has open, no memory that it has not
 * got, and no name server: what it looks after may be the root. Logs. Returns 0 when somebody has detached the device,
 * or a negative errno if it could not be attached; if it is attached but cannot be looked after, that is a warning and
 * 0. */
_must_check_ int supervise_volume(const AttachOptions *o);
