/* SPDX-License-Identifier: MIT */
#pragma once

/* scw-signal-state(1), of which there are two: signal-state-main.c, and the applet of the static program. Returns 0 or a negative
 * errno after a message. */
int signal_state_run(int argc, char *argv[]);
