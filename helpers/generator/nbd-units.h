/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"
#include "unit-file.h"

/* The drop-in that tells scaleway-nbd@N.service, for the root's volume, what to attach. Returns 0 or a negative errno. */
_must_check_ int nbd_write_root(const Boot *b);

/* Adds to a unit that it requires the root's volume and comes after it; nothing if the root is on none. Returns 0 or
 * -ENOMEM. */
_must_check_ int nbd_require_root(const Boot *b, UnitFile *u);

/* As nbd_write_root() for each other NBD volume of the metadata that the options do not rule out, and what has them attached beside
 * the root and has the switch wait for them. Those that cannot be attached are passed over with a word. Returns 1 if there
 * are any, 0 if not, or a negative errno. */
_must_check_ int nbd_write_others(const Boot *b);

/* Keeps the host's nbd@nbdN.service, of Debian's nbd-client, from being started for a device that is attached: with a line for the root in
 * /etc/nbdtab it would cut the root when it is stopped, at a shutdown at the latest. A condition, where a mask would fail the device
 * units that require it, and with them mounts of the host. A unit that attaches a device itself works as ever. Returns 0 or a negative
 * errno. */
_must_check_ int nbd_guard_attached(const Boot *b);
