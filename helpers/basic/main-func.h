/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdlib.h>

#include "macro.h"

/* Makes main() out of run(argc, argv), which returns 0 or a negative errno, or a positive exit status that has a meaning of its
 * own. run() has logged its failure by then; record_failure() keeps that line for the failure path if the unit asks for it. */
#define DEFINE_MAIN_FUNCTION(run_function)                         \
        int main(int argc, char *argv[]) {                         \
                int r = run_function(argc, argv);                  \
                                                                   \
                if (r < 0)                                         \
                        record_failure();                          \
                return r < 0 ? EXIT_FAILURE : r;                   \
        }

/* parse_argv() of a program whose only options are --help and --version: prints for these and returns 0, else returns 1 with
 * optind (getopt(3)) at the first argument, or -EINVAL after a message. */
_must_check_ int parse_standard_options(int argc, char *argv[], const char *help_text);

/* The same, for a program that takes no arguments either. */
_must_check_ int parse_no_arguments(int argc, char *argv[], const char *help_text);

/* The value of --timeout=, seconds up to a day. Returns 0, or -EINVAL after a message. */
_must_check_ int parse_timeout_option(const char *s, unsigned *ret);

/* What an argument stands for: "env:NAME" for the value of that variable, "" if there is none; anything else for itself. Arguments are in the
 * journal with each line that a program writes (_CMDLINE=), and so on the disk of the host; variables are not. Not to be freed. */
const char *argument_value(const char *argument);

/* If $SCALEWAY_FAILURE_FILE is set, writes the last error line there, unless an earlier failure did: the first one is the
 * reason, later ones follow from it. Never fails visibly. */
void record_failure(void);
