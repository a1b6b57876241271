/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What follows the fingerprint in the line that ssh-keygen -l would show; by it a later boot knows its own. */
#define FINGERPRINT_COMMENT "root@initrd"

/* Sets the user data ssh-host-fingerprints to the line, unless the host has said its own there. What the platform does not allow is a
 * word and no error. Logs; returns 0 or a negative errno. */
_must_check_ int publish(const char *line);
