/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Has the host's systemd leave a mark when a shutdown begins, for what looks after the root's server: nbd/shutdown-watch.h. Returns 0 or a
 * negative errno. */
_must_check_ int shutdown_units_write(const Boot *b);

/* The same, for a root on an NBD volume or over NFS: and has it hold in memory what it needs to get that far without the root. */
_must_check_ int shutdown_units_write_root(const Boot *b);
