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

/* If $SCALEWAY_FAILURE_FILE is set, writes the last error line there, unless an earlier failure did: the first one is the
 * reason, later ones follow from it. Never fails visibly. */
void record_failure(void);
