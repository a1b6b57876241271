/* SPDX-License-Identifier: MIT */
/* scaleway-nbd(8) of the booted system: what is done with volumes that are attached. What it prints and how it ends is the same. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "applet.h"
#include "log.h"
#include "nbd-record.h"
#include "string-util.h"
#include "supervisor-start.h"
#include "verbs.h"

typedef struct NbdVerb {
        const char *name;
        int n_min, n_max; /* arguments */
        int (*run)(char *arguments[]);
} NbdVerb;

/* The unit, and supervisor_start(), call it by the name of a supervisor. For a person it goes to the background. */
static int verb_supervise(char *arguments[]) {
        static char program_name[] = "scaleway-nbd";
        unsigned index;
        pid_t pid;
        int r;

        if (streq(program_invocation_name, NBD_SUPERVISOR_NAME)) {
                program_invocation_short_name = program_name;
                /* In the background nobody sees more. */
                if (getsid(0) == getpid())
                        log_setup(LOG_TARGET_KMSG);
                return verb_supervise_again(arguments);
        }

        r = verb_parse_index(arguments[0], &index);
        if (r < 0)
                return r;
        r = supervisor_start(index, /* link_fd= */ -EBADF, &pid);
        if (r == -ETIMEDOUT)
                return log_error_errno(r, "nbd%u: process %i is to look after it, and has not come to it yet", index, (int) pid);
        if (r < 0)
                return log_error_errno(r, "nbd%u: nothing has begun to look after it, the kernel's log says why: %m", index);
        printf("nbd%u: process %i looks after its link\n", index, (int) pid);
        return 0;
}

int nbd_applet(int argc, char *argv[]) {
        static const NbdVerb verbs[] = {
                {"check",   1, 1, verb_check },
                { "detach", 1, 2, verb_detach},
                { "list",   0, 0, verb_list  },
                { "resize", 1, 1, verb_resize},
                { "status", 0, 1, verb_status},
                { "supervise", 1, 1, verb_supervise},
        };
        int n = argc - 2;

        for (size_t i = 0; n >= 0 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[1], verbs[i].name) && n >= verbs[i].n_min && n <= verbs[i].n_max) {
                        int r = verbs[i].run(argv + 2);

                        if (fflush(stdout) != 0 && r >= 0)
                                r = log_error_errno(errno, "Failed to write the answer: %m");
                        return r < 0 ? EXIT_FAILURE : r;
                }

        log_error("Say status [--json], list, check N, detach [--force] N|all, resize N or supervise N; see scaleway-nbd(8).");
        return EXIT_FAILURE;
}
