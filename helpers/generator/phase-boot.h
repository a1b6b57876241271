/* SPDX-License-Identifier: MIT */
#pragma once

/* The second phase: command line and tags, for the units of scaleway-boot.target, into /run/systemd/system. Logs;
 * returns 0 or a negative errno. */
int phase_boot(void);
