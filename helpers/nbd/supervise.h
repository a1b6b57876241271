/* SPDX-License-Identifier: MIT */
#pragma once

#include "attach.h"

/* attach_volume(), and then stays until the device is detached, and connects it again whenever its link is lost. Tells
 * systemd when it is attached (READY=1). From then on it needs no file but those it has open, no memory that it has not
 * got, and no name server: what it looks after may be the root. Logs. Returns 0 when somebody has detached the device,
 * or a negative errno if it could not be attached; if it is attached but cannot be looked after, that is a warning and
 * 0. */
_must_check_ int supervise_volume(const AttachOptions *o);

/* The same for a volume that is attached, as its record says, and that nobody looks after any more. The socket of the link is the one that the
 * service manager has kept, or that we were started with (notify_kept_fds()); without one the server is connected once more. Logs. Returns 0
 * when somebody has detached the device, -ENODEV if it is not attached, -EBADMSG if there is no record that can be used, -EBUSY if it is not
 * what that says or is looked after already; another negative errno if something failed that may work the next time. */
_must_check_ int supervise_again(unsigned index);
