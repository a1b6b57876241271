/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* Runs a program (argv[0] is its path, argv ends with NULL) without a shell, with a small environment of its own, and
 * waits for it until the time deadline; then it is killed. *ret_output is what it printed, *ret_message the last line
 * of its standard error that is not empty, printable, or "" if there was none; both are to be freed. Returns the exit
 * status; -ENOENT if there is no such program; -ETIMEDOUT; -EPROTO if a signal ended it; another negative errno.
 * *ret_message is written for -ETIMEDOUT and -EPROTO, too. */
_must_check_ int root_command(const char *const argv[], usec_t deadline, char **ret_output, char **ret_message);

/* The same for a program that may ask a person, and so has no time limit: it keeps our standard input and process group, so that it
 * can ask at a terminal, and what it prints to standard output is lost. on_wait (may be NULL) is called before it is waited for and every
 * few seconds from then on. */
_must_check_ int root_command_person(const char *const argv[], void (*on_wait)(void), char **ret_message);

/* The path of systemctl, as argv[0] for both; $SCALEWAY_SYSTEMCTL_COMMAND if a test has put a program of its own in its place. */
const char *systemctl_program(void);
