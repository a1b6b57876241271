/* SPDX-License-Identifier: MIT */
#pragma once

#include "root-probe.h"

/* Has the encrypted volume at path unlocked: by scaleway-unlock.service if this is a unit itself, else by scaleway-unlock(8), which then asks
 * at this terminal. That takes as long as a person takes. shown: path for messages; probe: of that device; wanted: what root= names,
 * which may be a name for the mapping, or NULL. *ret is the path of the mapping, to be freed. Returns 0 or, after one line in the log, a
 * negative errno; who was to unlock it may have told that line. */
_must_check_ int root_unlock(const char *path, const char *shown, const RootProbe *probe, const char *wanted, char **ret);
