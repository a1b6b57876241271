/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* All of these take standard input as the terminal. */

/* Makes the terminal usable, whatever mode a program left it in, and takes it as this session's controlling
 * terminal. False if standard input is no terminal. */
bool console_prepare(void);

/* Forgets what was typed before and waits for Enter. True if it came before the time deadline. If the terminal goes
 * away the rest of the time is waited out. */
bool console_wait_for_enter(usec_t deadline);

/* Starts an interactive shell that has the terminal, and waits until it has ended. Returns 0, or a negative errno
 * if no shell could be started; how the shell ended does not matter. */
_must_check_ int console_shell(void);
