/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

#define HANDED_OVER "/run/systemd/system" /* where the host's systemd reads it */

/* Copies a shipped unit, by its name, to where the host's systemd reads it: nothing but /run is common to both, and a
 * service goes on after the switch only if the host's systemd knows its unit. One that cannot be read is a warning that
 * says what comes of it. Returns 0 or a negative errno. */
_must_check_ int host_unit_copy(const Boot *b, const char *unit, const char *otherwise);
