/* SPDX-License-Identifier: MIT */
/* scaleway-nbd(8) of the booted system: what needs no server. What it prints and how it ends is the same. */
#include <stdio.h>
#include <stdlib.h>

#include "applet.h"
#include "log.h"
#include "string-util.h"
#include "verbs.h"

typedef struct NbdVerb {
        const char *name;
        int n_min, n_max; /* arguments */
        int (*run)(char *arguments[]);
} NbdVerb;

int nbd_applet(int argc, char *argv[]) {
        static const NbdVerb verbs[] = {
                {"check",   1, 1, verb_check },
                { "detach", 1, 1, verb_detach},
                { "list",   0, 0, verb_list  },
                { "resize", 1, 1, verb_resize},
                { "status", 0, 1, verb_status},
        };
        int n = argc - 2;

        for (size_t i = 0; n >= 0 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[1], verbs[i].name) && n >= verbs[i].n_min && n <= verbs[i].n_max) {
                        int r = verbs[i].run(argv + 2);

                        if (fflush(stdout) != 0 && r >= 0)
                                r = log_error_errno(errno, "Failed to write the answer: %m");
                        return r < 0 ? EXIT_FAILURE : r;
                }

        log_error("Say status [--json], list, check N, detach N|all or resize N; see scaleway-nbd(8).");
        return EXIT_FAILURE;
}
