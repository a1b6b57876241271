/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* A shell for a person at the console. All of these take standard input as the terminal. */

/* Makes the terminal usable, whatever mode a program left it in, and takes it as this session's controlling
 * terminal. False if standard input is no terminal. */
bool console_prepare(void);

/* True if no shell may be offered: rd.shell=0 on the kernel command line. */
bool console_shell_is_locked(void);

typedef enum ConsoleAnswer {
        CONSOLE_ENTER,
        CONSOLE_NOTHING, /* in time */
        CONSOLE_EVENT,   /* the descriptor is readable */
        CONSOLE_GONE,    /* the terminal was hung up */
} ConsoleAnswer;

/* Waits, for two seconds at most, until what was written to standard output has left: systemd empties the buffers of a terminal when the
 * next unit takes it. */
void console_drain(void);

/* Forgets what was typed: nobody has answered a question that was not asked yet. Call it before the question is shown. */
void console_forget_input(void);

/* Waits for Enter, until the time deadline (USEC_INFINITY: as long as it takes), or until event_fd
 * is readable if it is not negative. */
ConsoleAnswer console_wait_for_enter(usec_t deadline, int event_fd);

/* Starts an interactive shell that has the terminal, and waits until it has ended or, if event_fd is not negative, until that
 * descriptor is readable; then the shell is hung up. Returns 0, or a negative errno if no shell could be started; how the shell
 * ended does not matter. */
_must_check_ int console_shell(int event_fd);
