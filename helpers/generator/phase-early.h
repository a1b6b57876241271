/* SPDX-License-Identifier: MIT */
#pragma once

/* The first phase: what the command line alone decides, for units that run before the metadata are there. early is
 * the directory that systemd.generator(7) passes as its second argument. Logs; returns 0 or a negative errno. */
int phase_early(const char *early);
